"""Which ways of starting a sweep work; all others are refused before anything is written."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from zero_dce.sweep.launching.slurm_queue import check_commands
from zero_dce.sweep.plan import NUMBERED, make_loader, names_by_number
from zero_dce.sweep.search.plan import is_search
from zero_dce.train.ending import describe_failure
from zero_dce.train.preflight import check_configuration
from zero_dce.train.rank import started_by

# Where the classes of launchers are that sweeps work with: this package's, and Hydra's own of one process.
LAUNCHERS = ("hydra_plugins.zero_dce.", "hydra._internal.core_plugins.basic_launcher.")
SLURM_LAUNCHER = "hydra_plugins.zero_dce.slurm_launcher.SlurmLauncher"


def check_sweep(config: DictConfig) -> None:
    """Raise ValueError unless one process was started to run the sweep, with a launcher that can start its runs."""
    starter = started_by()
    if starter is not None:
        raise ValueError(
            f"the sweep was started by {starter.name} {starter.started()} times over: each process would run all of "
            "it. Start it once, without: `trainer=ddp trainer.devices=N` gives each run N processes, "
            "hydra/launcher=local several runs at a time, and hydra/launcher=slurm makes each run a job"
        )
    launcher = config.hydra.launcher.get("_target_", "")
    if not launcher.startswith(LAUNCHERS):
        chosen = config.hydra.runtime.choices["hydra/launcher"]
        raise ValueError(
            f"hydra/launcher={chosen} does not go together with training: its runs would share one process's devices, "
            "and their results and failures get lost. Use hydra/launcher=local hydra.launcher.slots=N for N runs at a "
            "time on this machine (on GPUs slots=null: as many as there are), or hydra/launcher=slurm on a cluster"
        )
    if is_search(config) and not names_by_number(config):
        raise ValueError(f"a search names its runs by their numbers, hydra.sweep.subdir={NUMBERED}: leave that out")
    if uses_slurm(config):
        check_commands()


def check_points(config: DictConfig, jobs: Sequence[Sequence[str]]) -> None:
    """Refuse a grid if any of its runs has an unknown option or a value that no run can have, before the first one.

    Composing takes a while, so that not each run is composed but as few as have every value of every key.

    Raises:
        ValueError: if a run cannot work; the message names it.
    """
    points = Points(config)
    seen: set[str] = set()
    for number, job in enumerate(jobs):
        if seen.issuperset(job):
            continue
        seen.update(job)
        try:
            check_configuration(points.compose(job), job)
        except (ValueError, OSError, ModuleNotFoundError, HydraException, OmegaConfBaseException) as error:
            point = f"This is run {number} of the sweep: {' '.join(job)}"
            raise ValueError(f"{describe_failure(error)}\n{point}") from error


class Points:
    """The configurations of a sweep's runs, as Hydra composes them.

    Those that differ from an earlier one only by plain values, such as ``seed``, are copies of it with these values:
    that takes a tenth of the time.
    """

    def __init__(self, config: DictConfig) -> None:
        self._config, self._loader = config, make_loader(config)
        self._composed: dict[tuple[str, ...], DictConfig] = {}

    def compose(self, job: Sequence[str]) -> DictConfig:
        """Return the configuration of a run with these overrides."""
        overrides = OverridesParser.create().parse_overrides(list(job))
        settings = [override for override in overrides if not self._chooses(override)]
        plain = [override for override in settings if self._is_plain(override, settings)]
        pairs = zip(job, overrides, strict=True)
        common = tuple(override.get_key_element() if override in plain else text for text, override in pairs)
        if common not in self._composed:
            self._composed[common] = self._loader.load_sweep_config(self._config, list(job))
        composed = copy.deepcopy(self._composed[common])
        self._loader._apply_overrides_to_config(plain, composed)
        return composed

    def _is_plain(self, override: Override, beside: Sequence[Override]) -> bool:
        """Tell whether an override has one value, and is the only one of the job that sets it."""
        key = override.get_key_element()
        if not re.fullmatch(r"\w+(\.\w+)*", key) or not isinstance(override.value(), str | int | float | bool | None):
            return False
        if sum(_overlap(override, other) for other in beside) > 1:
            return False
        parent, _, name = key.rpartition(".")
        node = OmegaConf.select(self._config, parent) if parent else self._config
        return isinstance(node, DictConfig) and name in node and not OmegaConf.is_config(node._get_node(name))

    def _chooses(self, override: Override) -> bool:
        """Tell whether an override chooses a file, which comes before all that is set."""
        return override.key_or_group in self._config.hydra.runtime.choices and not isinstance(override.value(), dict)


def _overlap(first: Override, second: Override) -> bool:
    """Tell whether two overrides set the same, or one a part of the other: then their order counts."""
    names = [f"{override.key_or_group}." for override in (first, second)]
    return names[0].startswith(names[1]) or names[1].startswith(names[0])


def uses_slurm(config: DictConfig) -> bool:
    """Return whether a sweep's runs are jobs of a SLURM cluster, which this process only waits for."""
    return bool(config.hydra.launcher.get("_target_") == SLURM_LAUNCHER)

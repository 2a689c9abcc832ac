"""What Hydra needs before it composes: the folder of the configuration, its resolvers, this package's plugins."""

from __future__ import annotations

import inspect
import itertools
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import hydra.core.utils
import hydra.errors
import hydra.utils
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from omegaconf import DictConfig, ListConfig, OmegaConf

from hydra_plugins.zero_dce.local_launcher import LocalLauncher
from hydra_plugins.zero_dce.optuna_sweeper import OptunaSweeper
from hydra_plugins.zero_dce.slurm_launcher import SlurmLauncher
from zero_dce.files import write_file
from zero_dce.hardware import best_precision, usable_cores
from zero_dce.records.sweep import run_name, runs_folder

SICE_VARIABLE = "SICE_ROOT"
# Hydra 1.3 behaves like 1.1 unless this is said to it. Hydra 1.4 behaves so anyway, and warns whoever says it.
VERSION_BASE: dict[str, Any] = {} if hasattr(hydra.errors, "Hydra15MigrationWarning") else {"version_base": "1.3"}
# Of which packages a resumed run may make classes; the variable hands it to the fresh processes of a sweep's runs.
ALLOW_OPTION, ALLOW_VARIABLE = "allow_targets=", "ZERO_DCE_ALLOW_TARGETS"
# Hands to the processes that this one starts what the person gave who resumed the run or sweep.
GIVEN_VARIABLE = "ZERO_DCE_GIVEN"
# OmegaConf 2.4 renames the method, and warns of the old name; before 2.4 the new name is that of another one.
_HAS_NEW_NAME = "use_cache" in inspect.signature(OmegaConf.register_resolver).parameters
_register: Callable[..., None] = OmegaConf.register_resolver if _HAS_NEW_NAME else OmegaConf.register_new_resolver
# Hydra 1.4 warns of what is stored again, which 1.3 replaces without asking.
_REPLACE: dict[str, Any] = {"replace": True} if "replace" in inspect.signature(ConfigStore.store).parameters else {}
# What names the class or function of an object that a configuration describes.
TARGET = "_target_"
CONFIG_NAME = "config"
# This package's parts of Hydra itself, of which hydra.callbacks is one.
OF_HYDRA = "hydra_plugins.zero_dce.*"


def config_folder() -> Path:
    """Return the folder of the YAML files: in an installed package ``zero_dce/conf``, in a checkout ``conf``.

    Hydra takes a relative or ``pkg://`` path wrongly in some of these cases; an absolute one works in all.
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def loader_of(main: str | None, added: Iterable[str] = ()) -> ConfigLoaderImpl:
    """Return what composes configurations as Hydra's own does.

    Args:
        main: the folder of the YAML files.
        added: addresses of further ones, as of ``--config-dir``.
    """
    search = create_config_search_path(main)
    for address in added:
        # Where Hydra itself puts them.
        search.prepend("command-line", address, anchor="schema")
    return ConfigLoaderImpl(search)


def register_resolvers() -> None:
    """Register the resolvers that the YAML files use, and the default data; must come before Hydra composes."""
    resolvers: dict[str, Callable[..., Any]] = {
        "best_precision": best_precision,
        "at_most_cores": at_most_cores,
        "runs_folder": lambda run: str(runs_folder(Path(run))),
        "group": lambda run: "/".join(runs_folder(Path(run)).parts[-2:]),
        "run_name": lambda run: run_name(Path(run)),
    }
    for name, function in resolvers.items():
        _register(name, function, replace=True)
    # It has one answer for a whole command.
    _register("new_folder", new_folder, replace=True, use_cache=True)
    # In the list of defaults Hydra 1.4 calls no resolvers.
    ConfigStore.instance().store("default_data", {"defaults": [{"data": default_data()}]}, **_REPLACE)


def register_plugins() -> None:
    """Make this package's launchers and sweepers known to Hydra; must come before it composes.

    Hydra looks for plugins by listing folders, and finds none of a package that is installed to be edited.
    """
    plugins = Plugins.instance()
    # Only now, as it is derived from one of Hydra's own, whose module Hydra executes anew when it looks for plugins.
    from hydra_plugins.zero_dce.grid_sweeper import GridSweeper

    for plugin in (LocalLauncher, SlurmLauncher, GridSweeper, OptunaSweeper):
        plugins.register(plugin)


def write_whole_files() -> None:
    """Let Hydra write its files whole or not at all: it would leave half of one when it is killed."""
    hydra.core.utils._save_config = _write_configuration
    # Only now, as in register_plugins: the module of before would be another one.
    from hydra._internal.core_plugins import basic_sweeper

    basic_sweeper.OmegaConf = _WholeFiles  # type: ignore[attr-defined]


def _write_configuration(cfg: DictConfig, filename: str, output_dir: Path) -> None:
    output_dir.mkdir(parents=True, exist_ok=True)
    write_file(output_dir / filename, OmegaConf.to_yaml(cfg))


class _WholeFiles(OmegaConf):
    """What Hydra's own sweeper, and the one that is derived from it, writes ``multirun.yaml`` by."""

    @staticmethod
    def save(config: Any, f: Any, resolve: bool = False) -> None:
        """Write a configuration to a file's path."""
        write_file(Path(f), OmegaConf.to_yaml(config, resolve=resolve))


def find_targets(node: Any) -> Iterator[str]:
    """Yield the names of all that a configuration or a value in it would make, without resolving anything."""
    if isinstance(node, DictConfig | ListConfig):
        if node._is_missing() or node._is_none() or node._is_interpolation():
            return
        node = OmegaConf.to_container(node, resolve=False)
    if isinstance(node, Mapping):
        for key, value in node.items():
            # A sweep's keys are dotted.
            if str(key).endswith(TARGET):
                yield str(value)
            else:
                yield from find_targets(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from find_targets(value)


def given_overrides(settings: Any) -> list[str]:
    """Return the overrides of the task as they were given, from Hydra's settings of a composed configuration.

    One that holds ``${...}`` would be resolved by looking at the list itself, too early and without the rest.
    """
    given: Any = OmegaConf.to_container(settings.overrides.task, resolve=False)
    return [str(text) for text in given]


def config_flags(settings: Any) -> list[str]:
    """Return Hydra's flags that tell another process where the configuration comes from, from Hydra's own settings."""
    flags = []
    for source in settings.runtime.config_sources:
        if source.provider == "command-line":
            flags += ["--config-dir", source.path]
    name = settings.job.config_name
    return flags if name in (None, CONFIG_NAME) else [*flags, "--config-name", name]


def given_before() -> list[str] | None:
    """Return what the person gave who resumed what this process belongs to; ``None`` if that was begun anew."""
    stored = os.environ.get(GIVEN_VARIABLE)
    return None if stored is None else [str(text) for text in json.loads(stored)]


def named_targets(overrides: Sequence[str]) -> Iterator[str]:
    """Yield the names of all that overrides would make."""
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        yield from override_targets(override)


def override_targets(override: Override) -> Iterator[str]:
    """Yield the names of all that one override would make."""
    value = override.value() if not override.is_delete() else None
    if str(override.key_or_group).endswith(TARGET):
        yield str(value)
    else:
        yield from find_targets(value)


def targets_allowed(names: Iterable[str]) -> AbstractContextManager[None]:
    """Let Hydra make objects of these names, inside a ``with`` block.

    Who gives them has written the configuration, or :mod:`zero_dce.train.stored` has checked them. Hydra 1.4 wants to
    be told what it may import; 1.3 knows no such list.
    """
    allow = getattr(hydra.utils, "execution_whitelist", None)
    return nullcontext() if allow is None else allow(list(names))


def default_data() -> str:
    """Return which data configuration is the default: SICE where ``SICE_ROOT`` is set, else the embedded sample."""
    return "sice" if os.environ.get(SICE_VARIABLE) else "sample"


def new_folder(path: str) -> str:
    """Return the path of a folder that this call has made: ``path``, or where that exists ``path-2``, ``path-3`` ...

    So each of several commands that are started within one second gets a folder of its own.
    """
    for number in itertools.count(1):
        folder = Path(path if number == 1 else f"{path}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError:
            # Making the run's own folder will fail in the same way, with words about it.
            pass
        return str(folder)
    raise AssertionError


def at_most_cores(workers: int) -> int:
    """Return ``workers``, or as many as this process may use cores: more would only get in each other's way."""
    return min(workers, usable_cores())


def is_launched(hydra: Any) -> bool:
    """Tell from Hydra's configuration whether this is a run of a sweep, in the sweep's process or in its own."""
    return not OmegaConf.is_missing(hydra.job, "num")


def quiet() -> None:
    """Silence messages that a user can do nothing about, each by its own text."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_is_useful)
    for message in WARNINGS:
        warnings.filterwarnings("ignore", message=f".*{message}")
    for name in ("lightning.pytorch", "lightning.fabric"):
        _print_plainly(logging.getLogger(name))


def _print_plainly(logger: logging.Logger) -> None:
    """Let Lightning print its messages as such, whether it was imported before Hydra configured logging or after."""
    if logger.propagate:
        logger.addHandler(logging.StreamHandler())
        logger.propagate = False


LOGGERS = (
    "lightning.pytorch.utilities.rank_zero",
    "lightning.fabric.utilities.rank_zero",
    "lightning.pytorch.trainer.connectors.checkpoint_connector",
)
WARNINGS = (
    "treespec, LeafSpec",  # Lightning itself uses this interface of PyTorch
    "Total length of `list` across ranks is zero",  # data.val_fraction=0 is a choice
    "does not have many workers",  # data.num_workers is a choice
    "GPU available but not used",  # trainer.accelerator=cpu is a choice
    "srun.* is available on your system but is not used",  # a run outside SLURM is a choice, on a login node too
    "could be decompression bomb DOS attack",  # the table of unusual images says it
    "smaller than the logging interval",  # steps are logged across epochs
    "`srun` command is available",  # a run of a sweep is outside srun by design
)
MESSAGES = ("litlogger", "TPU available", "weights_only", "`Trainer.fit` stopped", "Tensor Cores")


def _is_useful(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not any(part in message for part in MESSAGES)

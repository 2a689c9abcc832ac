"""What is checked before a run: what cannot work is refused, as much as possible before anything is written.

Most of it is so before PyTorch, Lightning and W&B are imported, for which a mistake need not wait.
"""

from __future__ import annotations

import logging
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict, read_write

from zero_dce.checks import OPTION_VALUES, check_option
from zero_dce.files import ensure_folder, sole_owner
from zero_dce.records.run import ENVIRONMENT, has_checkpoint, path_override
from zero_dce.terminal import explain
from zero_dce.train.configuration import given_overrides
from zero_dce.train.ending import at_end, describe_unknown
from zero_dce.train.loggers import check_packages, check_servers
from zero_dce.train.rank import is_first_process, is_requeued
from zero_dce.weights import WEIGHTS_FILE, is_address

if TYPE_CHECKING:
    import lightning as L

    from zero_dce.train.callbacks.processes import ProcessCheck

log = logging.getLogger(__name__)
# All their options stand in the YAML files, so that one that is added with + is unknown.
COMPLETE_GROUPS = ("data", "loss", "model")
# Options that name a file or a folder that must be there.
NO_ROOT = "data.root is not set: give your images as data.root=DIR, or SICE as SICE_ROOT=DIR in the environment"
PATHS = ("data.root", "callbacks.samples.images", "model.weights", "data.split.manifest")


def check_configuration(config: DictConfig, overrides: Sequence[str]) -> None:
    """Expand ``~`` in paths, pin remote weights to a revision, and refuse values that no run can have.

    Args:
        config: composed; what it says of Hydra itself is not looked at.
        overrides: those of the task, from which it was composed.

    Raises:
        ValueError: if a value is out of its range, or an option is unknown.
        OSError: if a path does not exist, or weights cannot be fetched.
        ModuleNotFoundError: if weights or a logger need a package that is not installed.
    """
    expand_home(config)
    _check_added(config, overrides)
    for name in OPTION_VALUES:
        value = OmegaConf.select(config, name, default=_ABSENT)
        if value is not _ABSENT:
            check_option(name, OmegaConf.to_container(value) if OmegaConf.is_config(value) else value)
    _check_paths(config)
    check_packages(config)


_ABSENT = object()


def expand_home(config: DictConfig | ListConfig) -> None:
    """Replace a leading ``~`` in every text of a configuration by the user's home, as a shell would."""
    keys: Iterable[Any] = range(len(config)) if isinstance(config, ListConfig) else list(config)
    for key in keys:
        if key == "hydra":
            # It keeps the overrides as they were given, such as one that deletes.
            continue
        node = config._get_node(key)
        if isinstance(node, DictConfig | ListConfig):
            if not (node._is_missing() or node._is_none() or node._is_interpolation()):
                expand_home(node)
        elif OmegaConf.is_interpolation(config, key) or OmegaConf.is_missing(config, key):
            continue
        elif isinstance(value := config[key], str) and re.match(r"~[^/\\]*([/\\]|$)", value):
            with read_write(config), open_dict(config) if isinstance(config, DictConfig) else read_write(config):
                config[key] = _home_of(value)


def _home_of(path: str) -> str:
    try:
        return str(Path(path).expanduser())
    except RuntimeError as error:
        raise ValueError(f"{path}: there is no user of that name; expected a path, in which ~ is your home") from error


def _check_added(config: DictConfig, overrides: Sequence[str]) -> None:
    """Raise ValueError if an override adds an option to a group whose options are all in its files."""
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key = str(override.key_or_group)
        group, _, rest = key.partition(".")
        if override.is_add() and group in COMPLETE_GROUPS and rest:
            parent, _, name = key.rpartition(".")
            siblings = [str(other) for other in OmegaConf.select(config, parent, default={}) if other != name]
            raise ValueError(describe_unknown(parent, name, siblings))


def _check_paths(config: DictConfig) -> None:
    if config.data.root == "":
        raise ValueError(NO_ROOT)
    for name in PATHS:
        value = OmegaConf.select(config, name)
        if not value or not isinstance(value, str):
            continue
        if name == "model.weights" and config.resume is not None:
            # A resumed run takes its weights from its own checkpoint.
            continue
        if name == "model.weights" and is_address(value):
            _pin_weights(config, value)
            continue
        if name == "data.split.manifest" and not Path(value).is_absolute():
            # It may also lie in the data's folder.
            continue
        if name == "data.root" and config.data.source.startswith("embedded"):
            continue
        if not Path(value).exists():
            what = f"{value} does not exist; expected a checkpoint"
            if name != "model.weights":
                what = f"the {'file' if name.endswith('manifest') else 'folder'} {value} does not exist"
            raise FileNotFoundError(f"{name}: {what}")


def _pin_weights(config: DictConfig, address: str) -> None:
    """Fetch remote weights, and replace their address by that of their revision.

    What is recorded of the run is then about these weights, and several processes notice if theirs are of another one.
    """
    # Most runs begin with none.
    from zero_dce.remote_weights import fetch_weights

    # Hydra's log would show each request.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    config.model.weights = fetch_weights(address, WEIGHTS_FILE).pinned


def check_run(config: DictConfig, run: Path, launched: bool = False) -> None:
    """Refuse what cannot work before training, and say first what data this is.

    A run that a sweep ``launched`` and that was stopped before its first checkpoint begins anew in its folder.

    Raises:
        ValueError: if a folder is given for the embedded sample, or the run's folder already holds a run.
        ConnectionError: if the run is to log online and cannot.
    """
    if not is_first_process():
        return
    if config.data.source.startswith("embedded"):
        if config.data.root is not None:
            raise ValueError(
                f"data.root={config.data.root} is given, but data=sample has none: add data=sice or data=folder"
            )
        log.warning(
            "Embedded sample data: these are NOT SICE results (for SICE set SICE_ROOT, or data=sice data.root=DIR)"
        )
    can_go_on = has_checkpoint(run)
    # A SLURM job that was requeued before its first checkpoint begins its run again, by the same command.
    anew = launched or is_requeued()
    if config.resume is None and (run / ENVIRONMENT).exists() and (can_go_on or not anew):
        way_out = f", or continue it with {path_override('resume', run)}" if can_go_on else ""
        raise ValueError(f"{run} already holds a run: choose another hydra.run.dir{way_out}")
    check_servers(config)


def check_processes(trainer: L.Trainer, processes: ProcessCheck, in_sweeps_process: bool) -> None:
    """Refuse a number of processes that cannot work, before any is started.

    Raises:
        ValueError: if a launcher that starts no fresh processes is to run several, or another number was started than
            is configured.
    """
    count = trainer.num_devices * trainer.num_nodes
    if in_sweeps_process and count > 1:
        raise ValueError(
            f"a run of {count} processes does not work inside a sweep's own process: each would start the whole sweep "
            "again. Use hydra/launcher=sequential (the default) or local, which start fresh ones"
        )
    processes.check_start(trainer)


def check_and_own(config: DictConfig) -> None:
    """Check a single run's configuration before anything is written, and make its folder; or end the command.

    Other processes are kept out of the folder until this command ends.
    """
    try:
        check_configuration(config, given_overrides(config.hydra))
    except (ValueError, OSError, ModuleNotFoundError) as error:
        # Hydra turns a callback's exceptions into warnings, all but this one.
        sys.exit(explain(error))
    run = Path(config.hydra.run.dir)
    own_folder(run, "hydra.run.dir")


def own_folder(folder: Path, key: str) -> None:
    """Make the folder that the option ``key`` names and keep other processes out of it until this command ends.

    The command ends at once if it cannot be written, or belongs to another process.
    """
    make_folder(folder, key)
    if not is_first_process():
        return
    owned = ExitStack()
    try:
        owned.enter_context(sole_owner(folder))
    except ValueError as error:
        sys.exit(f"{error}, or choose another {key}")
    except OSError as error:
        # Hydra turns a callback's exceptions into warnings, all but this one.
        sys.exit(f"the folder {folder} cannot be written: {error}. Choose another with {key}=DIR")
    at_end(owned.close)


def make_folder(folder: Path, key: str) -> None:
    """Make the folder that the option ``key`` names, or end the command if it cannot be written."""
    if not is_first_process():
        return
    try:
        ensure_folder(folder)
        # The file has a name of its own, as several workers of a search may try the folder at once.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        # Hydra turns a callback's exceptions into warnings, all but this one.
        sys.exit(f"the folder {folder} cannot be written: {error}. Choose another with {key}=DIR")

"""What is checked before a run: what cannot work is refused before anything is written."""

from __future__ import annotations

import logging
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import lightning as L
from omegaconf import DictConfig, OmegaConf

from zero_dce.checks import LARGEST_SEED, check_number
from zero_dce.files import sole_owner
from zero_dce.records.run import ENVIRONMENT, has_checkpoint, path_override
from zero_dce.train.callbacks.processes import ProcessCheck
from zero_dce.train.ending import at_end
from zero_dce.train.rank import is_first_process, is_requeued

log = logging.getLogger(__name__)
FALLBACKS = ("stop", "offline")
# The smallest values of whole numbers that the Trainer does not check, or not in the user's words.
TRAINER_NUMBERS = (
    ("trainer.max_steps", -1),  # -1 means no limit, as in trainer.max_epochs
    ("trainer.accumulate_grad_batches", 1),
    ("trainer.log_every_n_steps", 0),
)


def check_run(config: DictConfig, run: Path, launched: bool = False) -> None:
    """Refuse what cannot work before anything is written, and say first what data this is.

    A run that a sweep ``launched`` and that was stopped before its first checkpoint begins anew in its folder.

    Raises:
        ValueError: if a number of the Trainer is out of its range, a folder is given for the embedded sample, or the
            run's folder already holds a run.
        ConnectionError: if the run is to log online and cannot.
    """
    for name, least in TRAINER_NUMBERS:
        check_number(name, OmegaConf.select(config, name), least, whole=True)
    check_number("seed", config.seed, most=LARGEST_SEED, whole=True)
    if config.trainer.gradient_clip_val is not None:
        check_number("trainer.gradient_clip_val", config.trainer.gradient_clip_val)
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
    check_online(config)


def check_online(config: DictConfig) -> None:
    """Before a run that logs online, see whether it can; go on offline where ``logger.fallback`` says so.

    Raises:
        ConnectionError: if there is no key or no network, and no fallback.
        ValueError: if ``logger.fallback`` is unknown.
    """
    fallback, wandb = (OmegaConf.select(config, f"logger.{name}") for name in ("fallback", "wandb"))
    if fallback is None:
        return
    if fallback not in FALLBACKS:
        raise ValueError(f"logger.fallback is {fallback!r}; expected one of {', '.join(FALLBACKS)}")
    # Only runs that log online need it.
    from zero_dce.connection import check_connection

    try:
        check_connection()
    except ConnectionError as error:
        if fallback == "stop":
            raise ConnectionError(f"{error}. logger=wandb_online logger.fallback=offline trains without it") from error
        log.warning("Training goes on with W&B OFFLINE (logger.fallback=offline): %s", error)
        wandb.mode = "offline"
        wandb.tags = [*wandb.tags, "offline fallback"]


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


def own_folder(run: Path) -> None:
    """Make a single run's folder and keep other processes out of it until this command ends, or end the command."""
    make_folder(run, "hydra.run.dir")
    if not is_first_process():
        return
    owned = ExitStack()
    try:
        owned.enter_context(sole_owner(run))
    except ValueError as error:
        sys.exit(f"{error}, or choose another hydra.run.dir")
    at_end(owned.close)


def make_folder(folder: Path, key: str) -> None:
    """Make the folder that the option ``key`` names, or end the command if it cannot be written."""
    if not is_first_process():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The file has a name of its own, as several workers of a search may try the folder at once.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        # Hydra turns a callback's exceptions into warnings, all but this one.
        sys.exit(f"the folder {folder} cannot be written: {error}. Choose another with {key}=DIR")

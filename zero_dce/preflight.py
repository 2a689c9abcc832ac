"""What is checked before a run: what cannot work is refused before anything is written."""

from __future__ import annotations

import logging
from pathlib import Path

import lightning as L
from omegaconf import DictConfig, OmegaConf

from zero_dce.callbacks.checkpoints import LAST
from zero_dce.checks import check_number
from zero_dce.cluster import is_requeued
from zero_dce.launching.environment import check_not_inside
from zero_dce.launching.slurm_queue import check_commands
from zero_dce.loggers.connection import check_connection
from zero_dce.records import ENVIRONMENT, is_first_process, path_override

log = logging.getLogger(__name__)
FALLBACKS = ("stop", "offline")
# Where the classes of launchers are that sweeps work with: this package's, and Hydra's own of one process.
LAUNCHERS = ("hydra_plugins.zero_dce.", "hydra._internal.core_plugins.basic_launcher.")
SLURM_LAUNCHER = "hydra_plugins.zero_dce.slurm_launcher.SlurmLauncher"
LARGEST_SEED = 2**32 - 1  # NumPy's
# Name and smallest value of whole numbers: what the Trainer does not check, or not in the user's words.
TRAINER_NUMBERS = (
    ("trainer.max_steps", -1),  # without a limit, as with trainer.max_epochs
    ("trainer.accumulate_grad_batches", 1),
    ("trainer.log_every_n_steps", 0),
)


def check_run(config: DictConfig, run: Path, launched: bool = False) -> None:
    """Refuse what cannot work before anything is written, and say first what data this is.

    Args:
        config: the run's configuration.
        run: its folder.
        launched: as a run of a sweep; one that was stopped before its first checkpoint is begun anew in its folder.

    Raises:
        ValueError: if a number of the Trainer is out of its range, a folder is given for the embedded sample, or the
            run's folder already holds a run.
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
    can_go_on = (run / "checkpoints" / LAST).exists()
    # A SLURM job that was requeued before its first checkpoint begins its run again, by the same command.
    anew = launched or is_requeued()
    if config.resume is None and (run / ENVIRONMENT).exists() and (can_go_on or not anew):
        way_out = f", or continue it with {path_override('resume', run)}" if can_go_on else ""
        raise ValueError(f"{run} already holds a run: choose another hydra.run.dir{way_out}")


def check_online(config: DictConfig) -> None:
    """Before a run that logs online, see whether it can; go on offline where ``logger.fallback`` says so.

    Raises:
        ConnectionError: if there is no key or no network, and no fallback.
        ValueError: if ``logger.fallback`` is unknown.
    """
    fallback, wandb = (OmegaConf.select(config, f"logger.{name}") for name in ("fallback", "wandb"))
    if fallback is None or not is_first_process():
        return
    if fallback not in FALLBACKS:
        raise ValueError(f"logger.fallback is {fallback!r}; expected one of {', '.join(FALLBACKS)}")
    try:
        check_connection()
    except ConnectionError as error:
        if fallback == "stop":
            raise ConnectionError(f"{error}. logger=wandb_online logger.fallback=offline trains without it") from error
        log.warning("Training goes on with W&B OFFLINE (logger.fallback=offline): %s", error)
        wandb.mode = "offline"
        wandb.tags = [*wandb.tags, "offline fallback"]


def check_single_process(trainer: L.Trainer, in_sweeps_process: bool) -> None:
    """Refuse several processes inside the process that runs a sweep, before any is started.

    Raises:
        ValueError: if a launcher that starts no fresh processes is to run several.
    """
    count = trainer.num_devices * trainer.num_nodes
    if in_sweeps_process and count > 1:
        raise ValueError(
            f"a run of {count} processes does not work inside a sweep's own process: each would start the whole sweep "
            "again. Use hydra/launcher=sequential (the default) or local, which start fresh ones"
        )


def check_sweep(config: DictConfig) -> None:
    """Refuse ways of starting a sweep that cannot work.

    Raises:
        ValueError: if several processes were started to run the sweep, the launcher is one that would start runs in
            a way that does not go together with training, or it lacks what it needs.
    """
    check_not_inside("the sweep")
    launcher = config.hydra.launcher.get("_target_", "")
    if not launcher.startswith(LAUNCHERS):
        chosen = config.hydra.runtime.choices["hydra/launcher"]
        raise ValueError(
            f"hydra/launcher={chosen} does not go together with training: its runs would share one process's devices, "
            "and their results and failures get lost. Use hydra/launcher=local hydra.launcher.slots=N for N runs at a "
            "time on this machine (on GPUs slots=null: as many as there are), or hydra/launcher=slurm on a cluster"
        )
    if uses_slurm(config):
        check_commands()


def uses_slurm(config: DictConfig) -> bool:
    """Tell whether a sweep's runs are jobs of a SLURM cluster, and this process only waits for them."""
    return bool(config.hydra.launcher.get("_target_") == SLURM_LAUNCHER)

"""What is checked before a run: what cannot work is refused before anything is written."""

from __future__ import annotations

import logging
from pathlib import Path

import lightning as L
from omegaconf import DictConfig, OmegaConf

from zero_dce.callbacks.checkpoints import LAST
from zero_dce.checks import check_number
from zero_dce.cluster import is_requeued
from zero_dce.loggers.connection import check_connection
from zero_dce.records import ENVIRONMENT, is_first_process

log = logging.getLogger(__name__)
FALLBACKS = ("stop", "offline")
LARGEST_SEED = 2**32 - 1  # NumPy's
# Name and smallest value of whole numbers: what the Trainer does not check, or not in the user's words.
TRAINER_NUMBERS = (
    ("trainer.max_steps", -1),  # without a limit, as with trainer.max_epochs
    ("trainer.accumulate_grad_batches", 1),
    ("trainer.log_every_n_steps", 0),
)


def check_run(config: DictConfig, run: Path) -> None:
    """Refuse what cannot work before anything is written, and say first what data this is.

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
    if config.resume is None and (run / ENVIRONMENT).exists() and (can_go_on or not is_requeued()):
        way_out = f", or continue it with resume={run}" if can_go_on else ""
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


def check_single_process(trainer: L.Trainer, in_sweep: bool) -> None:
    """Refuse several processes inside a sweep, before any is started.

    Raises:
        ValueError: if a sweep asks for several processes a run.
    """
    count = trainer.num_devices * trainer.num_nodes
    if in_sweep and count > 1:
        raise ValueError(
            f"a run of {count} processes does not work inside a sweep: each process would start the whole sweep again. "
            "Use trainer.devices=1, or start the runs one by one with hydra.mode=RUN"
        )

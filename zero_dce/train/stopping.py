"""How a run is stopped by a signal and goes on: at the end of a step, with a checkpoint, under SLURM requeued."""

from __future__ import annotations

import logging
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
import lightning as L
import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector
from omegaconf import DictConfig

from zero_dce.files import read_object, write_json
from zero_dce.records.run import has_checkpoint
from zero_dce.signals import REQUEUE, SIGNALS, Interrupted, StopSignals
from zero_dce.step.reading import is_read
from zero_dce.train.callbacks.checkpoints import StepCheckpoints
from zero_dce.train.continuing import resume_command
from zero_dce.train.rank import is_first_process, is_started_by_srun, slurm_job

log = logging.getLogger(__name__)
# A run that gets nowhere is requeued at most so often: its time limit may be shorter than its start takes.
MOST_WITHOUT_A_STEP = 3
# This file in the run's folder counts how often that was.
REQUEUES = "requeues.json"
SECONDS_FOR_SCONTROL = 60.0
# SLURM usually ends a job that it requeues within seconds.
SECONDS_TO_BE_ENDED = 300.0


class _OwnHandlersStay(_SignalConnector):
    """Keep the Trainer from installing its handler of SIGTERM: it waits for other processes, which may wait too."""

    def register_signal_handlers(self) -> None:
        self.received_sigterm = False
        # The Trainer gives these handlers back at the end; by itself it leaves Ctrl-C ignored after one.
        self._original_handlers = self._get_current_signal_handlers()


class Interruption(L.Callback):
    """Check after each optimizer step whether a signal came, and stop if so.

    Several processes ask each other after the steps of :func:`zero_dce.step.reading.is_read`, and all of them stop.
    :class:`~zero_dce.train.callbacks.checkpoints.StepCheckpoints` writes the checkpoint, as ``last.ckpt`` only. The
    run stops where the next batch would begin: the step's losses, pictures and validation are on disk by then. When
    there is no next batch the run has finished, and finishes.

    Args:
        signals: open while the Trainer runs.
    """

    def __init__(self, signals: StopSignals) -> None:
        self.signals = signals
        self._step = 0
        self._agreed: signal.Signals | None = None
        self._checkpoints: StepCheckpoints | None = None

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Let signals be noted from here on, as processes may wait for each other now."""
        trainer._signal_connector = _OwnHandlersStay(trainer)
        # The Trainer asks the first process at each batch for a SIGTERM, which it never hears of: see above.
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None  # type: ignore[method-assign]
        callbacks = trainer.callbacks  # type: ignore[attr-defined]
        self._checkpoints = next((part for part in callbacks if isinstance(part, StepCheckpoints)), None)
        if stage == "fit":
            self.signals.defer()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin to count steps."""
        self._step = trainer.global_step

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Agree with the other processes when a step has ended; under gradient accumulation not every batch ends one.

        The checkpoints, which the Trainer calls after all others, write this step's then.
        """
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        self._agreed = self._agree(trainer)
        if self._agreed is None:
            return
        # From here on SIGTERM may be SLURM's answer to the first process, which may be ahead of this one.
        self.signals.terminated = False
        _release_processes(trainer)
        if self._checkpoints is not None:
            self._checkpoints.request()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Stop: what belongs to the step is logged by now.

        Raises:
            Interrupted: on all processes, before the same batch.
        """
        if self._agreed is None:
            return
        if self._checkpoints is not None:
            self._checkpoints.confirm(trainer)
        raise Interrupted(self._agreed, self._step, saved=self._checkpoints is not None)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Take along the processes that the Trainer has started, where one stops without having asked them."""
        if isinstance(exception, Interrupted) and self._agreed is None and trainer.strategy.launcher is not None:
            trainer.strategy.launcher.kill(signal.SIGTERM)
            _release_processes(trainer)

    def _agree(self, trainer: L.Trainer) -> signal.Signals | None:
        """Return the signal that counts among those of all processes; ``None`` where none has any."""
        own = self.signals.received
        if trainer.world_size == 1:
            return own
        if not is_read(trainer, trainer.global_step):
            return None
        number = 0 if own is None else 1 + SIGNALS.index(own)
        tensor = torch.tensor(number, device=trainer.strategy.root_device)
        most = int(trainer.strategy.reduce(tensor, reduce_op="max"))
        return None if most == 0 else SIGNALS[most - 1]


def _release_processes(trainer: L.Trainer) -> None:
    """Let processes that the Trainer has started end by themselves.

    It watches them, and kills this process when one ends with another code than 0, as an interrupted one does.
    """
    if isinstance(trainer.strategy.launcher, _SubprocessScriptLauncher):
        # The Trainer watches this very list.
        trainer.strategy.launcher.procs.clear()


class RequeueError(OSError):
    """A job that was to be requeued was not; the message says why and how to go on by hand."""


@contextmanager
def requeue_when_stopped(run: Path, signals: StopSignals, in_sweep: bool) -> Iterator[None]:
    """After a run that :class:`~zero_dce.signals.Interrupted` ended: requeue its SLURM job, or say how to go on.

    The job is requeued at SIGUSR1 and SIGUSR2. It must be the outermost block of a run inside that of ``signals``, so
    that everything is written and closed: it goes on until SLURM ends the process, and passes the exception on then.
    The job of a sweep, which runs several in this process, would begin it anew and is not requeued.

    Raises:
        RequeueError: if the job was not requeued, instead of the exception.
    """
    try:
        yield
    except Interrupted as stop:
        stop.told = True
        job = slurm_job() if stop.signal in REQUEUE and not in_sweep else None
        if job is not None:
            _requeue(job, stop, run, signals)
        elif is_first_process():
            log.warning(_describe(stop, run))
        raise


def _requeue(job: str, stop: Interrupted, run: Path, signals: StopSignals) -> None:
    first = is_first_process()
    if first:
        _count(job, stop, run)
        _scontrol(job, run, signals)
    # A process that ended now would end the job before SLURM has requeued it.
    ended = _wait(signals)
    if first and not ended:
        raise RequeueError(
            f"SLURM accepted to requeue job {job} and has not ended it within {SECONDS_TO_BE_ENDED:.0f} s. "
            f"{_continue_with(run)}"
        ) from None


def _count(job: str, stop: Interrupted, run: Path) -> None:
    """Count how often in a row the run got nowhere, and refuse to go on like that for ever."""
    file = run / REQUEUES
    if stop.saved:
        file.unlink(missing_ok=True)
        return
    count = 1 + (read_object(file, {"without_a_step": int}) or {"without_a_step": 0})["without_a_step"]
    if count > MOST_WITHOUT_A_STEP:
        file.unlink()
        raise RequeueError(
            f"job {job} was stopped {count} times in a row before it had saved a step, and is not requeued again: its "
            f"time limit may be shorter than its start takes. Give it more, by sbatch --time. {_continue_with(run)}"
        ) from None
    write_json(file, {"without_a_step": count})


def _scontrol(job: str, run: Path, signals: StopSignals) -> None:
    command = ["scontrol", "requeue", job]
    log.warning("stopped for SLURM, which is asked to start job %s again: %s", job, " ".join(command))
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            check=False,
            timeout=SECONDS_FOR_SCONTROL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RequeueError(f"job {job} was not requeued: {error}. {_continue_with(run)}") from None
    # SLURM may end the job, and this command with it, before the command has answered.
    if done.returncode > 0 or (done.returncode < 0 and not signals.terminated):
        said = done.stdout.strip() or "nothing"
        raise RequeueError(
            f"job {job} was not requeued: {' '.join(command)} ended with {done.returncode} and said: {said}. "
            f"{_continue_with(run)}"
        ) from None


def _wait(signals: StopSignals) -> bool:
    """Wait for SLURM to end this process; tell whether it does."""
    until = time.monotonic() + SECONDS_TO_BE_ENDED
    while not signals.terminated and time.monotonic() < until:
        time.sleep(0.1)
    return signals.terminated


def _continue_with(run: Path) -> str:
    if has_checkpoint(run):
        return f"Continue with: {resume_command(run)}"
    return "There is no checkpoint to continue from: start the run anew"


def _describe(stop: Interrupted, run: Path) -> str:
    """Say when a run was stopped and how it goes on."""
    when = "before training began" if stop.step is None else f"after step {stop.step}"
    if stop.at_once:
        when = "at once, in the middle of a step"
    lost = ""
    if stop.step is not None and not stop.saved:
        lost = " WITHOUT a checkpoint of that step, because callbacks.checkpoints is null"
    return f"stopped by {stop.cause} {when}{lost}. {_continue_with(run)}"


def with_cluster(trainer: DictConfig) -> dict[str, Any]:
    """Return what to add to the Trainer's arguments: SLURM's environment beside plugins that are configured.

    By itself the Trainer would requeue the job, with a checkpoint written inside the signal handler: that never returns
    when processes are in the middle of a step. An environment that is configured stays.
    """
    if not is_started_by_srun():
        return {}
    configured = trainer.get("plugins") or []
    made = hydra.utils.instantiate(configured)
    parts = list(made) if not isinstance(made, str) and hasattr(made, "__iter__") else [made]
    if any(isinstance(part, ClusterEnvironment) for part in parts):
        return {}
    return {"plugins": [*parts, SLURMEnvironment(auto_requeue=False)]}

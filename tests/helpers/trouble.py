"""Callbacks that make trouble in a run, for tests of what becomes of a sweep: added by `+callbacks.trouble=...`."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import lightning as L


class Kill(L.Callback):
    """Kill one process of a run before a step."""

    def __init__(self, rank: int, step: int) -> None:
        self.rank, self.step = rank, step

    def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
        if trainer.global_rank == self.rank and trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


class Wait(L.Callback):
    """Stop before a step until a file is there; say by another file, named by the process's id, that it waits."""

    def __init__(self, folder: str, step: int) -> None:
        self.folder, self.step = Path(folder), step

    def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
        if trainer.global_step == self.step and not (self.folder / "go").exists():
            (self.folder / f"waits-{os.getpid()}").touch()
            while not (self.folder / "go").exists():
                time.sleep(0.02)


class StepRecord(L.Callback):
    """Write down each step of each process, in a file for each run and rank, when it is done.

    The file is never replaced, so it tells what was trained twice, which the run's own table cannot. Its lines are
    ``TIME PROCESS WORD STEP``, where the word is ``begin`` or ``step``; two processes that train one run at the same
    time take turns in it.

    Args:
        run: the run's folder.
        records: the folder for the files.
        pause: seconds after each step, so that a trouble can meet a run between two; they change none of its numbers.
    """

    def __init__(self, run: str, records: str, pause: float = 0.0) -> None:
        self.run, self.records, self.pause, self.done = Path(run), Path(records), pause, -1

    def on_train_start(self, trainer: L.Trainer, *_: Any) -> None:
        self.done = trainer.global_step
        self._write(trainer, "begin")

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        if trainer.global_step != self.done:
            self.done = trainer.global_step
            self._write(trainer, "step")
            time.sleep(self.pause)

    def _write(self, trainer: L.Trainer, word: str) -> None:
        line = f"{time.time():.3f} {os.getpid()} {word} {trainer.global_step}\n"
        file = self.records / f"{self.run.name}-{trainer.global_rank}"
        # One write of a short line at the end of a file is whole, or not there.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, line.encode())
        os.close(descriptor)

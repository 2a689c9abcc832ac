"""A run of a sweep as something to start: its number, its folder, its command line, and what became of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException
from omegaconf import DictConfig, OmegaConf

from zero_dce.files import write_json
from zero_dce.records.run import HYDRA, RESULT, RESUMED, has_checkpoint, read_result, read_rows, run_state
from zero_dce.sweep.plan import config_flags, place_jobs, without_resume
from zero_dce.train.command_line import as_rank, quoted

log = logging.getLogger(__name__)
# Hydra's own settings that belong to the whole sweep, or that the job gets anew.
OF_THE_SWEEP = (
    *("hydra/launcher", "hydra/sweeper", "hydra.launcher", "hydra.sweeper", "hydra.sweep", "hydra.run"),
    *("hydra.mode", "hydra.output_subdir", "hydra.job.num"),
)


class RunError(CompactHydraException):
    """A run of a sweep did not finish; the message says which and why."""


@dataclass(frozen=True)
class Job:
    """One run of a sweep: its number, its overrides (those of the task) and its folder."""

    number: int
    overrides: tuple[str, ...]
    run: Path

    def arguments(self, settings: Sequence[str], rank: int = 0) -> list[str]:
        """Return the command line that starts the run, or continues it where it has a checkpoint.

        Args:
            settings: Hydra's settings of the sweep, see :func:`hydra_settings`.
            rank: only the first process writes the configuration; each has a log of its own.
        """
        # Hydra's flags, which the settings begin with, must not stand between overrides.
        line = [*settings, *self.overrides, *self.resume_overrides(), "hydra.mode=RUN"]
        line += [f"hydra.run.dir={quoted(self.run)}", f"hydra.job.num={self.number}"]
        return as_rank(line, rank)

    def resume_overrides(self) -> list[str]:
        """Return what makes the run continue from its last checkpoint; nothing where it has none."""
        if not has_checkpoint(self.run):
            return []
        return [f"resume={quoted(self.run)}", f"hydra.output_subdir={RESUMED}"]

    def ended(self) -> JobReturn:
        """Return what Hydra wants to know of an ended run; the truth is in its ``result.json``."""
        state = run_state(self.run)
        if state == "finished":
            return JobReturn(overrides=self.overrides, status=JobStatus.COMPLETED)
        error = (read_result(self.run) or {}).get("error") or f"see {self.run}"
        return JobReturn(
            overrides=self.overrides,
            status=JobStatus.FAILED,
            _return_value=RunError(f"run {self.number} {state}: {error}"),
        )

    def explain(self, error: str) -> None:
        """Write a ``result.json`` for a run whose processes ended without one, or add to the error that it names."""
        result = read_result(self.run)
        if result is None:
            result = {"name": None, "weights": _weights(self.run), "measures": {}}
            result["last_step"] = max(read_rows(self.run), default=0)
        elif result["error"]:
            error = f"{error}; {result['error']}"
        write_json(self.run / RESULT, {**result, "state": "failed", "error": error})


def jobs_to_run(
    config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int, retry_failed: bool
) -> tuple[list[Job], list[Job]]:
    """Return all jobs that Hydra asks for, and those of them that are still to run.

    In a new sweep these are all. In a continued one finished runs are left out, and failed ones unless they are to be
    tried again.

    Args:
        config: the sweep's configuration.
        job_overrides: the overrides of each job, as Hydra gives them.
        first: the number of the first job.
        retry_failed: run failed ones again.
    """
    folder = Path(config.hydra.sweep.dir).resolve()
    lines = [without_resume(overrides) for overrides in job_overrides]
    numbers = place_jobs(folder, lines, first, new=not config.resume)
    jobs = [Job(number, tuple(line), folder / str(number)) for number, line in zip(numbers, lines, strict=True)]
    return jobs, [job for job in jobs if is_left(job.run, retry_failed)]


def is_left(run: Path, retry_failed: bool) -> bool:
    """Tell whether a run of a sweep is still to be run."""
    return run_state(run) not in ({"finished"} if retry_failed else {"finished", "failed"})


def hydra_settings(config: DictConfig) -> list[str]:
    """Return the settings of Hydra itself that a sweep was started with and that each of its runs needs too."""
    given: Any = OmegaConf.to_container(config.hydra.overrides.hydra)
    return [*config_flags(config), *(text for text in given if not text.lstrip("+~").startswith(OF_THE_SWEEP))]


def _weights(run: Path) -> Any:
    file = run / HYDRA / "config.yaml"
    return OmegaConf.to_container(OmegaConf.load(file).loss.weights) if file.is_file() else None

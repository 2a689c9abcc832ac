"""A run of a sweep as something to start: its number, its folder, its command line, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException
from omegaconf import DictConfig, OmegaConf

from zero_dce.files import write_json
from zero_dce.records.configuration import select_option
from zero_dce.records.run import HYDRA, RESULT, RESUMED, has_checkpoint, read_result, read_rows, run_state
from zero_dce.records.sweep import PLAN, read_plan, run_folder
from zero_dce.sweep.plan import number_jobs, run_folders, without_resume
from zero_dce.train.command_line import OF_THE_SWEEP, as_rank, quoted
from zero_dce.train.configuration import config_flags


class RunError(CompactHydraException):
    """A run of a sweep did not finish; the message says which and why."""


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep: its number, its overrides (those of the task) and its folder."""

    number: int
    overrides: tuple[str, ...]
    folder: Path

    def arguments(self, settings: Sequence[str], rank: int = 0) -> list[str]:
        """Return the command line that starts one of the run's processes, or continues it if it has a checkpoint.

        ``settings`` are Hydra's, by :func:`hydra_settings`. Only the first process writes the configuration, and each
        has its own log.
        """
        # The settings begin with Hydra's flags, which must not stand between overrides.
        line = [*settings, *self.overrides, *self.resume_overrides(), "hydra.mode=RUN"]
        line += [f"hydra.run.dir={quoted(self.folder)}", f"hydra.job.num={self.number}"]
        return as_rank(line, rank)

    def resume_overrides(self) -> list[str]:
        """Return the overrides that continue the run from its last checkpoint; none if it has no checkpoint."""
        if not has_checkpoint(self.folder):
            return []
        return [f"resume={quoted(self.folder)}", f"hydra.output_subdir={RESUMED}"]

    def job_return(self) -> JobReturn:
        """Return what Hydra wants to know about the run after its end, as its ``result.json`` says."""
        state = run_state(self.folder)
        if state == "finished":
            return JobReturn(overrides=self.overrides, status=JobStatus.COMPLETED)
        error = (read_result(self.folder) or {}).get("error") or f"see {self.folder}"
        failure = RunError(f"run {self.number} {state}: {error}")
        return JobReturn(overrides=self.overrides, status=JobStatus.FAILED, _return_value=failure)

    def record_failure(self, error: str) -> None:
        """Write a ``result.json`` for a run whose processes ended without one, or add to the error in the one there."""
        result = read_result(self.folder)
        if result is None:
            last = max(read_rows(self.folder), default=0)
            result = {"name": None, "weights": _weights(self.folder), "measures": {}, "last_step": last}
        elif result["error"]:
            error = f"{error}; {result['error']}"
        write_json(self.folder / RESULT, {**result, "state": "failed", "error": error})


def select_runs(
    config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int, retry_failed: bool
) -> tuple[list[SweepRun], list[SweepRun]]:
    """Return all runs that Hydra asks for, numbered from ``first`` on, and those of them that are left to do.

    In a new sweep all are left. In a continued one finished runs are not, and failed ones only with ``retry_failed``.
    """
    folder = Path(config.hydra.sweep.dir).resolve()
    lines = [without_resume(overrides) for overrides in job_overrides]
    numbers = number_jobs(folder, lines, first, new=not config.resume)
    plan = read_plan(folder)
    # A shuffled grid comes in another order than the one that the plan was written for.
    folders = run_folders(config, dict(zip(numbers, lines, strict=True)), plan.get("folders", {}))
    if folders != plan.get("folders", {}):
        plan["folders"] = folders
        write_json(folder / PLAN, plan)
    runs = [
        SweepRun(number, tuple(line), run_folder(folder, plan, number))
        for number, line in zip(numbers, lines, strict=True)
    ]
    return runs, [run for run in runs if is_left(run.folder, retry_failed)]


def is_left(run: Path, retry_failed: bool) -> bool:
    """Return whether a run of a sweep is left to do."""
    state = run_state(run)
    return state != "finished" and (retry_failed or state != "failed")


def hydra_settings(config: DictConfig) -> list[str]:
    """Return the settings of Hydra itself that a sweep was started with and that each of its runs needs too."""
    given: Any = OmegaConf.to_container(config.hydra.overrides.hydra)
    return [*config_flags(config.hydra), *(text for text in given if not text.lstrip("+~").startswith(OF_THE_SWEEP))]


def _weights(run: Path) -> Any:
    file = run / HYDRA / "config.yaml"
    return select_option(file, "loss.weights", ({str: (float, None)}, None)) if file.is_file() else None

"""Reads what the folder of a sweep or a single run holds: runs, steps, pictures, losses, measures, but no pixels."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from zero_dce.losses import EXPOSURE_TARGET
from zero_dce.metrics.pareto import pareto_front
from zero_dce.records.configuration import read_yaml, select_option
from zero_dce.records.outcome import judge
from zero_dce.records.run import (
    HYDRA,
    Rows,
    last_values,
    pictures_folder,
    read_rows,
    saved_checkpoints,
    saved_steps,
)
from zero_dce.records.sweep import (
    PLAN,
    RunRow,
    point_values,
    read_plan,
    read_row,
    read_single,
    run_folder,
    run_overrides,
    sweep_folder,
)

SIDES = ("input", "output", "curves")


@dataclass(frozen=True)
class PictureFiles:
    """The files of a sample picture at one step, as far as they are there: ``input``, ``output`` (always), ``curves``.

    Their names begin with the picture's number: ``00``.
    """

    number: str
    files: Mapping[str, Path]


@dataclass(frozen=True)
class ReviewedRun:
    """A run of a sweep, also one that failed, goes on or never began.

    Attributes:
        row: what :func:`zero_dce.records.sweep.read_sweep` says of it; weights and measures are filled in as far as an
            unfinished run has written them.
        swept: its swept values.
        target: the exposure level that its exposure loss pulls to.
        washout: the step from which its outputs were washed out in validation, where that was measured.
        checkpoints: the steps that can be picked.
        pictures: by step.
        metrics: the rows of ``metrics.csv``, by step.
        pareto: whether it is on the Pareto front of the sweep's objectives; ``None`` where it does not count: it has
            not finished, its outputs were washed out, it lacks an objective, or the sweep has none.
    """

    row: RunRow
    swept: dict[str, Any]
    target: float
    washout: int | None
    checkpoints: list[int]
    pictures: dict[int, list[PictureFiles]]
    metrics: Rows
    pareto: bool | None = None

    @property
    def number(self) -> int:
        """The run's number in its sweep."""
        return int(self.row["run"])

    @property
    def steps(self) -> list[int]:
        """The steps with pictures or a checkpoint."""
        return sorted({*self.pictures, *self.checkpoints})


@dataclass(frozen=True)
class Sweep:
    """A sweep's folder and its runs, in the order of their numbers; or a single run's folder, and that run.

    ``objectives`` is what was searched for, ``maximize`` or ``minimize`` by the name of a measure; it is empty with
    fewer than two, as in a grid.
    """

    folder: Path
    runs: list[ReviewedRun]
    objectives: Mapping[str, str]
    single: bool = False

    @property
    def steps(self) -> list[int]:
        """The steps that any run has pictures or a checkpoint of."""
        return sorted({step for run in self.runs for step in run.steps})

    @property
    def numbers(self) -> list[str]:
        """The numbers of all pictures."""
        found: set[str] = set()
        for run in self.runs:
            for pictures in run.pictures.values():
                found.update(picture.number for picture in pictures)
        return sorted(found)


@dataclass(frozen=True)
class ReviewPlan:
    """Which runs a folder has or will have, before any of them is read.

    Attributes:
        folder: the sweep's folder, or a single run's.
        plan: the sweep's plan, of which a single run has none: ``None``.
    """

    folder: Path
    plan: Mapping[str, Any] | None

    @property
    def objectives(self) -> Mapping[str, str]:
        """What :class:`Sweep` tells of them: a search for one value has a best run and no front."""
        objectives: Mapping[str, str] = (self.plan or {}).get("objectives", {})
        return objectives if len(objectives) > 1 else {}

    def run_folders(self) -> dict[int, Path]:
        """Return the folder of each run by its number."""
        if self.plan is None:
            return {0: self.folder}
        return {number: run_folder(self.folder, self.plan, number) for number in range(len(self.plan["jobs"]))}

    def point(self, number: int) -> tuple[Any, ...]:
        """Return what the plan itself says of a run."""
        return () if self.plan is None else (self.plan["jobs"][number], self.plan["swept"])

    def read(self, number: int, metrics: Rows) -> ReviewedRun:
        """Return a run with these rows of its ``metrics.csv``; whether it is on the front is not known of it alone.

        Raises:
            ValueError: if a file holds something else than is written to it; the message names it.
        """
        if self.plan is None:
            return _read_run(self.folder, read_single(self.folder), [], [], metrics)
        row = read_row(self.folder, self.plan, number)
        return _read_run(self.folder, row, self.plan["jobs"][number], self.plan["swept"], metrics)

    def join(self, runs: Sequence[ReviewedRun]) -> Sweep:
        """Return the sweep of these runs.

        Raises:
            ValueError: if the plan gives an objective another direction than ``maximize`` or ``minimize``.
        """
        marked = _mark_front(runs, self.objectives) if self.objectives else list(runs)
        return Sweep(self.folder, marked, self.objectives, single=self.plan is None)


def collect(folder: Path) -> Sweep:
    """Return what the folder of a sweep, or of a run that belongs to none, holds.

    Raises:
        FileNotFoundError: if it is neither; the message says what was expected.
        ValueError: if the sweep's plan gives an objective another direction than ``maximize`` or ``minimize``, or a
            file holds something else than is written to it; the message names it.
    """
    plan = find_plan(folder)
    return plan.join([plan.read(number, read_rows(run)) for number, run in plan.run_folders().items()])


def find_plan(folder: Path) -> ReviewPlan:
    """Return which runs the folder of a sweep, or of a run that belongs to none, has or will have.

    Raises:
        FileNotFoundError: if it is neither; the message says what was expected.
        ValueError: if the plan holds something else than is written to it; the message names it.
    """
    folder = folder.resolve()
    if (folder / PLAN).is_file():
        return ReviewPlan(folder, read_plan(folder))
    if not (folder / HYDRA).is_dir() or sweep_folder(folder) is not None:
        raise FileNotFoundError(
            f"{_what_is(folder)}; expected the folder of a sweep, which holds {PLAN}, or of a single run"
        )
    return ReviewPlan(folder, None)


def _what_is(folder: Path) -> str:
    if not folder.is_dir():
        return f"the folder {folder} does not exist"
    if (folder / HYDRA).is_dir():
        return f"{folder} is one run of the sweep {sweep_folder(folder)}"
    return f"{folder} holds neither {PLAN} nor {HYDRA}"


def _read_run(sweep: Path, row: RunRow, job: list[str], swept: list[str], metrics: Rows) -> ReviewedRun:
    folder = sweep / row["folder"]
    place = folder / HYDRA / "config.yaml"
    config = _read_config(place)
    target = select_option(place, "loss.exp.target", (float, None), config)
    return ReviewedRun(
        row={
            **row,
            "weights": row["weights"] or select_option(place, "loss.weights", ({str: (float, None)}, None), config),
            "measures": row["measures"] or last_values(metrics),
            "step": max(metrics, default=None) if row["step"] is None else row["step"],
        },
        swept=point_values(run_overrides(folder) or job, swept),
        target=EXPOSURE_TARGET if target is None else target,
        washout=(row["washout"] or {}).get("from_step"),
        checkpoints=list(saved_checkpoints(folder)),
        pictures={step: _pictures(folder, step) for step in saved_steps(folder)},
        metrics=metrics,
    )


def _mark_front(runs: Sequence[ReviewedRun], objectives: Mapping[str, str]) -> list[ReviewedRun]:
    """Return the runs; those that count say whether they are on the Pareto front."""
    points = {run.number: judge(run.row, objectives).values for run in runs}
    counted = {number: values for number, values in points.items() if values}
    front = pareto_front(list(counted.values()), list(objectives.values()))
    marks = {number: place in front for place, number in enumerate(counted)}
    return [replace(run, pareto=marks.get(run.number)) for run in runs]


def _read_config(place: Path) -> DictConfig:
    """Return a run's configuration; an empty one where it was not written, or is being written."""
    with contextlib.suppress(OSError, ValueError):
        return read_yaml(place, DictConfig)
    return OmegaConf.create({})


def _pictures(run: Path, step: int) -> list[PictureFiles]:
    pictures = []
    for output in filter(Path.is_file, sorted(pictures_folder(run, step).glob("*_output.png"))):
        number = output.name.partition("_")[0]
        files = {side: output.with_name(f"{number}_{side}.png") for side in SIDES}
        pictures.append(PictureFiles(number, {side: file for side, file in files.items() if file.is_file()}))
    return pictures

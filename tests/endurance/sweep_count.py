"""What became of a sweep that was disturbed, counted against the same one that was not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from tests.helpers.runs import read_metrics
from zero_dce.records.run import CHECKPOINTS, METRICS
from zero_dce.records.sweep import SWEEP_TABLE
from zero_dce.weights import load_checkpoint

# What SLURM's jobs print, of which each start has its own, and Hydra's logs.
PRINTED = (".submitit", "train.log", "train_rank_")


@dataclass(frozen=True)
class Line:
    """A line of :class:`tests.helpers.trouble.StepRecord`."""

    time: float
    process: str
    word: str
    step: int


def read_record(file: Path) -> list[Line]:
    """Return what one rank of a run has done, in order."""
    lines = [line.split() for line in file.read_text().splitlines()]
    return [Line(float(time), process, word, int(step)) for time, process, word, step in lines]


def find_faults(whole: Path, sweep: Path, records: Path, finished: Mapping[str, float], ranks: int) -> Iterator[str]:
    """Yield what is wrong with a sweep.

    Args:
        whole: the folder of the same sweep, undisturbed.
        sweep: its own.
        records: the folder of its records of steps.
        finished: when each run was first seen to be finished, by its number.
        ranks: how many processes each run has, with a record each.
    """
    for run in sorted(folder.name for folder in whole.iterdir() if folder.name.isdigit()):
        steps = len(read_metrics(whole / run))
        yield from (f"run {run}: {fault}" for fault in _compare_runs(whole / run, sweep / run))
        for file in (records / f"{run}-{rank}" for rank in range(ranks)):
            lines = read_record(file) if file.is_file() else []
            yield from (f"{file.name}: {fault}" for fault in check_record(lines, steps, finished.get(run)))
    tables = [folder / SWEEP_TABLE for folder in (whole, sweep)]
    if not tables[1].is_file() or tables[0].read_bytes() != tables[1].read_bytes():
        yield f"{SWEEP_TABLE} differs"
    for name in sorted(_files(whole) ^ _files(sweep)):
        yield f"{name} is only in {'the undisturbed' if name in _files(whole) else 'the disturbed'} sweep"


def check_record(lines: list[Line], steps: int, finished: float | None) -> Iterator[str]:
    """Yield what is wrong with what one rank of a run has done.

    Each start continues at a step that was reached before, takes the steps that follow one by one, and ends before the
    next one begins. A finished run is never started again.
    """
    if not lines:
        yield "has no record"
        return
    parts = [(process, list(part)) for process, part in itertools.groupby(lines, key=lambda line: line.process)]
    processes = [process for process, _ in parts]
    if len(processes) != len({*processes}):
        yield "two processes trained at the same time"
    reached = 0
    for process, part in parts:
        first = part[0]
        if first.word != "begin" or not 0 <= first.step <= reached:
            yield f"process {process} continues at step {first.step}, and {reached} was reached before"
        if finished is not None and first.time > finished:
            yield f"process {process} trains again what was finished"
        taken = [line.step for line in part[1:]]
        if taken != list(range(first.step + 1, first.step + 1 + len(taken))):
            yield f"process {process} leaves out steps: {taken}"
        reached = max(reached, part[-1].step)
    if reached != steps:
        yield f"{reached} steps of {steps} were taken"


def count_repeated(records: Path) -> tuple[int, int, int]:
    """Return how many starts of training, steps, and steps taken once more after a kill the records hold, by rank 0."""
    starts = steps = different = 0
    for file in records.glob("*-0"):
        lines = read_record(file)
        starts += sum(line.word == "begin" for line in lines)
        taken = [line.step for line in lines if line.word == "step"]
        steps, different = steps + len(taken), different + len({*taken})
    return starts, steps, steps - different


def _compare_runs(whole: Path, run: Path) -> Iterator[str]:
    if not (run / METRICS).is_file():
        yield "is lost"
        return
    rows, expected = read_metrics(run), read_metrics(whole)
    if [row["step"] for row in rows] != [row["step"] for row in expected]:
        yield f"{METRICS} has not each step once"
    for row, other in zip(rows, expected, strict=False):
        # An interrupted part is validated where it ends, which the whole is not.
        different = [name for name, value in other.items() if value and row.get(name) != value]
        if different:
            yield f"{METRICS} differs from step {row['step']} on, in {', '.join(different)}"
            break
    for file in sorted((whole / CHECKPOINTS).glob("*.ckpt")):
        if (run / CHECKPOINTS / file.name).is_file() and not _same_weights(file, run / CHECKPOINTS / file.name):
            yield f"the weights of {file.name} differ"
            break


def _same_weights(one: Path, other: Path) -> bool:
    first, second = (load_checkpoint(file)["state_dict"] for file in (one, other))
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def _files(sweep: Path) -> set[str]:
    names = (file.relative_to(sweep) for file in sweep.rglob("*") if file.is_file())
    return {str(name) for name in names if not any(part.startswith(PRINTED) for part in name.parts)}

"""A few troubles of those that ``make punish`` makes by the hundred, and the counting itself."""

from __future__ import annotations

import shutil
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
import torch

from tests.endurance.cluster_troubles import TROUBLES
from tests.endurance.punish import deal, punish
from tests.endurance.punish_table import Outcome, describe, find_mildness
from tests.endurance.punished_sweep import Size
from tests.endurance.sweep_count import Line, check_record, count_repeated, find_faults, read_record
from tests.helpers import trouble
from tests.helpers.slurm import why_not
from tests.helpers.trouble import StepRecord

# One of them costs a run its processes, and the seconds of another start.
QUICK = (
    "a rank killed",
    "the launcher ended, by SIGKILL, SIGTERM, SIGINT or SIGHUP",
    "slurmctld restarted",
    "a slurmd restarted",
    "a process stopped and continued",
)


@pytest.mark.slurm
@pytest.mark.slow
def test_a_sweep_is_whole_after_troubles(tmp_path: Path) -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    # The steps take longer than all the troubles, so that each of them comes before the end.
    size = Size(runs=1, steps=200)
    outcome = punish(tmp_path, troubles=5, minutes=5, seed=1, size=size, launcher="slurm", kinds=QUICK)
    assert outcome.faults == []
    assert outcome.troubles.total() == 5
    assert outcome.while_training >= 1
    assert outcome.steps - outcome.repeated == 200


def test_deal() -> None:
    kinds = list(islice(deal(["a", "b", "c"], Random(0)), 12))
    assert [sorted(kinds[start : start + 3]) for start in range(0, 12, 3)] == [["a", "b", "c"]] * 4
    assert kinds != sorted(kinds)


@pytest.mark.parametrize(
    ("outcome", "faults"),
    [
        (Outcome(Counter(a=4, b=2), while_training=3, repeated=1), []),
        (
            Outcome(Counter(a=5), while_training=2),
            [
                "5 troubles of 6 were made",
                "2 troubles of 5 came while runs trained, which is less than half",
                "no step was taken once more: no kill came between two checkpoints",
            ],
        ),
    ],
)
def test_find_mildness(outcome: Outcome, faults: list[str]) -> None:
    assert list(find_mildness(outcome, 6)) == faults


def test_step_record_pauses_and_writes_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(trouble.time, "sleep", slept.append)
    for pause in (0.0, 0.05):
        record = StepRecord("runs/3", str(tmp_path), pause)
        record.on_train_start(SimpleNamespace(global_step=4, global_rank=1))
        # Gradients are gathered over two batches: the step is written down, and paused after, once.
        for step in (4, 5, 5, 6):
            record.on_train_batch_end(SimpleNamespace(global_step=step, global_rank=1))
    assert slept == [0.0, 0.0, 0.05, 0.05]
    words = [(line.word, line.step) for line in read_record(tmp_path / "3-1")]
    assert words == [("begin", 4), ("step", 5), ("step", 6)] * 2


@pytest.mark.slurm
def test_describe() -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    kinds = list(TROUBLES)
    outcomes = {
        "slurm": Outcome(Counter({kinds[0]: 3, kinds[1]: 4}), 5, 6, [], 8, 50, 10),
        "local": Outcome(Counter({kinds[0]: 1}), 0, 2, ["run 0: is lost"], 2, 40, 0),
    }
    table = describe(outcomes, Size(2, 20), "python -m x", 7.4)
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert rows[:3] == ["| | slurm | local |", "| --- | ---: | ---: |", f"| {kinds[0]} | 3 | 1 |"]
    assert rows[2 + len(kinds) :] == [
        "| **all** | **7** | **1** |",
        "| of these while runs trained, and not before they had begun again | 5 | 0 |",
        "| the launcher was started | 6 | 2 |",
        "| a training was started | 8 | 2 |",
        "| steps taken | 50 | 40 |",
        "| of these once more, from the last checkpoint before a kill | 10 | 0 |",
        "| **faults** | **0** | **1** |",
    ]
    assert table.endswith("\n\n- local: run 0: is lost\n")


def lines(*parts: tuple[str, int, int]) -> list[Line]:
    """What one rank has done: each process continues at a step, and ends at another one."""
    record = []
    for process, start, end in parts:
        record += [Line(float(start), process, "begin", start)]
        record += [Line(float(step), process, "step", step) for step in range(start + 1, end + 1)]
    return record


@pytest.mark.parametrize(
    ("record", "finished", "fault"),
    [
        (lines(("7", 0, 5)), None, None),
        # Killed after step 5, which is trained again from the checkpoint of step 4 on; saved at 7; killed at once.
        (lines(("7", 0, 5), ("8", 4, 7), ("9", 7, 7), ("10", 7, 9)), 9.5, None),
        (lines(("7", 0, 5), ("8", 6, 9)), None, "process 8 continues at step 6, and 5 was reached before"),
        (lines(("7", 0, 5), ("8", 4, 6), ("7", 5, 9)), None, "two processes trained at the same time"),
        (lines(("7", 0, 9), ("8", 8, 9)), 7.5, "process 8 trains again what was finished"),
        (lines(("7", 0, 8)), None, "8 steps of 9 were taken"),
        ([], 9.5, "has no record"),
        ([*lines(("7", 0, 3)), Line(9.0, "7", "step", 5)], None, "process 7 leaves out steps: [1, 2, 3, 5]"),
    ],
)
def test_check_record(record: list[Line], finished: float | None, fault: str | None) -> None:
    faults = list(check_record(record, 9 if fault else record[-1].step, finished))
    assert faults[:1] == ([] if fault is None else [fault])


def write_sweep(folder: Path) -> None:
    """One run of two steps."""
    run = folder / "0"
    (run / "checkpoints").mkdir(parents=True)
    (run / "metrics.csv").write_text("step,train/total\n1,0.5\n2,0.25\n")
    torch.save({"global_step": 2, "state_dict": {"w": torch.ones(2)}}, run / "checkpoints" / "step-000002.ckpt")
    (folder / "sweep.csv").write_text("run,state\n0,finished\n")


def test_find_faults(tmp_path: Path) -> None:
    whole, sweep, records = (tmp_path / name for name in ("whole", "sweep", "records"))
    write_sweep(whole)
    write_sweep(sweep)
    records.mkdir()
    (records / "0-0").write_text("1.0 7 begin 0\n2.0 7 step 1\n3.0 8 begin 0\n4.0 8 step 1\n5.0 8 step 2\n")
    assert read_record(records / "0-0")[1] == Line(2.0, "7", "step", 1)
    assert count_repeated(records) == (2, 3, 1)
    assert list(find_faults(whole, sweep, records, {"0": 6.0}, ranks=1)) == []
    assert list(find_faults(whole, sweep, records, {"0": 6.0}, ranks=2)) == ["0-1: has no record"]
    (sweep / "0" / "metrics.csv").write_text("step,train/total\n1,0.5\n2,0.250001\n")
    torch.save({"global_step": 2, "state_dict": {"w": torch.zeros(2)}}, sweep / "0" / "checkpoints/step-000002.ckpt")
    (sweep / "sweep.csv").write_text("run,state\n0,failed\n")
    (sweep / "0" / "result.json.unfinished").touch()
    assert list(find_faults(whole, sweep, records, {"0": 6.0}, ranks=1)) == [
        "run 0: metrics.csv differs from step 2 on, in train/total",
        "run 0: the weights of step-000002.ckpt differ",
        "sweep.csv differs",
        "0/result.json.unfinished is only in the disturbed sweep",
    ]
    (sweep / "0" / "metrics.csv").write_text("step,train/total\n2,0.25\n")
    assert next(find_faults(whole, sweep, records, {}, ranks=1)) == "run 0: metrics.csv has not each step once"
    shutil.rmtree(sweep / "0")
    assert next(find_faults(whole, sweep, records, {}, ranks=1)) == "run 0: is lost"

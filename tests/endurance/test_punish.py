"""A few troubles of those that ``make punish`` makes by the hundred, and the counting itself."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
import torch

from tests.endurance.cluster_troubles import TROUBLES
from tests.endurance.punish import punish
from tests.endurance.punish_table import Outcome, describe
from tests.endurance.punished_sweep import LAUNCHERS, Size
from tests.endurance.sweep_count import Line, check_record, count_repeated, find_faults, read_record
from tests.helpers.slurm import why_not


@pytest.mark.slurm
@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_sweep_is_whole_after_troubles(launcher: str, tmp_path: Path) -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    size = Size(runs=2, steps=150)
    outcome = punish(tmp_path, troubles=8, minutes=0.5, seed=1, size=size, launcher=launcher)
    assert outcome.faults == []
    assert outcome.troubles
    assert set(outcome.troubles) <= set(TROUBLES)
    assert outcome.steps - outcome.repeated == 300


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
        ([*lines(("7", 0, 3)), Line(9.0, "7", "step", 5)], None, "process 7 leaves out steps: [1, 2, 3, 5]"),
    ],
)
def test_check_record(record: list[Line], finished: float | None, fault: str | None) -> None:
    faults = list(check_record(record, max(line.step for line in record) if fault is None else 9, finished))
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
    assert list(find_faults(whole, sweep, records, {"0": 6.0})) == []
    (sweep / "0" / "metrics.csv").write_text("step,train/total\n1,0.5\n2,0.250001\n")
    torch.save({"global_step": 2, "state_dict": {"w": torch.zeros(2)}}, sweep / "0" / "checkpoints/step-000002.ckpt")
    (sweep / "sweep.csv").write_text("run,state\n0,failed\n")
    (sweep / "0" / "result.json.unfinished").touch()
    assert list(find_faults(whole, sweep, records, {"0": 6.0})) == [
        "run 0: metrics.csv differs from step 2 on, in train/total",
        "run 0: the weights of step-000002.ckpt differ",
        "sweep.csv differs",
        "0/result.json.unfinished is only in the disturbed sweep",
    ]
    (sweep / "0" / "metrics.csv").write_text("step,train/total\n2,0.25\n")
    assert next(find_faults(whole, sweep, records, {})) == "run 0: metrics.csv has not each step once"
    shutil.rmtree(sweep / "0")
    assert next(find_faults(whole, sweep, records, {})) == "run 0: is lost"

"""The Pareto front in words."""

from __future__ import annotations

from pathlib import Path

from zero_dce.files import write_json
from zero_dce.records.sweep import read_sweep
from zero_dce.sweep.search.front import describe_front


def test_front_in_words(tmp_path: Path) -> None:
    """Of four finished runs one is beaten; a faded and a failed one do not count."""
    values = [(6.0, 100.0), (6.5, 200.0), (6.4, 300.0), (7.0, 400.0), (9.0, 1.0), (9.0, 1.0)]
    jobs = [[f"loss.weights.exp={number}"] for number in range(len(values))]
    write_json(tmp_path / "sweep.json", {"jobs": jobs, "swept": ["loss.weights.exp"]})
    for number, (entropy, loe) in enumerate(values):
        (tmp_path / str(number)).mkdir()
        result = {"state": "failed" if number == 5 else "finished", "last_step": 1, "weights": None}
        result |= {"measures": {"val/entropy_out": entropy, "val/loe": loe}}
        result["washout"] = {"from_step": 1} if number == 4 else None
        write_json(tmp_path / str(number) / "result.json", result)
    objectives = {"val/entropy_out": "maximize", "val/loe": "minimize"}
    text = describe_front(read_sweep(tmp_path), objectives)
    first, header, *lines = text.splitlines()
    assert "3 runs that none beats in everything (4 of 6 runs have values, 1 faded and do not count)" in first
    assert header.split() == ["run", "val/entropy_out", "(maximize)", "val/loe", "(minimize)", "point"]
    assert [line.split() for line in lines] == [
        ["3", "7", "400", "exp=3"],
        ["1", "6.5", "200", "exp=1"],
        ["0", "6", "100", "exp=0"],
    ]
    assert describe_front([], objectives) == "No Pareto front: 0 of 0 runs have values."

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.sweeps import OBJECTIVES, SweepMaker, make_pictures, make_search
from zero_dce.files import read_json, write_json
from zero_dce.review.collect import collect


@pytest.fixture
def maker(tmp_path: Path) -> SweepMaker:
    return SweepMaker(tmp_path / "sweep", [{"exp": 3}, {"exp": 10}, {"exp": 30}], make_pictures(2))


def test_every_kind_of_run(maker: SweepMaker) -> None:
    maker.run(0, [0, 10, 20], washout={"from_step": 10, "threshold": 0.5})
    maker.run(1, [0, 15], state=None)
    finished, unfinished, missing = collect(maker.folder).runs
    assert (finished.row["state"], finished.washout, finished.target) == ("finished", 10, 0.6)
    assert finished.steps == [0, 10, 20]
    assert finished.checkpoints == [10, 20]
    assert [picture.number for picture in finished.pictures[20]] == ["00", "01"]
    assert set(finished.pictures[20][0].files) == {"input", "output", "curves"}
    assert unfinished.row["state"] == "unfinished"
    assert unfinished.row["weights"]["exp"] == 10, "as configured, before there is a result"
    assert unfinished.row["step"] == 15
    assert unfinished.row["measures"]["val/psnr_gain"] == 2.0, "the last that metrics.csv has"
    assert (missing.row["state"], missing.steps, missing.swept) == ("not started", [], {"exp": 30})
    sweep = collect(maker.folder)
    assert sweep.steps == [0, 10, 15, 20]
    assert sweep.numbers == ["00", "01"]


def test_washout_may_be_null_or_absent(maker: SweepMaker) -> None:
    maker.run(0, [0, 10], washout=None)
    maker.run(1, [0, 10])
    assert [run.washout for run in collect(maker.folder).runs] == [None, None, None]


def test_a_run_that_is_being_written(maker: SweepMaker) -> None:
    run = maker.run(0, [0, 10], state=None)
    (run / "metrics.csv").unlink()
    (run / ".hydra" / "config.yaml").write_text('{"loss": {"weights": {"spa"')
    (run / "samples" / "step-000020").mkdir()
    (run / "samples" / "step-000010" / "00_output.png.unfinished").write_bytes(b"half")
    (run / "checkpoints" / "step-000020.ckpt.unfinished").write_bytes(b"half")
    collected = collect(maker.folder).runs[0]
    assert collected.row["weights"] is None
    assert collected.row["step"] is None
    assert collected.checkpoints == [10]
    assert collected.pictures[20] == []


def test_the_exposure_target_is_the_runs_own(maker: SweepMaker) -> None:
    run = maker.run(0, [0])
    config = read_json(run / ".hydra" / "config.yaml")
    config["loss"]["exp"]["target"] = 0.4
    write_json(run / ".hydra" / "config.yaml", config)
    assert collect(maker.folder).runs[0].target == 0.4


def test_other_folders_are_refused(maker: SweepMaker, tmp_path: Path) -> None:
    run = maker.run(0, [0])
    for folder, message in (
        (tmp_path / "nowhere", r"nowhere does not exist; expected the folder of a sweep, which holds sweep\.json"),
        (tmp_path, r"holds neither sweep\.json nor \.hydra; expected the folder of a sweep, .* or of a single run"),
        (run, f"is one run of the sweep {maker.folder}; expected"),
    ):
        with pytest.raises(FileNotFoundError, match=message):
            collect(folder)


def test_a_single_run(maker: SweepMaker, tmp_path: Path) -> None:
    run = maker.run(1, [0, 10]).rename(tmp_path / "0")
    (tmp_path / "today").mkdir()
    run = run.rename(tmp_path / "today" / "0")
    found = collect(run)
    assert (found.folder, found.single, found.steps, found.objectives) == (run, True, [0, 10], {})
    (only,) = found.runs
    row = only.row
    assert (row["run"], row["folder"], row["point"], row["state"]) == (0, ".", "today", "finished")
    assert (only.number, only.swept, only.checkpoints) == (0, {}, [10])
    assert row["measures"]["val/psnr_gain"] == 2.0
    (run / "result.json").unlink()
    (only,) = collect(run).runs
    assert (only.row["state"], only.row["step"]) == ("unfinished", 10)


@pytest.mark.parametrize(("objectives", "front"), [(2, [0, 1, 2, 3]), (3, [0, 1, 2, 3, 4])])
def test_the_front_of_a_search(tmp_path: Path, objectives: int, front: list[int]) -> None:
    sweep = collect(make_search(tmp_path / "search", objectives))
    assert dict(sweep.objectives) == dict(list(OBJECTIVES.items())[:objectives])
    assert [run.number for run in sweep.runs if run.pareto] == front
    assert [run.number for run in sweep.runs if run.pareto is False] == [*range(len(front), 10)]
    not_counted = [run.number for run in sweep.runs if run.pareto is None]
    assert not_counted == [10, 11, 12, 13], "faded, goes on, failed, never began"


def test_a_run_that_lacks_an_objective_does_not_count(tmp_path: Path) -> None:
    folder = make_search(tmp_path / "search")
    for run, value in ((0, None), (1, float("nan"))):
        result = read_json(folder / str(run) / "result.json")
        write_json(folder / str(run) / "result.json", result | {"measures": {"val/entropy_out": value, "val/loe": 1.0}})
    result = read_json(folder / "2" / "result.json")
    del result["measures"]["val/loe"]
    write_json(folder / "2" / "result.json", result)
    runs = collect(folder).runs
    assert [run.pareto for run in runs[:3]] == [None, None, None]
    assert [run.number for run in runs if run.pareto] == [3, 5, 6, 8, 9], "who was behind them is the front now"


def test_grids_and_searches_for_one_value_have_no_front(maker: SweepMaker, tmp_path: Path) -> None:
    maker.run(0, [0, 10])
    for folder in (maker.folder, make_search(tmp_path / "one", objectives=1)):
        sweep = collect(folder)
        assert sweep.objectives == {}
        assert {run.pareto for run in sweep.runs} == {None}


def test_a_direction_that_there_is_not(tmp_path: Path) -> None:
    folder = make_search(tmp_path / "search")
    plan = read_json(folder / "sweep.json")
    write_json(folder / "sweep.json", plan | {"objectives": {"val/loe": "min", "val/entropy_out": "maximize"}})
    with pytest.raises(ValueError, match="direction is 'min'; expected one of maximize, minimize"):
        collect(folder)

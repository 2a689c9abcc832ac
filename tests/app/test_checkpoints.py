from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers.sweeps import SweepMaker
from zero_dce.app.checkpoints import OWN_WEIGHTS, list_weights
from zero_dce.enhance.trained import TRAINED

BEFORE = Path(__file__).parents[1] / "fixtures" / "version_before" / "sweep"


def make_sweep(folder: Path) -> Path:
    maker = SweepMaker(folder, [{"exp": 3, "tv": 200}, {"exp": 10, "tv": 200}, {"exp": 30, "tv": 200}])
    maker.run(0, [0, 10, 20])
    maker.run(1, [0, 10], state=None)
    return maker.folder


def test_the_packages_own_by_default() -> None:
    assert list_weights([]) == {OWN_WEIGHTS: TRAINED}


def test_a_sweep_offers_each_runs_checkpoints_by_its_values(tmp_path: Path) -> None:
    sweep = make_sweep(tmp_path / "sweep")
    assert list_weights([sweep]) == {
        "run 0, step 20 (exp=3 tv=200)": sweep / "0/checkpoints/step-000020.ckpt",
        "run 0, step 10 (exp=3 tv=200)": sweep / "0/checkpoints/step-000010.ckpt",
        "run 1, step 10 (exp=10 tv=200)": sweep / "1/checkpoints/step-000010.ckpt",
    }


def test_what_was_picked_comes_first() -> None:
    names = list(list_weights([BEFORE]))
    assert names == ["picked", "run 0, last.ckpt (exp=1)", "run 1, last.ckpt (exp=10)"]


def test_a_last_checkpoint_that_is_newer(tmp_path: Path) -> None:
    run = make_sweep(tmp_path / "sweep") / "1"
    last = run / "checkpoints" / "last.ckpt"
    last.touch()
    step = run / "checkpoints" / "step-000010.ckpt"
    os.utime(last, (1000, 1000))
    os.utime(step, (1000, 1000))
    assert list(list_weights([run])) == ["1, step 10"], "it is the same step's"
    os.utime(last, (1100, 1100))
    assert list(list_weights([run])) == ["1, step 10", "1, last.ckpt"]


def test_files_and_folders_in_the_order_given(tmp_path: Path) -> None:
    (tmp_path / "a.pth").touch()
    (tmp_path / "many").mkdir()
    for name in ("z.safetensors", "b.safetensors", "notes.txt"):
        (tmp_path / "many" / name).touch()
    found = list_weights([BEFORE / "picked", tmp_path / "many", tmp_path / "a.pth"])
    assert list(found) == ["picked", "b", "z", "a.pth"]
    assert found["picked"] == BEFORE / "picked" / "weights.safetensors"


def test_equal_names_of_two_sweeps_are_told_apart(tmp_path: Path) -> None:
    sweeps = [make_sweep(tmp_path / name) for name in ("one", "two")]
    found = list_weights(sweeps)
    assert len(found) == 6
    assert found[f"run 0, step 20 (exp=3 tv=200) in {sweeps[1]}"].is_relative_to(sweeps[1])


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no weights; expected a picked folder"):
        list_weights([tmp_path])
    with pytest.raises(FileNotFoundError, match=r"gone\.pth does not exist"):
        list_weights([tmp_path / "gone.pth"])

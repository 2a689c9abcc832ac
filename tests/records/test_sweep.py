"""The plan of a sweep, the rows of its runs, and their names."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.helpers.results import WEIGHTS
from zero_dce.records.sweep import (
    point_name,
    read_sweep,
    run_name,
    run_overrides,
)


def test_every_run_of_the_plan_has_a_row(folder: Path) -> None:
    (folder / "3" / ".hydra").mkdir()
    (folder / "3" / ".hydra" / "overrides.yaml").write_text("- loss.weights.exp=11\n- seed=2\n")
    rows = read_sweep(folder)
    assert rows[3]["point"] == "exp=11 seed=2", "what the run was started with, not what was planned"
    assert [row["state"] for row in rows] == ["finished", "finished", "failed", "unfinished", "not started"]
    assert [row["point"] for row in rows][:2] == ["exp=3 seed=1", "exp=3 seed=2"]
    assert rows[0]["weights"] == WEIGHTS


def test_a_folder_that_is_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"sweep\.json does not exist"):
        read_sweep(tmp_path)


def test_names() -> None:
    swept = ["loss.weights.exp", "loss.weights"]
    assert point_name(["loss.weights.exp=3", "trainer.max_steps=5", "+sweep=x"], swept) == "exp=3"
    assert point_name(["loss.weights={exp:2.5,tv:200}"], swept) == "exp=2.5 tv=200"
    assert point_name(["data.split.seed=1"], ["data.split.seed"]) == "data.split.seed=1"
    swept = ["loss.weights.exp", "experiment=adaptive"]
    assert point_name(["loss.weights.exp=3", "experiment=quick"], swept) == "exp=3", "what the grid has in common"
    assert point_name(["seed=1", "experiment=adaptive"], swept) == "experiment=adaptive"


def test_run_names(folder: Path) -> None:
    (folder / "2" / ".hydra").mkdir()
    (folder / "2" / ".hydra" / "overrides.yaml").write_text("- loss.weights.exp=10\n- seed=1\n")
    assert run_name(folder / "2") == "exp=10 seed=1"
    assert run_name(folder / "other" / "0") == "other"


def test_overrides_are_read_as_they_were_given(tmp_path: Path) -> None:
    """Those in braces name what is known only in the whole configuration."""
    (tmp_path / ".hydra").mkdir()
    given = ["${a.b}", "+callbacks.own={_target_: a.B, folder: '${run_dir}'}", "seed=7"]
    OmegaConf.save(OmegaConf.create(given), tmp_path / ".hydra" / "overrides.yaml")
    assert run_overrides(tmp_path) == given
    assert run_overrides(tmp_path / "none") is None

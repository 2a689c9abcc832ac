"""What a run records around its training."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from tests.helpers.runs import read_result, run_here, tiny
from zero_dce.train.loggers.step_tensorboard import StepTensorBoardLogger


def test_result(finished: Path) -> None:
    result = read_result(finished)
    assert (result["state"], result["last_step"], result["error"]) == ("finished", 4, None)
    assert result["weights"] == {"spa": 1.0, "exp": 10.0, "col": 5.0, "tv": 200.0}
    assert {"val/psnr_gain", "val/saturation_ratio", "val/exp", "train/total"} <= set(result["measures"])
    assert result["wall_time_s"] > result["training_ended"] - result["training_began"] > 0


def test_manifest_and_environment(finished: Path) -> None:
    split = json.loads((finished / "split.json").read_text())
    assert len(split["test"]) == 4
    assert len({*split["train"], *split["val"], *split["test"]}) == 20
    environment = json.loads((finished / "environment.json").read_text())
    assert environment["data_fingerprint"]
    assert torch.__version__.startswith(environment["versions"]["torch"]), (
        "a build's own mark, as +cpu, may be left out"
    )


def test_runs_are_named_by_what_they_were_started_with(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan cannot know the order of a shuffled grid; a grid over files needs Hydra's search path."""
    options = tiny(sice, "logger=csv", "trainer.max_steps=1", "loss.weights.exp=shuffle(3,4,5,6)")
    assert run_here(monkeypatch, tmp_path, *options, "hydra.sweep.dir=one", "-m") == 0
    assert (
        run_here(monkeypatch, tmp_path, *tiny(sice, "logger=csv", "loss=glob(report*)"), "hydra.sweep.dir=two", "-m")
        == 0
    )
    for folder, count in (("one", 4), ("two", 2)):
        with (tmp_path / folder / "sweep.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert len({row["point"] for row in rows}) == count == len(rows)
        for row in rows:
            assert row["state"] == "finished"
            assert read_result(tmp_path / folder / row["run"])["name"] == row["point"]
            if folder == "one":
                assert row["point"] == f"exp={float(row['exp']):g}"


def test_a_run_without_hydras_files(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_mount(_: Path) -> bool:
        raise NotImplementedError("Path.is_mount() is unsupported on this system")

    # As Python 3.11 does on Windows.
    monkeypatch.setattr(Path, "is_mount", is_mount)
    options = tiny(sice, "logger=csv", "trainer.max_steps=1", "hydra.run.dir=run", "hydra.output_subdir=null")
    assert run_here(monkeypatch, tmp_path, *options) == 0
    assert read_result(tmp_path / "run")["state"] == "finished"
    assert not (tmp_path / "run" / ".hydra").exists()


def test_a_run_that_has_ended_has_its_result_also_without_its_trackers(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was stopped after its last step, and is resumed while a tracker's server is away; then once more."""
    run = tmp_path / "run"
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=tensorboard", "hydra.run.dir=run")) == 0
    whole = read_result(run)
    (run / "result.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(StepTensorBoardLogger, "replay", Mock(side_effect=ConnectionError("the server is away")))
        assert run_here(patch, tmp_path, "resume=run") == 1
    failed = read_result(run)
    assert (failed["state"], failed["error"], failed["last_step"]) == ("failed", "the server is away", 4)
    assert failed["measures"] == whole["measures"]
    assert run_here(monkeypatch, tmp_path, "resume=run") == 0
    again = read_result(run)
    assert (again["state"], again["error"], again["measures"]) == ("finished", None, whole["measures"])

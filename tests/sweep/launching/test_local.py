"""Sweeps on one machine, in this process and in fresh ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.launching import states
from tests.helpers.runs import read_result, run_apart, run_here, tiny
from zero_dce.files import sole_owner
from zero_dce.module import ZeroDCE
from zero_dce.records.sweep import read_sweep
from zero_dce.review.collect import collect
from zero_dce.review.pick import choose


@pytest.mark.slow
@pytest.mark.parametrize(
    ("subdir", "names"),
    [
        ("${hydra.job.override_dirname}", ["loss.weights.exp=3", "loss.weights.exp=10"]),
        ("all/run_${hydra.job.num}", ["all/run_0", "all/run_1"]),
    ],
)
def test_folders_of_its_own_names(
    subdir: str, names: list[str], sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs are found where Hydra puts them: in the table, on the page, by pick and when the sweep is continued."""
    folder, own = tmp_path / "sweep", f"hydra.sweep.subdir={subdir}"
    dirname = ["hydra.job.config.override_dirname.exclude_keys=[" + ",".join(key_of(text) for text in tiny(sice)) + "]"]
    given = tiny(sice, "loss.weights.exp=3,10", "hydra.sweep.dir=sweep", own, *dirname)
    assert run_here(monkeypatch, tmp_path, "-m", *given) == 0
    rows = read_sweep(folder)
    assert [(row["run"], row["folder"], row["state"], row["point"]) for row in rows] == [
        (0, names[0], "finished", "exp=3"),
        (1, names[1], "finished", "exp=10"),
    ]
    assert [run.pictures.keys() for run in collect(folder).runs] == [{0, 2, 4}] * 2
    assert len(list((folder / "wandb").glob("offline-run-*"))) == 2
    choice = choose(folder, "1", 4)
    assert choice.checkpoint == folder / names[1] / "checkpoints" / "step-000004.ckpt"
    assert str(choice) == "run 1 (exp=10) at step 4"
    for run in (folder / names[0], folder / names[1]):
        (run / "result.json").rename(run / "kept.json")
        assert run_here(monkeypatch, tmp_path, "resume=sweep") == 0
        assert read_result(run)["last_step"] == 4
    assert run_here(monkeypatch, tmp_path, "resume=sweep", "hydra/launcher=local", "hydra.launcher.slots=2") == 0
    assert len(list(folder.rglob("metrics.csv"))) == 2, "nothing is trained elsewhere"


def key_of(override: str) -> str:
    return override.partition("=")[0]


def test_runs_that_would_share_a_folder_are_refused(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tiny(sice, "seed=1,2", "hydra.sweep.dir=sweep")
    for subdir, message in (("same", "the runs 0 and 1 both into 'same'"), ("../${hydra.job.num}", "below the sweep")):
        assert run_here(monkeypatch, tmp_path, "-m", *given, f"hydra.sweep.subdir={subdir}") == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "sweep" / "sweep.json").exists()


@pytest.mark.slow
def test_a_grid_over_devices_never_overlaps(sice: Path, tmp_path: Path) -> None:
    """Two processes first, then one in the sweep's own process, one after the other."""
    done = run_apart(tmp_path, *tiny(sice, "logger=csv", "trainer.devices=2,1", "hydra.sweep.dir=sweep", "-m"))
    assert done.returncode == 0, done.stderr
    first, second = (read_result(tmp_path / "sweep" / run) for run in "01")
    assert first["training_ended"] < second["training_began"]
    assert (tmp_path / "sweep" / "0" / "train_rank_1.log").is_file()
    assert not (tmp_path / "sweep" / "1" / "train_rank_1.log").exists()


def test_a_sweep_that_is_run_already_is_refused(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for owned in (sweep, sweep / "2"):
        with sole_owner(owned):
            assert run_here(monkeypatch, sweep.parent, "resume=sweep") == 1
        assert f"another process is writing to {owned}" in capsys.readouterr().err
    assert states(sweep) == ["finished", "failed", "unfinished"]


@pytest.mark.usefixtures("not_estimated")
def test_a_gpu_that_is_lost_costs_one_run(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every further call on it fails in this process: it must end no later run, nor hide the first error."""
    step = ZeroDCE.training_step

    def fail(*_: object) -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    def fail_at_third(self: ZeroDCE, batch: Any, batch_idx: int) -> torch.Tensor:
        if self.global_step < 2:
            return step(self, batch, batch_idx)
        monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
        for name in ("synchronize", "empty_cache"):
            monkeypatch.setattr(f"torch.cuda.{name}", fail)
        fail()
        raise AssertionError

    monkeypatch.setattr(ZeroDCE, "training_step", fail_at_third)
    given = tiny(sice, "logger=csv", "seed=1,2,3", "hydra.sweep.dir=sweep", "-m")
    assert run_here(monkeypatch, tmp_path, *given) == 1
    assert states(tmp_path / "sweep") == ["failed", "finished", "finished"], "the last two with steps that do not fail"
    failed = read_result(tmp_path / "sweep" / "0")
    assert failed["error"] == "AcceleratorError: CUDA error: an illegal memory access was encountered"
    assert failed["last_step"] == 2
    assert {"train/exp", "val/exp"} <= failed["measures"].keys(), "those of the steps before, from metrics.csv"
    printed = capsys.readouterr()
    assert "The GPU answers this process no more" in printed.out + printed.err

"""What the version before the package's present layout has written is continued and read.

``fixtures/version_before`` was written by the commit that its ``environment.json`` names: a sweep of two runs of
Zero-DCE++, the second of which SIGTERM stopped after its first step, and a checkpoint picked from the first.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from tests.helpers.paths import ROOT
from tests.helpers.runs import read_metrics, read_result, run_here
from zero_dce.networks import load_weights
from zero_dce.records.sweep import read_sweep

FIXTURE = ROOT / "tests" / "fixtures" / "version_before"


@pytest.fixture
def before(tmp_path: Path) -> Path:
    shutil.copytree(FIXTURE, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.slow
def test_its_sweep_is_continued(before: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished = (before / "sweep" / "0" / "metrics.csv").read_bytes()
    assert run_here(monkeypatch, before, "resume=sweep") == 0
    assert [row["state"] for row in read_sweep(before / "sweep")] == ["finished", "finished"]
    assert (before / "sweep" / "0" / "metrics.csv").read_bytes() == finished
    assert (before / "sweep" / "report.html").is_file()
    whole = [*(before / "sweep" / "1" / ".hydra" / "overrides.yaml").read_text().split("- ")[1:]]
    overrides = [override.strip() for override in whole if not override.startswith("resume=")]
    assert run_here(monkeypatch, before, *overrides, "hydra.run.dir=whole") == 0
    parts, rows = read_metrics(before / "sweep" / "1"), read_metrics(before / "whole")
    assert [row["step"] for row in parts] == [row["step"] for row in rows]
    for name in ("train/total", "train/exp", "train/tv"):
        # The first step is from another machine.
        expected = [float(row[name]) for row in rows if row[name]]
        assert [float(row[name]) for row in parts if row[name]] == pytest.approx(expected, rel=1e-3), name


def test_its_run_is_trained_on(before: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_here(monkeypatch, before, "resume=sweep/0", "trainer.max_steps=62") == 0
    assert read_result(before / "sweep" / "0")["last_step"] == 62
    assert read_metrics(before / "sweep" / "0")[-1]["step"] == "62"


def test_its_picked_checkpoint_loads(before: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picked, run = load_weights(before / "sweep" / "picked"), load_weights(before / "sweep" / "0")
    for name, value in run.state_dict().items():
        assert torch.equal(picked.state_dict()[name], value), name
    overrides = ["model=zero_dce_pp", "model.weights=sweep/picked", "trainer.max_steps=0", "logger=csv"]
    data = ["data=sice", "data.root=data", "data.split.test_fraction=0.3", "data.val_fraction=0.3", "data.size=16"]
    sizes = [
        "trainer.accelerator=cpu",
        "data.num_workers=0",
        "callbacks.samples.count=1",
        "callbacks.samples.longest=32",
    ]
    assert run_here(monkeypatch, before, *overrides, *data, *sizes, "hydra.run.dir=measured") == 0
    assert read_result(before / "measured")["state"] == "finished"

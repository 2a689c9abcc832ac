"""Sweeps on one machine, in this process and in fresh ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.launching import states
from tests.helpers.runs import read_result, run_apart, run_here, tiny
from zero_dce.files import sole_owner


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

"""The files of a run's folder, and the command that continues it."""

from __future__ import annotations

from pathlib import Path

import pytest

from zero_dce.files import write_json
from zero_dce.records.run import (
    checkpoint_file,
    last_checkpoint,
    last_values,
    pictures_folder,
    read_rows,
    result_time,
    run_state,
    saved_checkpoints,
    saved_steps,
    sync_command,
)


def test_checkpoints_and_pictures_by_step(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        last_checkpoint(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    for step in ("step-1200000", "step-000300", "step-best", "last"):
        (tmp_path / "checkpoints" / f"{step}.ckpt").touch()
    files = {step: checkpoint_file(tmp_path, step) for step in (300, 1_200_000)}
    assert saved_checkpoints(tmp_path) == files
    assert list(saved_checkpoints(tmp_path)) == [300, 1_200_000]
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoints" / "last.ckpt"
    (tmp_path / "checkpoints" / "last.ckpt").unlink()
    with pytest.raises(FileNotFoundError, match=r"may lack what was measured up to step-1200000\.ckpt\. Start the run"):
        last_checkpoint(tmp_path)
    for step in (300, 0):
        pictures_folder(tmp_path, step).mkdir(parents=True)
    assert saved_steps(tmp_path) == [0, 300]


def test_metrics(tmp_path: Path) -> None:
    assert read_rows(tmp_path) == {}
    (tmp_path / "metrics.csv").write_text("step,train/exp,val/exp,lr\n1,0.5,,1\n2,,0.25,1\n3,0.125,,1\n")
    rows = read_rows(tmp_path)
    assert rows == {1: {"train/exp": 0.5, "lr": 1}, 2: {"val/exp": 0.25, "lr": 1}, 3: {"train/exp": 0.125, "lr": 1}}
    assert last_values(rows) == {"train/exp": 0.125, "val/exp": 0.25}


def test_states(tmp_path: Path) -> None:
    run = tmp_path / "0"
    assert (run_state(run), result_time(run)) == ("not started", None)
    run.mkdir()
    assert run_state(run) == "unfinished"
    write_json(run / "result.json", {"state": "interrupted"})
    assert run_state(run) == "interrupted"
    assert result_time(run) is not None


def test_offline_runs_are_sent_by_a_command(tmp_path: Path) -> None:
    assert sync_command(tmp_path) is None
    (tmp_path / "wandb" / "offline-run-1").mkdir(parents=True)
    assert sync_command(tmp_path) == f"python -m wandb sync {tmp_path / 'wandb'}/offline-run-*"


@pytest.mark.parametrize("step", ["-1", str(2**53), "9" * 5000, "1.5", "x" * 200_000])
def test_a_step_that_is_none_is_refused(step: str, tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(f"step,a\n{step},1\n")
    with pytest.raises(ValueError, match=r"metrics\.csv is not the table of a run"):
        read_rows(tmp_path)


def test_what_is_no_file_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "step-000003.ckpt").mkdir(parents=True)
    assert saved_checkpoints(tmp_path) == {}

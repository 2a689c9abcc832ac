"""Validation goes by optimizer steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.runs import only_run, read_metrics, run_here, tiny, validated


def test_accumulation_counts_steps_not_batches(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = tiny(sice, "trainer.accumulate_grad_batches=2", "data.batch_size=1", "logger=csv")
    assert run_here(monkeypatch, tmp_path, *options) == 0
    run = only_run(tmp_path)
    assert [(row["step"], bool(row["val/exp"])) for row in read_metrics(run)] == [
        ("1", False),
        ("2", True),
        ("3", False),
        ("4", True),
    ]
    assert sorted(path.name for path in (run / "samples").iterdir()) == [f"step-00000{step}" for step in (0, 2, 4)]


def test_validation_keeps_to_steps_where_batches_do_not(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch of an odd number of batches ends with an incomplete accumulation, which the Trainer steps on."""
    options = tiny(sice, "trainer.accumulate_grad_batches=2", "data.val_fraction=0.1", "logger=csv", "every_n_steps=4")
    assert run_here(monkeypatch, tmp_path, *options, "data.batch_size=3", "trainer.max_steps=10") == 0
    run = only_run(tmp_path)
    assert validated(run) == [4, 8, 10]
    assert sorted(int(folder.name[5:]) for folder in (run / "samples").iterdir()) == [0, 4, 8, 10]


def test_last_step_is_validated_and_kept_where_it_is_no_multiple(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "trainer.max_steps=3", "logger=csv")) == 0
    run = only_run(tmp_path)
    assert read_metrics(run)[-1]["step"] == "3"
    assert read_metrics(run)[-1]["val/exp"]
    assert (run / "checkpoints" / "step-000003.ckpt").is_file()
    assert (run / "samples" / "step-000003").is_dir()

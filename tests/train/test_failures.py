"""What a failure means for a run, and how to go on."""

from __future__ import annotations

import weakref
from pathlib import Path

import pytest
import torch

from tests.helpers.runs import only_run, read_result, run_here, tiny
from zero_dce.module import ZeroDCE


def test_out_of_memory_says_how_to_go_on(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(ZeroDCE, "training_step", full)
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=csv", "data.batch_size=16")) == 1
    message = capsys.readouterr().err
    assert "data.batch_size=16 at data.size=16 does not fit" in message
    assert "data.batch_size=8 trainer.accumulate_grad_batches=2" in message
    assert read_result(only_run(tmp_path))["state"] == "failed"


def test_a_failed_run_lets_go_of_its_tensors(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hydra keeps the exception; on a GPU the frames in it would fill the memory of the next run."""
    kept: list[weakref.ref[torch.Tensor]] = []
    alive_at_next_failure = []

    def fail(self: ZeroDCE, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        alive_at_next_failure.append([reference() is not None for reference in kept])
        large = torch.zeros(1000, 1000)
        kept.append(weakref.ref(large))
        raise torch.OutOfMemoryError(f"no room beside {len(large)} rows")

    monkeypatch.setattr(ZeroDCE, "training_step", fail)
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=csv", "seed=1,2,3", "-m")) == 1
    assert alive_at_next_failure == [[], [False], [False, False]]

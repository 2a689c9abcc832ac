"""What a failure means for a run, and how to go on."""

from __future__ import annotations

import datetime
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.processes import free_port
from tests.helpers.runs import only_run, read_result, run_here, tiny
from zero_dce.module import ZeroDCE
from zero_dce.train.failures import explain_stuck_process


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"),
    ],
    ids=["allocator", "cudnn"],
)
def test_out_of_memory_says_how_to_go_on(
    error: Exception, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(ZeroDCE, "training_step", full)
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=csv", "data.batch_size=16")) == 1
    message = capsys.readouterr().err
    assert "data.batch_size=16 at data.size=16 does not fit" in message
    assert "model.pictures_at_once=1. " in message
    assert f"PyTorch says: {error}" in message
    assert read_result(only_run(tmp_path))["state"] == "failed"


@pytest.mark.parametrize("options", [["data.batch_size=4", "model.pictures_at_once=1"], ["data.batch_size=1"]])
def test_one_picture_that_is_too_large_has_to_be_smaller(
    options: list[str], sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(ZeroDCE, "training_step", full)
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=csv", *options)) == 1
    message = capsys.readouterr().err
    assert "pictures_at_once" not in message
    assert "Smaller pictures (data.size)" in message


@pytest.mark.usefixtures("not_estimated")
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


@pytest.mark.usefixtures("not_estimated")
def test_a_run_that_has_ended_leaves_nothing(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even until the garbage collector comes by: on a GPU the next run would have less room."""
    kept: list[weakref.ref[Any]] = []
    alive_at_next_start = []
    begin = ZeroDCE.on_fit_start

    def keep(self: ZeroDCE) -> None:
        alive_at_next_start.append([reference() is not None for reference in kept])
        pixels = self.trainer.datamodule._pictures()  # type: ignore[attr-defined]
        first = self.trainer.datamodule.split.train[0]  # type: ignore[attr-defined]
        objects = (self, self.trainer, next(self.parameters()), self.trainer.datamodule, pixels(first)._base)
        kept.extend(weakref.ref(one) for one in objects)
        begin(self)

    monkeypatch.setattr(ZeroDCE, "on_fit_start", keep)
    gc.disable()
    try:
        given = tiny(sice, "logger=csv", "data.cache=memory", "seed=1,2", "hydra.sweep.dir=sweep", "-m")
        assert run_here(monkeypatch, tmp_path, *given) == 0
        assert alive_at_next_start == [[], [False] * 5]
        assert [reference() for reference in kept] == [None] * 10
    finally:
        gc.enable()


@pytest.mark.parametrize("first", [True, False])
def test_processes_that_never_meet(first: bool, tmp_path: Path) -> None:
    """The others may have been refused before they came so far."""
    wait, port = datetime.timedelta(milliseconds=300), free_port()
    with (
        pytest.raises(TimeoutError, match="another process of this run has not answered"),
        explain_stuck_process(tmp_path),
    ):
        torch.distributed.TCPStore("127.0.0.1", port, 2, is_master=first, timeout=wait)


def test_what_is_no_waiting_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"^it timed out$"), explain_stuck_process(tmp_path):
        raise RuntimeError("it timed out")

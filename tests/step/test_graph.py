"""Compiled steps: when, and that they are the same steps. That CUDA graphs are quicker needs a GPU to see."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.runs import read_metrics, run_here, tiny
from zero_dce import module
from zero_dce.step.graph import why_not

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("auto", CUDA), None),
        ((None, CUDA), "graph is null"),
        (("auto", CPU), "this is cpu"),
        (("auto", CUDA, 2), "2 processes"),
        (("auto", CUDA, 1, 3), "accumulates 3 batches"),
        (("auto", CUDA, 1, 1, 4), "pictures_at_once is 4"),
        (("auto", CUDA, 1, 1, "auto", True), "scaled"),
    ],
)
def test_when_steps_are_compiled(given: Any, reason: str | None) -> None:
    found = why_not(*given)
    assert found == reason or (found is not None and reason is not None and reason in found)


@pytest.mark.slow
def test_it_is_said_why_steps_are_not_compiled(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tiny(sice, "logger=csv", "trainer.max_steps=1", "trainer.graph=auto")
    assert run_here(monkeypatch, tmp_path, *given) == 0
    assert "steps are not compiled: they are made for a CUDA device, and this is cpu" in capsys.readouterr().out


def test_another_value_is_refused(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "trainer.graph=on")) == 1
    assert "trainer.graph is" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="PyTorch compiles for processors with g++, which is not here")
@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_compiled_steps_are_the_same_steps(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the gradient through an exposure too. Compiled for a processor, where nothing is recorded.

    11 pictures in batches of 4: the last of an epoch has 3.
    """
    losses: dict[str, list[float]] = {}
    shapes: list[int] = []
    compiled = module.compiled

    def watched(function: Any) -> Any:
        step = compiled(function)

        def noted(batch: Any) -> Any:
            shapes.append(len(batch["image"]))
            return step(batch)

        return noted

    monkeypatch.setattr(module, "compiled", watched)
    # As on a GPU; the blocked layout is a processor's own, which is not compiled.
    monkeypatch.setattr(module, "fastest_layout", lambda *_: "channels_last")
    given = tiny(
        sice, "logger=csv", "data.batch_size=4", "trainer.max_steps=7", "trainer.graph=auto", "model.exposure=0.44"
    )
    for name, reason in (("eager", "it is not asked for"), ("compiled", None)):
        monkeypatch.setattr(module, "why_not", lambda *_, reason=reason: reason)
        assert run_here(monkeypatch, tmp_path, *given, f"hydra.run.dir={name}") == 0
        losses[name] = [float(row["train/total"]) for row in read_metrics(tmp_path / name) if row["train/total"]]
    assert shapes == [4] * 5, "two of seven batches are short"
    assert losses["compiled"] == pytest.approx(losses["eager"], rel=1e-4)
    assert len(losses["eager"]) == 7


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_recorded_steps_are_the_same_steps(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = {}
    given = tiny(sice, "logger=csv", "data.batch_size=4", "trainer.max_steps=12", "every_n_steps=6")
    given = [option for option in given if option != "trainer.accelerator=cpu"]
    for graph in ("null", "auto"):
        options = [*given, "trainer.accelerator=gpu", f"trainer.graph={graph}", f"hydra.run.dir=run-{graph}"]
        assert run_here(monkeypatch, tmp_path, *options) == 0
        losses[graph] = [
            float(row["train/total"]) for row in read_metrics(tmp_path / f"run-{graph}") if row["train/total"]
        ]
    assert losses["auto"] == pytest.approx(losses["null"], rel=1e-3)
    assert len(losses["auto"]) == 12

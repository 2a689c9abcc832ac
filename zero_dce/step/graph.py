"""Forward pass, losses and backward pass of a step, as work that a GPU is given in one piece.

A step of this small network is some hundreds of operations, and a fast GPU has done each of them before the program has
given out the next. Compiled, neighbouring ones become one, and recorded (as a CUDA graph), all of them are given out at
once. Clipping and Adam, a dozen operations, stay as they are.

PyTorch compiles for processors too, which was measured and gained nothing: 3 % at 8 x 128 x 128 in bfloat16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def why_not(
    graph: str | None,
    device: torch.device,
    processes: int = 1,
    batches: int = 1,
    pictures_at_once: str | int = "auto",
    scales_gradients: bool = False,
) -> str | None:
    """Return why steps are not compiled; ``None`` where they are.

    Args:
        graph: of :class:`zero_dce.train.trainer.StepTrainer`.
        device: that trains.
        processes: of the run. Several exchange gradients in the midst of a backward pass.
        batches: of a step. The gradients of one are in memory that the recorded pass of the next one takes.
        pictures_at_once: of ``model``. Only whole batches are compiled.
        scales_gradients: as with float16.
    """
    reasons = {
        "trainer.graph is null": graph is None,
        f"they are made for a CUDA device, and this is {device.type}": device.type != "cuda",
        f"the run has {processes} processes": processes > 1,
        f"a step accumulates {batches} batches": batches > 1,
        f"model.pictures_at_once is {pictures_at_once}": pictures_at_once != "auto",
        "gradients are scaled": scales_gradients,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of tensors of one shape, compiled and, on a GPU, recorded with its backward pass.

    Each call overwrites what the one before has returned.
    """
    recorded = torch.compile(function, mode="reduce-overhead", dynamic=False)

    def step(*arguments: Any) -> Any:
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        return recorded(*arguments)

    return step

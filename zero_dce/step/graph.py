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


def why_not(graph: str | None, device: torch.device, processes: int, scales_gradients: bool) -> str | None:
    """Return why steps are not compiled; ``None`` where they are.

    Args:
        graph: of :class:`zero_dce.train.trainer.StepTrainer`.
        device: that trains.
        processes: of the run. Several exchange gradients in the midst of a backward pass.
        scales_gradients: as with float16.
    """
    reasons = {
        "trainer.graph is null": graph is None,
        f"they are made for a CUDA device, and this is {device.type}": device.type != "cuda",
        f"the run has {processes} processes": processes > 1,
        "gradients are scaled": scales_gradients,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of tensors of one shape, compiled and, on a GPU, recorded with its backward pass.

    Each call overwrites what the one before has returned.
    """
    # What earlier runs of this process have compiled would count against the number of versions that are kept.
    torch.compiler.reset()
    recorded = torch.compile(function, mode="reduce-overhead", dynamic=False)

    def step(*arguments: Any) -> Any:
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        return recorded(*arguments)

    return step

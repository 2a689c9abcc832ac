"""A LightningModule whose steps are taken without reading from the device, and left out where they are not finite."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from zero_dce.step.finite import FiniteSteps
from zero_dce.step.reading import is_read


class StepModule(L.LightningModule):
    """The base of a module that learns with Adam; its ``training_step`` returns ``self.finite_steps.add(...)``.

    Attributes:
        finite_steps: what is known of the steps since they were checked last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.finite_steps = FiniteSteps()

    def adam(self, parameters: Any, rate: float, decay: float) -> torch.optim.Adam:
        """Return Adam in the kernel that can leave a step out by itself.

        With float16, PyTorch's scaler of gradients does, in any kernel.
        """
        return torch.optim.Adam(parameters, lr=rate, weight_decay=decay, fused=not self.scales_gradients())

    def scales_gradients(self) -> bool:
        """Tell whether gradients are in float16, which a scale of the whole loss keeps from vanishing."""
        return self._trainer is not None and str(self._trainer.precision).startswith("16-mixed")

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradient as the Trainer does, and leave the step out where it is not finite.

        The Trainer itself refuses a fused optimizer under autocast, as one that unscales gradients; there are none.
        """
        parameters = [parameter for parameter in self.parameters() if parameter.grad is not None]
        norm = nn.utils.get_total_norm([parameter.grad for parameter in parameters])  # type: ignore[misc]
        if not self.scales_gradients():
            self.finite_steps.skip(self.global_step, norm, optimizer)
        if gradient_clip_val and gradient_clip_algorithm == "value":
            nn.utils.clip_grad_value_(parameters, gradient_clip_val)
        elif gradient_clip_val:
            nn.utils.clip_grads_with_norm_(parameters, gradient_clip_val, norm)

    def optimizer_step(self, *arguments: Any, **options: Any) -> None:
        """Take a step, and every ``log_every_n_steps`` find out whether those since the last time were finite."""
        super().optimizer_step(*arguments, **options)
        if is_read(self.trainer, self.global_step + 1):
            self._check()

    def on_train_start(self) -> None:
        """Lay the moments of a run that goes on out as the weights are, which may have lain in another layout."""
        for optimizer in self.trainer.optimizers:
            for parameter, state in optimizer.state.items():
                moments = {name: value for name, value in state.items() if value.shape == parameter.shape}
                # A fused kernel goes through their memory side by side.
                state.update({name: torch.empty_like(parameter).copy_(value) for name, value in moments.items()})

    def on_validation_start(self) -> None:
        """Check the steps before a validation."""
        self._check()

    def on_train_end(self) -> None:
        """Check the last steps."""
        self._check()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:  # noqa: ARG002  # Lightning's signature
        """Check the steps before a checkpoint: none is written after one that was not finite."""
        self._check()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let Adam go on in the kernel that is chosen here, whatever it was in when the checkpoint was written."""
        for state in checkpoint.get("optimizer_states", ()):
            for group in state["param_groups"]:
                group["fused"] = not self.scales_gradients()

    def _check(self) -> None:
        self.finite_steps.check(self._everywhere)

    def _everywhere(self, flag: Tensor) -> bool:
        """Tell whether a flag holds on all processes, so that they stop together instead of waiting for each other."""
        if self.trainer.world_size == 1:
            return bool(flag)
        return bool(self.trainer.strategy.reduce_boolean_decision(bool(flag), all=True))

"""A network and what follows it as a module of PyTorch, for torch.export."""

from __future__ import annotations

from torch import Tensor, nn

from zero_dce.export.finish import Finish
from zero_dce.exposure.response import expose
from zero_dce.images.denoise import denoise_whole
from zero_dce.networks import make_network
from zero_dce.weights import Weights


class FinishedNetwork(nn.Module):
    """A network whose enhanced picture is exposed by so many stops and smoothed.

    Args:
        weights: of either network.
        finish: of which ``exposure`` is ``off``.
    """

    def __init__(self, weights: Weights, finish: Finish) -> None:
        super().__init__()
        self.network = make_network(weights).requires_grad_(False)
        self.finish = finish

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return enhanced pictures and curve maps of pictures, B x 3 x H x W, range [0, 1]."""
        enhanced, curve_maps = self.network(image)
        if self.finish.stops:
            enhanced = expose(enhanced, self.finish.stops)
        if self.finish.denoise:
            enhanced = denoise_whole(image, enhanced, self.finish.denoise)
        return enhanced, curve_maps

"""LPIPS and DISTS: distances to the reference in the features of a network for recognition, by torchmetrics.

The networks and their weights are torchvision's, which this package does without: they are used where they are
installed, and nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from zero_dce.metrics.means import Measure

# Smaller pictures have no features left after the networks' poolings.
LEAST_PERCEPTUAL_SIDE = 32


@dataclass(frozen=True)
class Backbone:
    """The network behind a measure: its title, and the name of its weights in ``torchvision.models``."""

    title: str
    weights: str


BACKBONES = {"lpips": Backbone("AlexNet", "AlexNet_Weights"), "dists": Backbone("VGG-16", "VGG16_Weights")}


def load_perceptual(name: str, device: torch.device) -> Measure:
    """Load a measure of a picture against its reference, both B x 3 x H x W in [0, 1].

    ``lpips``: R. Zhang, P. Isola, A. A. Efros, E. Shechtman and O. Wang, "The unreasonable effectiveness of deep
    features as a perceptual metric", CVPR 2018, on AlexNet. ``dists``: K. Ding, K. Ma, S. Wang and E. P. Simoncelli,
    "Image quality assessment: unifying structure and texture similarity", IEEE TPAMI 44(5), 2022, on VGG-16. Of both,
    lower is better, and equal pictures have 0.

    Returns:
        The measure: one value per picture, NaN for pictures with a side below 32 pixels.

    Raises:
        ModuleNotFoundError: if torchvision cannot be imported; the message says which version to install.
        FileNotFoundError: if the network's weights are not in PyTorch's cache; the message says which file goes where.
    """
    _check_backbone(name)
    distance = (_load_lpips if name == "lpips" else _load_dists)(device)

    def measure(image: Tensor, reference: Tensor) -> Tensor:
        if min(image.shape[-2:]) < LEAST_PERCEPTUAL_SIDE:
            return image.new_full((len(image),), torch.nan)
        pairs = zip(image.clamp(0, 1), reference, strict=True)
        return torch.stack([distance(one[None], other[None]) for one, other in pairs])

    return measure


def _load_lpips(device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    # Pictures are in [0, 1] instead of [-1, 1].
    metric = LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True).to(device)

    def distance(image: Tensor, reference: Tensor) -> Tensor:
        metric.reset()
        value: Tensor = metric(image, reference)
        return value

    return distance


def _load_dists(device: torch.device) -> nn.Module:
    # The metric of torchmetrics would build the network anew for each picture.
    from torchmetrics.functional.image.dists import DISTSNetwork

    return DISTSNetwork().to(device).eval()


def _check_backbone(name: str) -> None:
    backbone = BACKBONES[name]
    address = getattr(_import_models(name), backbone.weights).DEFAULT.url
    file = Path(torch.hub.get_dir()) / "checkpoints" / address.rpartition("/")[2]
    if not file.is_file():
        raise FileNotFoundError(
            f"--perceptual {name} needs the weights of torchvision's {backbone.title}, and downloads nothing: fetch "
            f"{address} and put it there as {file}"
        )


def _import_models(name: str) -> ModuleType:
    try:
        return import_module("torchvision.models")
    except (ImportError, OSError, RuntimeError) as error:
        # One that was built for another PyTorch fails in several ways. 0.15 belongs to PyTorch 2.0, and so on.
        minor = int(torch.__version__.split(".")[1]) + 15
        reason = str(error).partition("\n")[0]
        raise ModuleNotFoundError(
            f"--perceptual {name} needs torchvision, which cannot be imported ({reason}): "
            f"pip install 'torchvision==0.{minor}.*', which belongs to PyTorch {torch.__version__}"
        ) from error

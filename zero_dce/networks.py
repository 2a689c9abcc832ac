"""The two networks that estimate curve maps: DCE-Net and its small successor Zero-DCE++."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zero_dce.checks import check_number
from zero_dce.curves import ITERATIONS, apply_curves
from zero_dce.files import write_file
from zero_dce.weights import DCE_NET, DCE_NET_PP, FORMAT_VERSION, WIDTH, Weights, encode_weights, read_weights


class CurveNet(nn.Module):
    """The base of both networks: seven layers of 3x3 pixels with symmetric skip connections.

    Zero-DCE paper (arXiv 2001.06826), section 3.2. Layer names and the order of concatenation are the released code's,
    so its checkpoints load unchanged. The receptive field is 15x15 pixels.

    Args:
        layer: function from the numbers of input and output channels to a layer.
        maps: channels of the curve maps.

    Attributes:
        NAME: name in the configuration (``model.network``) and in ``.safetensors`` files.
        blocked: compute features in oneDNN's own layout, see :func:`zero_dce.hardware.fastest_layout`, on a CPU and not
            under autocast; only DCE-Net in float32 can.
    """

    NAME: ClassVar[str]
    blocked = False

    def __init__(self, layer: Callable[[int, int], nn.Module], maps: int) -> None:
        super().__init__()
        self.e_conv1 = layer(3, WIDTH)
        self.e_conv2 = layer(WIDTH, WIDTH)
        self.e_conv3 = layer(WIDTH, WIDTH)
        self.e_conv4 = layer(WIDTH, WIDTH)
        self.e_conv5 = layer(2 * WIDTH, WIDTH)
        self.e_conv6 = layer(2 * WIDTH, WIDTH)
        self.e_conv7 = layer(2 * WIDTH, maps)

    def estimate_curves(self, image: Tensor) -> Tensor:
        """Return the curve maps of ``image``.

        Args:
            image: expected shape B x 3 x H x W, range [0, 1], any size from 1 x 1.

        Returns:
            Curve maps, shape B x 3n x H x W, range [-1, 1], float32 also under autocast; n is 8 in :class:`DCENet` and
            1 in :class:`DCENetPP`.
        """
        blocked = self.blocked and image.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
        x1 = torch.relu(self.e_conv1(image.contiguous().to_mkldnn() if blocked else image))
        x2 = torch.relu(self.e_conv2(x1))
        x3 = torch.relu(self.e_conv3(x2))
        x4 = torch.relu(self.e_conv4(x3))
        x5 = torch.relu(_joined(self.e_conv5, x3, x4))
        x6 = torch.relu(_joined(self.e_conv6, x2, x5))
        logits = _joined(self.e_conv7, x1, x6)
        if blocked:
            logits = logits.to_dense()
        # Autocast gives bfloat16 here, whose steps near 1 are 1/128; the curves need the full precision of tanh.
        return torch.tanh(logits.to(image.dtype))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the enhanced image (B x 3 x H x W, [0, 1]) and its curve maps (B x 3n x H x W, [-1, 1])."""
        curve_maps = self.estimate_curves(image)
        return apply_curves(image, curve_maps), curve_maps


def _joined(layer: Any, first: Tensor, second: Tensor) -> Tensor:
    """Return what a layer makes of the channels of two tensors together."""
    if not first.is_mkldnn:
        joined: Tensor = layer(torch.cat((first, second), dim=1))
        return joined
    # Blocked tensors cannot be concatenated: each half of the weights has its own.
    weights = layer.weight.chunk(2, dim=1)
    return F.conv2d(first, weights[0], layer.bias, padding=1) + F.conv2d(second, weights[1], padding=1)


class DCENet(CurveNet):
    """DCE-Net: seven 3x3 convolutions, 79,416 parameters, a curve map of three channels for each of 8 iterations.

    Weights start as N(0, 0.02) and biases as PyTorch's default, as in the released code.
    """

    NAME = DCE_NET

    def __init__(self) -> None:
        super().__init__(partial(nn.Conv2d, kernel_size=3, padding=1), 3 * ITERATIONS)
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                nn.init.normal_(parameter, mean=0.0, std=0.02)


class SeparableConv(nn.Module):
    """A 3x3 convolution within each of the ``inputs`` channels, and a 1x1 convolution across them to ``outputs``."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depth_conv = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs)
        self.point_conv = nn.Conv2d(inputs, outputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return the features, B x outputs x H x W, of B x inputs x H x W."""
        filtered: Tensor = self.point_conv(self.depth_conv(features))
        return filtered


class DCENetPP(CurveNet):
    """The network of Zero-DCE++: separable convolutions, 10,561 parameters, one curve map for all 8 iterations.

    Zero-DCE++ paper (arXiv 2103.00860), section 3.3, and its released code. The network sees the picture downsampled by
    a factor; its map is upsampled and applied at full size. Weights and biases start as PyTorch's default.

    The released test crops pictures to multiples of the factor. Here other sizes work too: H / factor and W / factor
    are rounded up to whole pixels.

    Args:
        scale_factor: by how much the network's input is smaller than the picture, on each side. The released code
            trains with 1 and tests with 12.

    Attributes:
        scale_factor: may be changed at any time; the weights stay the same.

    Raises:
        ValueError: if the factor is not a whole number of at least 1.
    """

    NAME = DCE_NET_PP

    def __init__(self, scale_factor: int = 1) -> None:
        super().__init__(SeparableConv, 3)
        check_number("scale_factor", scale_factor, least=1, whole=True)
        self.scale_factor = scale_factor

    def estimate_curves(self, image: Tensor) -> Tensor:
        """Return the curve map of ``image``, shape B x 3 x H x W; see :meth:`CurveNet.estimate_curves`."""
        if self.scale_factor == 1:
            return super().estimate_curves(image)
        height, width = image.shape[-2:]
        small = (math.ceil(height / self.scale_factor), math.ceil(width / self.scale_factor))
        # As in the released code, corners are aligned only when the map is enlarged.
        curve_map = super().estimate_curves(F.interpolate(image, small, mode="bilinear"))
        return F.interpolate(curve_map, (height, width), mode="bilinear", align_corners=True)


NETWORKS: dict[str, Callable[[], CurveNet]] = {DCE_NET: DCENet, DCE_NET_PP: DCENetPP}


def load_weights(path: str | os.PathLike[str], scale_factor: int = 1) -> CurveNet:
    """Load the network whose weights a file holds.

    Args:
        path: a checkpoint of this package, of the authors or of the report, a ``.safetensors`` file, a picked folder, a
            run's folder or an address: see :func:`zero_dce.weights.read_weights`.
        scale_factor: that of :class:`DCENetPP`; DCE-Net has none.

    Returns:
        A :class:`DCENet` or :class:`DCENetPP` in evaluation mode, on the CPU.

    Raises:
        OSError: if there is no such file, no weights in the folder, or nothing can be fetched from the address.
        ValueError: if the file is not a checkpoint of either network, or a factor is given for DCE-Net.
    """
    weights = read_weights(path)
    if weights.network == DCE_NET and scale_factor != 1:
        raise ValueError(f"scale_factor is {scale_factor}, but {path} holds a DCE-Net, which has none: leave it out")
    return make_network(weights, scale_factor)


def make_network(weights: Weights, scale_factor: int = 1) -> CurveNet:
    """Create the network of weights that were read, in evaluation mode, on the CPU; DCE-Net has no scale factor."""
    network = DCENetPP(scale_factor) if weights.network == DCE_NET_PP else DCENet()
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.state.items()})
    return network.eval()


def save_weights(network: CurveNet, file: Path, step: int) -> None:
    """Write only a network's weights, on any device, as ``.safetensors``; the metadata has its name and the step.

    Raises:
        OSError: if the file cannot be written; an earlier one of its name is left as it is.
    """
    # The format has only the plain memory layout; the values stay the same, bit by bit.
    state = {name: value.detach().cpu().contiguous().numpy() for name, value in network.state_dict().items()}
    write_file(
        file, encode_weights(state, {"network": network.NAME, "step": str(step), "format_version": FORMAT_VERSION})
    )


def start_from_identity(network: CurveNet) -> None:
    """Draw weights anew that leave every picture as it is, and learn fast from there.

    He's initialisation (arXiv 1502.01852) keeps the scale of features from layer to layer, where the published weights,
    N(0, 0.02), shrink it to nothing; and the last layer starts at 0, as do the maps.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    nn.init.zeros_(layers[-1].weight)


def weights_hash(network: CurveNet) -> str:
    """Hash the parameters: equal for equal weights, whatever file they came from."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]

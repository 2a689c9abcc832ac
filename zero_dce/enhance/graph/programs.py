"""What backends compute: the networks, the curves and further programs, each written once in a few operations.

:mod:`zero_dce.networks` has the same networks as PyTorch modules, for training; the tests compare the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from zero_dce.curves import ITERATIONS
from zero_dce.enhance.pixels import FloatArray
from zero_dce.exposure.dodging import roots_of
from zero_dce.exposure.response import expose
from zero_dce.images.denoise import denoise
from zero_dce.weights import DCE_NET_PP, Weights

# Programs of the same settings are one, so that what a backend has prepared for it serves every enhancer.
KEPT_PROGRAMS = 16


class Operations(Protocol):
    """What programs are written in: PyTorch carries it out at once, :mod:`zero_dce.enhance.graph.onnx` records it.

    All pictures and maps are B x C x H x W, float32. They are PyTorch's tensors or have the same operators
    (``+ - * / @ **``) and methods (``relu``, ``sqrt``, ``abs``, ``clip``, ``reshape``).
    """

    weights: Weights

    def convolve(self, x: Any, layer: str, relu: bool = False) -> Any:
        """Convolve with ``layer``'s weights, stride 1, zero padding to the same size; depthwise where its weight is."""

    def concatenate(self, first: Any, second: Any) -> Any:
        """Join the channels of two values."""

    def tanh(self, x: Any) -> Any:
        """Return the hyperbolic tangent, in float32; ``x`` may be overwritten."""

    def split(self, maps: Any, parts: int) -> Sequence[Any]:
        """Cut the channels into equal parts."""

    def mean(self, parts: Sequence[Any]) -> Any:
        """Average, element by element."""

    def curve(self, x: Any, curve_map: Any) -> Any:
        """Return ``x + r (x^2 - x)``, in float32."""

    def constant(self, value: FloatArray) -> Any:
        """Return an array that is the same at each run, as float32."""

    def average(self, x: Any, size: int, stride: int) -> Any:
        """Average over windows of ``size`` x ``size`` that lie wholly inside."""

    def crop(self, x: Any, top: int, left: int, bottom: int, right: int) -> Any:
        """Cut off so many rows and columns."""


@dataclass(frozen=True)
class Program:
    """A computation that a backend prepares once for each shape of its inputs.

    Attributes:
        name: for messages and stored graphs.
        build: from a backend's operations and its inputs, B x C x H x W, pictures in [0, 1], to its outputs.
        picture_out: the first output is a picture, stored as the first input is; all other outputs are float32.
        pictures: how many of the inputs are pictures or maps, H x W x C; the others are float32 arrays of a fixed
            shape and are given to ``build`` as they are.
        any_size: pictures are of many sizes and small, so that preparing it for each size takes longer than computing.
    """

    name: str
    build: Callable[[Operations, Sequence[Any]], Sequence[Any]]
    picture_out: bool = True
    pictures: int = 1
    any_size: bool = False


@lru_cache(maxsize=KEPT_PROGRAMS)
def enhancement(strength: float, with_map: bool = False) -> Program:
    """From a picture to the enhanced one and, ``with_map``, the mean of its curve maps.

    Where there is a second input, the enhanced picture is exposed by it, see :func:`expose_by`.
    """

    def build(operations: Operations, inputs: Sequence[Any]) -> list[Any]:
        image, *local = inputs
        maps = separate_maps(operations, scale(estimate_curves(operations, image), strength))
        enhanced = iterate_curve(operations, image, maps)
        if local:
            enhanced = expose_by(operations, enhanced, *local)
        return [enhanced, operations.mean(maps)] if with_map else [enhanced]

    return Program("enhance", build, pictures=2)


@lru_cache(maxsize=KEPT_PROGRAMS)
def estimation(any_size: bool = False) -> Program:
    """From a picture to its curve maps: 24 channels, or 3 of Zero-DCE++."""

    def build(operations: Operations, inputs: Sequence[Any]) -> list[Any]:
        (image,) = inputs
        return [estimate_curves(operations, image)]

    return Program("estimate", build, picture_out=False, any_size=any_size)


@lru_cache(maxsize=KEPT_PROGRAMS)
def denoising(levels: float) -> Program:
    """From a picture and the enhanced one to the latter without the noise that was brightened with it.

    Both inputs have :data:`zero_dce.images.denoise.REACH` pixels more on each side than the output.
    """

    def build(operations: Operations, inputs: Sequence[Any]) -> list[Any]:
        image, enhanced = inputs
        return [denoise(operations, image, enhanced, levels)]

    return Program("denoise", build, pictures=2)


def estimate_curves(operations: Operations, image: Any) -> Any:
    """Return the curve maps of an image in [0, 1], in [-1, 1]: 24 channels, or 3 of Zero-DCE++.

    Zero-DCE paper (arXiv 2001.06826), section 3.2; Zero-DCE++ (arXiv 2103.00860).
    """

    def layer(number: int, x: Any, relu: bool = True) -> Any:
        name = f"e_conv{number}"
        if f"{name}.depth_conv.weight" in operations.weights.state:
            x = operations.convolve(x, f"{name}.depth_conv")
            return operations.convolve(x, f"{name}.point_conv", relu)
        return operations.convolve(x, name, relu)

    x1 = layer(1, image)
    x2 = layer(2, x1)
    x3 = layer(3, x2)
    x4 = layer(4, x3)
    x5 = layer(5, operations.concatenate(x3, x4))
    x6 = layer(6, operations.concatenate(x2, x5))
    return operations.tanh(layer(7, operations.concatenate(x1, x6), relu=False))


def scale(curve_maps: Any, strength: float) -> Any:
    """Scale curve maps by ``strength``."""
    return curve_maps if strength == 1 else curve_maps * strength


def expose_by(operations: Operations, enhanced: Any, local: Any) -> Any:
    """Expose each pixel by its slope and offset, see :func:`zero_dce.exposure.dodging.expose_locally`."""
    slope, offset = operations.split(local, 2)
    guide = operations.mean(operations.split(roots_of(enhanced), 3))
    return expose(enhanced, slope * guide + offset)


def separate_maps(operations: Operations, curve_maps: Any) -> Sequence[Any]:
    """Return the curve map of each iteration; Zero-DCE++ has one for all."""
    if operations.weights.network == DCE_NET_PP:
        return [curve_maps] * ITERATIONS
    return operations.split(curve_maps, ITERATIONS)


def iterate_curve(operations: Operations, image: Any, curve_maps: Sequence[Any]) -> Any:
    """Apply one curve map after the other, see :func:`zero_dce.curves.apply_curves`."""
    for curve_map in curve_maps:
        image = operations.curve(image, curve_map)
    return image


def groups_of(weight: FloatArray) -> int:
    """Return the groups of a convolution with this weight: one per channel where it is depthwise, else one."""
    depthwise = weight.shape[1] == 1 and weight.shape[2] > 1
    return len(weight) if depthwise else 1

"""The networks and the curves as a sequence of named operations, for every library that runs or stores them.

A backend supplies the operations, either as nodes of a graph or carried out at once. :mod:`zero_dce.networks` has the
same networks as PyTorch modules, for training; the tests compare the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from zero_dce.curves import ITERATIONS
from zero_dce.enhance.pixels import FloatArray
from zero_dce.weights import DCE_NET_PP, Weights

Node = TypeVar("Node")


class Operations(Protocol[Node]):
    """What a backend must be able to do. All pictures and maps are B x C x H x W, float32."""

    weights: Weights

    def convolve(self, x: Node, layer: str, relu: bool = False) -> Node:
        """Convolve with ``layer``'s weights, stride 1, zero padding to the same size; depthwise where its weight is."""

    def concatenate(self, first: Node, second: Node) -> Node:
        """Put channels behind each other."""

    def tanh(self, x: Node) -> Node:
        """Hyperbolic tangent, in float32."""

    def split(self, maps: Node, parts: int) -> Sequence[Node]:
        """Cut the channels into equal parts."""

    def scale(self, x: Node, factor: float) -> Node:
        """Multiply by a constant."""

    def mean(self, parts: Sequence[Node]) -> Node:
        """Average, element by element."""

    def curve(self, x: Node, curve_map: Node) -> Node:
        """Return ``x + r (x^2 - x)``, in float32."""

    def constant(self, value: FloatArray) -> Node:
        """Return a float32 array that is the same at each run."""

    def add(self, first: Node, second: Node) -> Node:
        """Add."""

    def subtract(self, first: Node, second: Node) -> Node:
        """Subtract."""

    def multiply(self, first: Node, second: Node) -> Node:
        """Multiply, element by element."""

    def matmul(self, first: Node, second: Node) -> Node:
        """Multiply matrices: the last two dimensions, the same for all before them."""

    def relu(self, x: Node) -> Node:
        """Return the larger of x and 0."""

    def root(self, x: Node) -> Node:
        """Square root."""

    def absolute(self, x: Node) -> Node:
        """Absolute value."""

    def limit(self, x: Node, low: Node, high: Node) -> Node:
        """Bring every value to the nearest in a range."""

    def average(self, x: Node, size: int, stride: int) -> Node:
        """Average over windows of ``size`` x ``size`` that lie wholly inside."""

    def crop(self, x: Node, top: int, left: int, bottom: int, right: int) -> Node:
        """Cut off so many rows and columns."""

    def reshape(self, x: Node, *shape: int) -> Node:
        """Give the same values another shape."""


def groups_of(weight: FloatArray) -> int:
    """Return the groups of a convolution with this weight: a channel a group where it is depthwise, else one."""
    return len(weight) if weight.shape[1] == 1 and weight.shape[2] > 1 else 1


def estimate_curves(operations: Operations[Node], image: Node, strength: float = 1.0) -> Node:
    """Return the curve maps of an image in [0, 1], scaled by ``strength``: 24 channels, or 3 of Zero-DCE++.

    The range is [-1, 1].

    Zero-DCE paper (arXiv 2001.06826), section 3.2; Zero-DCE++ (arXiv 2103.00860).
    """

    def layer(number: int, x: Node, relu: bool = True) -> Node:
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
    curve_maps = operations.tanh(layer(7, operations.concatenate(x1, x6), relu=False))
    return curve_maps if strength == 1 else operations.scale(curve_maps, strength)


def apply_curves(operations: Operations[Node], image: Node, curve_maps: Sequence[Node]) -> Node:
    """Apply one curve map after the other, see :func:`zero_dce.curves.apply_curves`."""
    for curve_map in curve_maps:
        image = operations.curve(image, curve_map)
    return image


def separate_maps(operations: Operations[Node], curve_maps: Node) -> list[Node]:
    """Return the curve map of each iteration; Zero-DCE++ has one for all."""
    if operations.weights.network == DCE_NET_PP:
        return [curve_maps] * ITERATIONS
    return list(operations.split(curve_maps, ITERATIONS))


def enhance(operations: Operations[Node], image: Node) -> tuple[Node, Node]:
    """Return the enhanced image, in [0, 1], and its curve maps, see :func:`estimate_curves`."""
    curve_maps = estimate_curves(operations, image)
    return apply_curves(operations, image, separate_maps(operations, curve_maps)), curve_maps

"""What a backend is asked to compute: a function of pictures and maps, written in its operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from zero_dce.enhance.graph.topology import Operations, apply_curves, estimate_curves, separate_maps


@dataclass(frozen=True)
class Program:
    """A computation that a backend prepares once for each shape of its inputs.

    Attributes:
        name: for messages and stored graphs.
        build: from a backend's operations and its inputs, B x C x H x W, pictures in [0, 1], to its outputs.
        picture_out: the first output is a picture, stored as the first input is; all other outputs are float32.
        pictures: how many of the inputs are pictures or maps, H x W x C; the others are float32 arrays of a fixed
            shape and are given to ``build`` as they are.
    """

    name: str
    build: Callable[[Operations[Any], Sequence[Any]], Sequence[Any]]
    picture_out: bool = True
    pictures: int = 1


def enhancement(strength: float, with_map: bool = False) -> Program:
    """From a picture to the enhanced one and, ``with_map``, the mean of its curve maps, in [-1, 1]."""

    def build(operations: Operations[Any], inputs: Sequence[Any]) -> list[Any]:
        (image,) = inputs
        maps = separate_maps(operations, estimate_curves(operations, image, strength))
        enhanced = apply_curves(operations, image, maps)
        return [enhanced, operations.mean(maps)] if with_map else [enhanced]

    return Program("enhance", build)


def estimation(strength: float) -> Program:
    """From a picture to its curve maps, scaled by ``strength``: 24 channels, or 3 of Zero-DCE++."""

    def build(operations: Operations[Any], inputs: Sequence[Any]) -> list[Any]:
        (image,) = inputs
        return [estimate_curves(operations, image, strength)]

    return Program("estimate", build, picture_out=False)

"""Measures over a data set: which ones, and their means over batches and processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor
from torchmetrics import Metric

from zero_dce.metrics.colour import colour_error
from zero_dce.metrics.picture import (
    brightened_bright,
    brightened_by,
    brightness,
    clipped_share,
    entropy,
    lightness_order_error,
    noise,
    saturation,
)
from zero_dce.metrics.reference import absolute_error, ssim

# From batches of pictures, B x 3 x H x W in [0, 1] each, to a value a picture.
Measure = Callable[..., Tensor]

MEASURES: dict[str, Measure] = {"brightness": brightness, "clipped": clipped_share, "saturation": saturation}
MEASURE_NAMES = tuple(f"{name}_{side}" for name in MEASURES for side in ("in", "out"))


def of_input(measure: Measure, image: Tensor, *_: Tensor) -> Tensor:
    """Measure the first of several pictures; for use with ``partial``, as a metric must be able to be copied."""
    return measure(image)


def of_output(measure: Measure, _: Tensor, enhanced: Tensor) -> Tensor:
    """Measure the second of two pictures."""
    return measure(enhanced)


# Of an input and its enhancement.
CHANGES: dict[str, Measure] = {
    "loe": lightness_order_error,
    **{
        f"{name}_{side}": partial(of, measure)
        for name, measure in (("entropy", entropy), ("noise", noise))
        for side, of in (("in", of_input), ("out", of_output))
    },
    "brightened_bright": brightened_bright,
    "brightened_by": brightened_by,
}
# Of a picture and its reference; the PSNR is PSNRGain's.
COMPARISONS: dict[str, Measure] = {"ssim": ssim, "mae": absolute_error, "delta_e": colour_error}


def changes(target: float) -> dict[str, Measure]:
    """Return ``CHANGES`` with another level than 0.6 as well exposed."""
    return CHANGES | {name: partial(CHANGES[name], target=target) for name in ("brightened_bright", "brightened_by")}


def picture_measures(image: Tensor, enhanced: Tensor) -> dict[str, Tensor]:
    """Measures without reference: means over a batch, named as in ``MEASURE_NAMES``.

    Args:
        image: the input, expected shape B x 3 x H x W, range [0, 1].
        enhanced: its enhancement, same shape and range.

    Returns:
        Scalars ``brightness_in``, ``brightness_out``, ``clipped_in``, ``clipped_out``, ``saturation_in`` and
        ``saturation_out``.
    """
    sides = {"in": image, "out": enhanced}
    return {
        f"{name}_{side}": measure(picture).mean()
        for name, measure in MEASURES.items()
        for side, picture in sides.items()
    }


def with_saturation_ratio(means: dict[str, Tensor]) -> dict[str, Tensor]:
    """Replace the two saturations by their ratio out/in: below 1 colours fade, the sign of a wash-out.

    It is NaN for grey input, which has no colours to fade.
    """
    kept = {name: value for name, value in means.items() if not name.startswith("saturation_")}
    before, after = means["saturation_in"], means["saturation_out"]
    return {**kept, "saturation_ratio": torch.where(before > 0, after / before, torch.nan)}


class NamedMeans(Metric):
    """Means of several named values over a data set, each batch weighted by its size.

    ``update`` takes a mapping with a batch mean (a scalar) for each name, and the batch's size; ``compute`` returns a
    mapping of scalars.

    Args:
        names: the values' names.
    """

    full_state_update = False
    sums: Tensor
    count: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.add_state("sums", torch.zeros(len(self.names)), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(()), dist_reduce_fx="sum")

    def update(self, means: Mapping[str, Tensor], size: int) -> None:
        """Add a batch."""
        self.sums += size * torch.stack([means[name].detach() for name in self.names])
        self.count += size

    def compute(self) -> dict[str, Tensor]:
        """Return the means over all batches so far."""
        return dict(zip(self.names, (self.sums / self.count).unbind(), strict=True))


class PictureMeans(Metric):
    """Means of measures over all pictures of a data set, each over the pictures that it has a value for.

    ``update`` takes batches of pictures, B x 3 x H x W in [0, 1] each, as the measures do. ``compute`` returns a
    mapping of scalars: NaN for a measure without any value, and an empty mapping without any picture.

    Args:
        measures: from a name to a function of the pictures that gives B values, NaN where there is none.
    """

    full_state_update = False
    sums: Tensor
    counts: Tensor
    pictures: Tensor

    def __init__(self, measures: Mapping[str, Measure]) -> None:
        super().__init__()
        self.measures = dict(measures)
        self.add_state("sums", torch.zeros(len(self.measures)), dist_reduce_fx="sum")
        self.add_state("counts", torch.zeros(len(self.measures)), dist_reduce_fx="sum")
        self.add_state("pictures", torch.zeros(()), dist_reduce_fx="sum")

    def update(self, *pictures: Tensor) -> None:
        """Add a batch."""
        if not len(pictures[0]):
            return
        values = torch.stack([measure(*pictures).detach() for measure in self.measures.values()])
        known = ~values.isnan()
        self.sums += torch.where(known, values, 0.0).sum(dim=1)
        self.counts += known.sum(dim=1)
        self.pictures += values.shape[1]

    def compute(self) -> dict[str, Tensor]:
        """Return the means over all pictures so far."""
        if self.pictures == 0:
            return {}
        return dict(zip(self.measures, (self.sums / self.counts).unbind(), strict=True))

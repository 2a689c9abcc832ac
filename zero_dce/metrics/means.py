"""The measures of validation, and their means over batches and processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import torch
from torch import Tensor
from torchmetrics import MeanMetric, MetricCollection

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

# A function from batches of pictures, B x 3 x H x W in [0, 1] each, to one value per picture.
Measure = Callable[..., Tensor]

MEASURES: dict[str, Measure] = {"brightness": brightness, "clipped": clipped_share, "saturation": saturation}
MEASURE_NAMES = tuple(f"{name}_{side}" for name in MEASURES for side in ("in", "out"))


def of_input(measure: Measure, image: Tensor, *_: Tensor) -> Tensor:
    """Measure the first of several pictures; with ``partial``, as metrics, which are copied, can hold no lambda."""
    return measure(image)


def of_output(measure: Measure, _: Tensor, enhanced: Tensor) -> Tensor:
    """Measure the second of two pictures."""
    return measure(enhanced)


# These take an input and its enhancement.
CHANGES: dict[str, Measure] = {
    "loe": lightness_order_error,
    "entropy_in": partial(of_input, entropy),
    "entropy_out": partial(of_output, entropy),
    "noise_in": partial(of_input, noise),
    "noise_out": partial(of_output, noise),
    "brightened_bright": brightened_bright,
    "brightened_by": brightened_by,
}
# These take a picture and its reference; the PSNR is in PSNRGain.
COMPARISONS: dict[str, Measure] = {"ssim": ssim, "mae": absolute_error, "delta_e": colour_error}


def changes(target: float) -> dict[str, Measure]:
    """Return ``CHANGES`` with another well-exposed level than 0.6."""
    return CHANGES | {
        "brightened_bright": partial(brightened_bright, target=target),
        "brightened_by": partial(brightened_by, target=target),
    }


def picture_measures(image: Tensor, enhanced: Tensor) -> dict[str, Tensor]:
    """Return the batch means of ``MEASURES`` before and after, scalars named as in ``MEASURE_NAMES``.

    Args:
        image: the input, expected shape B x 3 x H x W, range [0, 1].
        enhanced: its enhancement, same shape and range.
    """
    means = {}
    for name, measure in MEASURES.items():
        means[f"{name}_in"] = measure(image).mean()
        means[f"{name}_out"] = measure(enhanced).mean()
    return means


def with_saturation_ratio(means: dict[str, Tensor]) -> dict[str, Tensor]:
    """Replace the two saturations by their ratio out/in: below 1 colours fade.

    The ratio is NaN for grey input, which has no colours to fade.
    """
    kept = {name: value for name, value in means.items() if not name.startswith("saturation_")}
    before, after = means["saturation_in"], means["saturation_out"]
    return {**kept, "saturation_ratio": torch.where(before > 0, after / before, torch.nan)}


class PictureMean(MeanMetric):
    """Mean of a measure over all pictures of a data set that it has a value for; NaN without any.

    ``update`` takes batches of pictures, B x 3 x H x W in [0, 1] each, as the measure does.

    Args:
        measure: a function of the pictures that gives B values, NaN where there is none.
    """

    def __init__(self, measure: Measure) -> None:
        super().__init__()
        self.measure = measure

    def update(self, *pictures: Tensor) -> None:  # type: ignore[override]  # pictures instead of values
        """Add a batch, which may be empty."""
        if not len(pictures[0]):
            return
        values = self.measure(*pictures).detach()
        known = ~values.isnan()
        super().update(torch.where(known, values, 0.0), known.to(values.dtype))


def weighted_means(names: Iterable[str]) -> MetricCollection:
    """Return a mean for each name, to be updated with a batch's mean and the batch's size."""
    return MetricCollection({name: MeanMetric(nan_strategy="error") for name in names}, compute_groups=False)


def picture_means(measures: Mapping[str, Measure]) -> MetricCollection:
    """Return a :class:`PictureMean` for each measure, to be updated with the same pictures."""
    return MetricCollection({name: PictureMean(measure) for name, measure in measures.items()}, compute_groups=False)

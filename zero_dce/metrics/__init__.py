"""Measures of pictures, with and without reference.

Each measure is a function of batches, B x 3 x H x W in [0, 1], that gives a value a picture; one that does not exist is
NaN. :class:`PictureMeans` averages such functions over a data set.
"""

from zero_dce.metrics.colour import ciede2000, colour_error, to_lab
from zero_dce.metrics.means import (
    CHANGES,
    COMPARISONS,
    MEASURE_NAMES,
    MEASURES,
    PictureMean,
    changes,
    picture_means,
    picture_measures,
    weighted_means,
    with_saturation_ratio,
)
from zero_dce.metrics.picture import (
    CLIP_LEVEL,
    brightened_bright,
    brightened_by,
    brightness,
    clipped_share,
    entropy,
    lightness_order_error,
    noise,
    saturation,
    saturation_ratio,
)
from zero_dce.metrics.reference import PSNRGain, absolute_error, psnr, ssim, summed_absolute_error

__all__ = [
    "CHANGES",
    "CLIP_LEVEL",
    "COMPARISONS",
    "MEASURES",
    "MEASURE_NAMES",
    "PSNRGain",
    "PictureMean",
    "absolute_error",
    "brightened_bright",
    "brightened_by",
    "brightness",
    "changes",
    "ciede2000",
    "clipped_share",
    "colour_error",
    "entropy",
    "lightness_order_error",
    "noise",
    "picture_means",
    "picture_measures",
    "psnr",
    "saturation",
    "saturation_ratio",
    "ssim",
    "summed_absolute_error",
    "to_lab",
    "weighted_means",
    "with_saturation_ratio",
]

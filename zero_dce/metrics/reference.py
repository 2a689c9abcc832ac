"""Measures of a picture against its reference."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from zero_dce.metrics.picture import luminance

# A picture equal to its reference, whose PSNR is infinite, counts as this many dB.
MOST_DB = 100.0
# Side of the window of SSIM.
WINDOW = 11


def psnr(image: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio, as torchmetrics computes it.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].
        reference: same shape and range.

    Returns:
        Shape B, in dB, at most 100: for equal pictures.
    """
    values = peak_signal_noise_ratio(image, reference, data_range=1.0, dim=(1, 2, 3), reduction="none")
    return torch.as_tensor(values).reshape(len(image)).clamp_max(MOST_DB)


def psnr_at_equal_mean(image: Tensor, reference: Tensor) -> Tensor:
    """PSNR of a picture that is first scaled to its reference's mean grey: how right it is beside its brightness.

    A reference is one exposure of several that would do, so part of :func:`psnr` is luck. This is what papers report
    "with GT mean" (KinD, LLFlow, and Retinexformer beside its own): the picture is multiplied by the ratio of the mean
    luminances (ITU-R BT.601), and cut off at 1. The reference takes part in the picture, so it is no measure of a
    method that has none, and not comparable with :func:`psnr`.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].
        reference: same shape and range.

    Returns:
        Shape B, in dB, at most 100.
    """
    mean, wanted = (luminance(values).mean(dim=(1, 2)).view(-1, 1, 1, 1) for values in (image, reference))
    return psnr((image * (wanted / mean.clamp_min(torch.finfo(image.dtype).tiny))).clamp(0, 1), reference)


def ssim(image: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity, as torchmetrics computes it: a Gaussian window of 11 x 11, the mean over the channels.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].
        reference: same shape and range.

    Returns:
        Shape B, range [-1, 1], 1 for equal pictures; NaN for pictures with a side below 11 pixels.
    """
    if min(image.shape[-2:]) < WINDOW:
        return image.new_full((len(image),), torch.nan)
    # This layout gives the same numbers in a third of the time on a CPU.
    image = image.contiguous(memory_format=torch.channels_last)
    reference = reference.contiguous(memory_format=torch.channels_last)
    # Autocast would convolve in 16 bits, whose rounding is larger than the variances of dark pictures.
    with torch.autocast(image.device.type, enabled=False):
        values = structural_similarity_index_measure(image, reference, data_range=1.0, reduction="none")
    return torch.as_tensor(values).reshape(len(image))


def absolute_error(image: Tensor, reference: Tensor) -> Tensor:
    """Mean absolute error over RGB and all pixels.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].
        reference: same shape and range.

    Returns:
        Shape B, range [0, 1].
    """
    return (image - reference).abs().mean(dim=(1, 2, 3))


def summed_absolute_error(image: Tensor, reference: Tensor) -> Tensor:
    """Absolute error on the scale 0 to 255, summed over RGB and averaged over pixels: the Zero-DCE paper's "MAE".

    The paper's table has 98.78 for SICE Part2, which is too much for a mean over RGB at a PSNR of 16.57 dB but fits a
    sum.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].
        reference: same shape and range.

    Returns:
        Shape B, range [0, 765].
    """
    return 3 * 255 * absolute_error(image, reference)


class PSNRGain(Metric):
    """Mean PSNR to a reference before and after enhancement, and the standard error of its gain.

    ``update`` takes input, enhanced image and reference, B x 3 x H x W in [0, 1] each. ``compute`` returns, in dB,
    ``psnr_input``, ``psnr``, ``psnr_gain`` and the standard error ``psnr_gain_se`` of the gain's mean, and
    ``psnr_improved``, the share of images that came nearer to their reference. Without any image it returns an empty
    dictionary; the standard error of a single image is NaN.
    """

    full_state_update = False
    sums: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        # These are the sums of the PSNR before and after, the gain, the squared gain, and the gains above 0.
        self.add_state("sums", torch.zeros(5), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(()), dist_reduce_fx="sum")

    def update(self, image: Tensor, enhanced: Tensor, reference: Tensor) -> None:
        """Add a batch."""
        before, after = psnr(image, reference), psnr(enhanced, reference)
        gain = after - before
        improved = (gain > 0).to(gain.dtype)
        self.sums += torch.stack((before.sum(), after.sum(), gain.sum(), gain.square().sum(), improved.sum()))
        self.count += len(image)

    def compute(self) -> dict[str, Tensor]:
        """Return the five measures over all images so far."""
        if self.count == 0:
            return {}
        before, after, gain, gain_squared, improved = (self.sums / self.count).unbind()
        variance = (gain_squared - gain.square()).clamp_min(0) * self.count / (self.count - 1)
        error = (variance / self.count).sqrt()
        return {
            "psnr_input": before.float(),
            "psnr": after.float(),
            "psnr_gain": gain.float(),
            "psnr_gain_se": error.float(),
            "psnr_improved": improved.float(),
        }

"""Measures of pictures: without reference for any photograph, and PSNR where a reference exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.image import peak_signal_noise_ratio

# A value at or above this rounds to 255 when the picture is saved in 8 bits.
CLIP_LEVEL = 254.5 / 255


def brightness(image: Tensor) -> Tensor:
    """Mean over RGB and all pixels, one value an image.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].

    Returns:
        Shape B, range [0, 1].
    """
    return image.mean(dim=(1, 2, 3))


def clipped_share(image: Tensor) -> Tensor:
    """Share of pixels with a blown highlight: a channel that rounds to 255 of 255.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].

    Returns:
        Shape B, range [0, 1].
    """
    return (image.amax(dim=1) >= CLIP_LEVEL).float().mean(dim=(1, 2))


def saturation(image: Tensor) -> Tensor:
    """Mean HSV saturation, ``(max - min) / max`` over the channels of a pixel; 0 for a black pixel.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].

    Returns:
        Shape B, range [0, 1].
    """
    highest, lowest = image.amax(dim=1), image.amin(dim=1)
    safe = torch.where(highest > 0, highest, torch.ones_like(highest))
    return ((highest - lowest) / safe).mean(dim=(1, 2))


MEASURES = {"brightness": brightness, "clipped": clipped_share, "saturation": saturation}
MEASURE_NAMES = tuple(f"{name}_{side}" for name in MEASURES for side in ("in", "out"))


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


class PSNRGain(Metric):
    """PSNR to a reference before and after enhancement, an image each, and how surely it rose.

    ``update`` takes input, enhanced image and reference, B x 3 x H x W in [0, 1] each. ``compute`` returns, in dB,
    ``psnr_input``, ``psnr``, ``psnr_gain`` and the standard error ``psnr_gain_se`` of the gain's mean, and
    ``psnr_improved``, the share of images that came nearer to their reference. The PSNR itself is torchmetrics';
    a picture equal to its reference counts as 100 dB. Without any image, ``compute`` returns an empty dictionary;
    the standard error of a single image is NaN.
    """

    full_state_update = False
    sums: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        # The sums of: PSNR in, PSNR out, gain, gain squared, gain above 0.
        self.add_state("sums", torch.zeros(5), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(()), dist_reduce_fx="sum")

    def update(self, image: Tensor, enhanced: Tensor, reference: Tensor) -> None:
        """Add a batch."""
        before, after = _psnr(image, reference), _psnr(enhanced, reference)
        gain = after - before
        self.sums += torch.stack(
            [part.sum() for part in (before, after, gain, gain.square(), (gain > 0).to(gain.dtype))]
        )
        self.count += len(image)

    def compute(self) -> dict[str, Tensor]:
        """Return the five measures over all images so far."""
        if self.count == 0:
            return {}
        before, after, gain, gain_squared, improved = (self.sums / self.count).unbind()
        variance = (gain_squared - gain.square()).clamp_min(0) * self.count / (self.count - 1)
        error = (variance / self.count).sqrt()
        values = {
            "psnr_input": before,
            "psnr": after,
            "psnr_gain": gain,
            "psnr_gain_se": error,
            "psnr_improved": improved,
        }
        return {name: value.float() for name, value in values.items()}


def _psnr(image: Tensor, reference: Tensor) -> Tensor:
    values = peak_signal_noise_ratio(image, reference, data_range=1.0, dim=(1, 2, 3), reduction="none")
    return torch.as_tensor(values).reshape(len(image)).clamp_max(100.0)

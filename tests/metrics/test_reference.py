from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers.pictures import pixels
from zero_dce.metrics.reference import PSNRGain, absolute_error, psnr, psnr_at_equal_mean, ssim, summed_absolute_error


def direct_ssim(image: Tensor, reference: Tensor) -> float:
    """Wang et al. (2004), equation 13, window by window, for one picture; the borders mirrored."""
    distance = np.arange(-5, 6)
    window = np.exp(-(distance[:, None] ** 2 + distance[None, :] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for x, y in zip(image.double().numpy(), reference.double().numpy(), strict=True):
        height, width = x.shape
        x, y = np.pad(x, 5, mode="reflect"), np.pad(y, 5, mode="reflect")
        for row in range(height):
            for column in range(width):
                a, b = x[row : row + 11, column : column + 11], y[row : row + 11, column : column + 11]
                mean_a, mean_b = (window * a).sum(), (window * b).sum()
                variance_a, variance_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
                covariance = (window * (a - mean_a) * (b - mean_b)).sum()
                values.append(
                    (2 * mean_a * mean_b + 1e-4)
                    * (2 * covariance + 9e-4)
                    / ((mean_a**2 + mean_b**2 + 1e-4) * (variance_a + variance_b + 9e-4))
                )
    return float(np.mean(values))


def test_ssim_equals_the_direct_sum_also_under_autocast() -> None:
    torch.manual_seed(0)
    image, reference = 0.1 * torch.rand(2, 3, 13, 17), torch.rand(2, 3, 13, 17)
    reference[0] = 5 * image[0]
    expected = torch.tensor([direct_ssim(*pair) for pair in zip(image, reference, strict=True)])
    torch.testing.assert_close(ssim(image, reference), expected, rtol=1e-4, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(ssim(image, reference), expected, rtol=1e-4, atol=1e-5)


def test_ssim_of_equal_and_of_tiny_pictures() -> None:
    picture = torch.rand(1, 3, 12, 12)
    assert ssim(picture, picture).item() == pytest.approx(1)
    assert ssim(torch.rand(2, 3, 10, 40), torch.rand(2, 3, 10, 40)).isnan().tolist() == [True, True]


def test_psnr_by_hand() -> None:
    reference = torch.full((2, 3, 4, 4), 0.5)
    image = reference + torch.tensor([0.1, 0.0]).view(2, 1, 1, 1)
    assert psnr(image, reference).tolist() == pytest.approx([20, 100])


def test_errors_by_hand() -> None:
    reference, image = torch.zeros(2, 3, 1, 2), torch.zeros(2, 3, 1, 2)
    image[0, 0] = 30 / 255
    image[0, 2] = torch.tensor([[0, 60 / 255]])
    assert absolute_error(image, reference).tolist() == pytest.approx([20 / 255, 0])
    # Of one pixel 30 + 0 + 0, of the other 30 + 0 + 60.
    assert summed_absolute_error(image, reference).tolist() == pytest.approx([60, 0])


def test_psnr_gain_by_hand() -> None:
    reference = torch.full((3, 3, 4, 4), 0.5)
    image = reference - torch.tensor([0.4, 0.2, 0.1]).view(3, 1, 1, 1)
    enhanced = reference - torch.tensor([0.1, 0.1, 0.2]).view(3, 1, 1, 1)
    metric = PSNRGain()
    metric.update(image[:1], enhanced[:1], reference[:1])
    metric.update(image[1:], enhanced[1:], reference[1:])
    gains = [20 * math.log10(4), 20 * math.log10(2), -20 * math.log10(2)]
    mean = sum(gains) / 3
    deviation = math.sqrt(sum((gain - mean) ** 2 for gain in gains) / 2)
    values = {name: value.item() for name, value in metric.compute().items()}
    assert values["psnr_gain"] == pytest.approx(mean, rel=1e-4)
    assert values["psnr_gain_se"] == pytest.approx(deviation / math.sqrt(3), rel=1e-4)
    assert values["psnr"] - values["psnr_input"] == pytest.approx(mean, rel=1e-4)
    assert values["psnr_improved"] == pytest.approx(2 / 3)


def test_psnr_of_equal_pictures_and_of_none() -> None:
    metric = PSNRGain()
    nothing = torch.zeros(0, 3, 4, 4)
    metric.update(nothing, nothing, nothing)
    assert metric.compute() == {}
    picture = torch.rand(1, 3, 4, 4)
    metric.update(picture, picture, picture)
    assert metric.compute()["psnr"].item() == 100
    assert metric.compute()["psnr_gain_se"].isnan(), "one picture says nothing of the spread"


def test_psnr_at_equal_mean() -> None:
    """Brightness alone costs nothing, and clipping does; it is never above what equal pictures have."""
    reference = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) / 2
    assert psnr_at_equal_mean(reference / 3, reference).item() == pytest.approx(100, abs=1e-3)
    noisy = (reference + 0.05 * torch.randn(reference.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    assert psnr(noisy / 2, reference) < psnr_at_equal_mean(noisy / 2, reference)
    assert psnr_at_equal_mean(noisy / 2, reference).item() == pytest.approx(psnr(noisy, reference).item(), abs=0.2)
    assert torch.isfinite(psnr_at_equal_mean(torch.zeros_like(reference), reference)).all()


def test_equal_mean_is_of_grey() -> None:
    """By hand: a red of 0.6 has the grey 0.299 x 0.6, the reference's grey is 0.0897, so the red becomes 0.3."""
    image, reference = pixels((0.6, 0, 0)), pixels((0.3, 0, 0))
    assert psnr_at_equal_mean(image, reference).item() == 100
    # A blue of 0.5 has the grey 0.057; scaled to 0.0897 it is 0.7868, and the error (0.3^2 + 0.7868^2) / 3.
    error = (0.3**2 + (0.5 * 0.0897 / 0.057) ** 2) / 3
    assert psnr_at_equal_mean(pixels((0, 0, 0.5)), reference).item() == pytest.approx(-10 * math.log10(error), abs=1e-3)

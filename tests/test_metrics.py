from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from zero_dce.metrics import (
    NamedMeans,
    PSNRGain,
    brightness,
    clipped_share,
    picture_measures,
    saturation,
    with_saturation_ratio,
)


def pixels(*values: tuple[float, float, float]) -> Tensor:
    """One row of pixels as a batch of one."""
    return torch.tensor(values).T.reshape(1, 3, 1, len(values))


def test_brightness_by_hand() -> None:
    assert brightness(pixels((0.0, 0.3, 0.6), (1.0, 1.0, 1.0))).item() == pytest.approx(0.65)


def test_clipped_counts_what_saves_as_255() -> None:
    image = pixels((1.0, 0.0, 0.0), (254.6 / 255, 0.1, 0.1), (254.4 / 255, 0.1, 0.1), (0.5, 0.5, 0.5))
    assert clipped_share(image).item() == pytest.approx(0.5)


def test_saturation_by_hand() -> None:
    assert saturation(pixels((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (1.0, 0.0, 0.0), (0.4, 0.3, 0.2))).item() == (
        pytest.approx((0 + 0 + 1 + 0.5) / 4)
    )


def test_means_over_batches_of_different_size() -> None:
    metric = NamedMeans(("a",))
    metric.update({"a": torch.tensor(1.0)}, size=3)
    metric.update({"a": torch.tensor(5.0)}, size=1)
    assert metric.compute()["a"].item() == pytest.approx(2.0)


def test_saturation_ratio_is_that_of_the_means() -> None:
    image, enhanced = pixels((0.4, 0.3, 0.2)), pixels((0.8, 0.6, 0.6))
    measures = with_saturation_ratio(picture_measures(image, enhanced))
    assert measures["saturation_ratio"].item() == pytest.approx(0.25 / 0.5)
    assert "saturation_in" not in measures
    grey = pixels((0.2, 0.2, 0.2))
    assert with_saturation_ratio(picture_measures(grey, grey))["saturation_ratio"].isnan(), "nothing to fade"


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

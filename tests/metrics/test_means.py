from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor

from tests.helpers.pictures import pixels
from zero_dce.metrics.means import (
    CHANGES,
    COMPARISONS,
    Measure,
    picture_means,
    picture_measures,
    weighted_means,
    with_saturation_ratio,
)
from zero_dce.metrics.picture import brightness


def test_means_over_batches_of_different_size() -> None:
    means = weighted_means(("b", "a"))
    for a, b, size in ((1.0, 4.0, 3), (5.0, 4.0, 1)):
        means["a"].update(torch.tensor(a), size)
        means["b"].update(torch.tensor(b), size)
    assert {name: value.item() for name, value in means.compute().items()} == pytest.approx({"a": 2.0, "b": 4.0})
    assert not means.state_dict(), "earlier checkpoints, which hold no such states, still load"


def test_saturation_ratio_is_that_of_the_means() -> None:
    image, enhanced = pixels((0.4, 0.3, 0.2)), pixels((0.8, 0.6, 0.6))
    measures = with_saturation_ratio(picture_measures(image, enhanced))
    assert measures["saturation_ratio"].item() == pytest.approx(0.25 / 0.5)
    assert "saturation_in" not in measures
    grey = pixels((0.2, 0.2, 0.2))
    assert with_saturation_ratio(picture_measures(grey, grey))["saturation_ratio"].isnan(), "nothing to fade"


def bright_half(image: Tensor) -> Tensor:
    """Brightness of pictures above 0.5; others have no value."""
    return torch.where(brightness(image) > 0.5, brightness(image), torch.nan)


def test_means_over_the_pictures_that_have_a_value() -> None:
    batch = torch.tensor([0.2, 0.6, 0.8, 0.4]).view(4, 1, 1, 1).expand(4, 3, 2, 2)
    metric = picture_means({"all": brightness, "bright": bright_half})
    metric.update(batch[:3])
    metric.update(batch[3:])
    values = {name: value.item() for name, value in metric.compute().items()}
    assert values == pytest.approx({"all": 0.5, "bright": 0.7})
    metric.reset()
    metric.update(batch[:1])
    assert metric.compute()["bright"].isnan()
    assert metric.compute()["all"].item() == pytest.approx(0.2)


def test_without_any_picture_there_is_no_value() -> None:
    means = picture_means(COMPARISONS)
    nothing = torch.zeros(0, 3, 16, 16)
    means.update(nothing, nothing)
    assert all(value.isnan() for value in means.compute().values())


@pytest.mark.parametrize("measures", [CHANGES, COMPARISONS])
def test_batches_add_up_and_the_metric_can_be_copied(measures: dict[str, Measure]) -> None:
    torch.manual_seed(0)
    first, second = torch.rand(2, 5, 3, 20, 24)
    whole, parts = picture_means(measures), picture_means(measures)
    whole.update(first, second)
    for part in (slice(0, 2), slice(2, 5)):
        parts.update(first[part], second[part])
    torch.testing.assert_close(parts.compute(), whole.compute(), equal_nan=True)
    for copied in (copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))):
        torch.testing.assert_close(copied.compute(), whole.compute(), equal_nan=True)


def test_in_and_out_are_of_input_and_output() -> None:
    torch.manual_seed(0)
    image, enhanced = torch.full((1, 3, 20, 20), 0.3), torch.rand(1, 3, 20, 20)
    metric = picture_means(CHANGES)
    metric.update(image, enhanced)
    values = metric.compute()
    assert values["noise_in"] == 0 < values["noise_out"]
    assert values["entropy_in"] == 0 < values["entropy_out"]

"""Comparing what a file computes with PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.helpers.networks import make_weights
from zero_dce.enhance.pixels import FloatArray
from zero_dce.export.check import largest_difference, reference_for
from zero_dce.export.contents import Contents
from zero_dce.export.finish import Finish
from zero_dce.export.provenance import Provenance
from zero_dce.exposure.setting import enhance_at
from zero_dce.networks import make_network


def contents(finish: Finish) -> Contents:
    return Contents(Provenance(make_weights(), "0"), finish)


def test_it_finds_the_largest_difference_of_each_output() -> None:
    reference = reference_for(contents(Finish()))

    def exported(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        enhanced, maps = (output.copy() for output in reference(image))
        if len(image) == 2:
            enhanced[1, 2, -1, -1] += 0.25
            maps[0, 23, 0, 0] -= 0.5
        return enhanced, maps

    assert largest_difference(exported, reference) == pytest.approx((0.25, 0.5))
    assert largest_difference(reference, reference) == (0, 0)
    without = lambda image: (reference(image)[0], np.empty((len(image), 0, *image.shape[2:])))  # noqa: E731
    assert largest_difference(without, reference) == (0, 0), "of darktable's file, there are no maps"


def test_what_is_no_number_is_seen_and_so_are_other_shapes() -> None:
    reference = reference_for(contents(Finish()))
    found = largest_difference(lambda image: (image * np.nan, reference(image)[1]), reference)
    assert np.isnan(found[0])
    with pytest.raises(ValueError, match=r"gives \[\(1, 3, 1, 1\), \(1, 3, 1, 1\)\], PyTorch .*\(1, 24, 1, 1\)"):
        largest_difference(lambda image: (image, image), reference)


def test_the_reference_is_what_this_package_does() -> None:
    image = np.random.default_rng(0).random((1, 3, 20, 30), np.float32) * np.float32(0.2)
    with torch.no_grad():
        plain, maps = make_network(make_weights())(torch.from_numpy(image))
    enhanced, found = reference_for(contents(Finish("auto")))(image)
    np.testing.assert_array_equal(found, maps.numpy())
    expected = enhance_at("auto", torch.from_numpy(image), maps).numpy()
    np.testing.assert_allclose(enhanced, expected, atol=1e-4)
    assert np.abs(enhanced - plain.numpy()).max() > 0.05, "a dark picture is exposed"

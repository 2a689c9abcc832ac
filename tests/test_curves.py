from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from zero_dce.curves import apply_curves


def test_zero_maps_change_nothing() -> None:
    image = torch.rand(2, 3, 5, 7)
    assert torch.equal(apply_curves(image, torch.zeros(2, 24, 5, 7)), image)


def test_one_iteration_by_hand() -> None:
    # 0.5 - 0.8 (0.25 - 0.5) = 0.7
    image = torch.full((1, 3, 1, 1), 0.5)
    enhanced = apply_curves(image, torch.full((1, 3, 1, 1), -0.8), iterations=1)
    torch.testing.assert_close(enhanced, torch.full((1, 3, 1, 1), 0.7))


def test_each_iteration_uses_its_own_map() -> None:
    maps = torch.zeros(1, 24, 1, 1)
    maps[:, 3:6] = 1.0
    # Only the second iteration acts: x + (x^2 - x) = x^2.
    enhanced = apply_curves(torch.full((1, 3, 1, 1), 0.3), maps)
    torch.testing.assert_close(enhanced, torch.full((1, 3, 1, 1), 0.09))


@pytest.mark.parametrize(("sign", "brighter"), [(-1.0, True), (1.0, False)])
def test_sign_convention(sign: float, brighter: bool) -> None:
    image = torch.rand(1, 3, 4, 4) * 0.8 + 0.1
    enhanced = apply_curves(image, torch.full((1, 24, 4, 4), 0.5 * sign))
    assert bool((enhanced > image).all()) is brighter


def test_range_and_end_points_stay() -> None:
    maps = torch.rand(1, 24, 16, 16) * 2 - 1
    enhanced = apply_curves(torch.rand(1, 3, 16, 16), maps)
    assert 0 <= enhanced.min() <= enhanced.max() <= 1
    for end in (0.0, 1.0):
        image = torch.full((1, 3, 16, 16), end)
        assert torch.equal(apply_curves(image, maps), image)


def test_one_map_for_all_iterations_equals_its_repetition() -> None:
    image, shared_map = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    assert torch.equal(apply_curves(image, shared_map), apply_curves(image, shared_map.repeat(1, 8, 1, 1)))


def test_wrong_number_of_maps_is_refused() -> None:
    with pytest.raises(ValueError, match=r"23 channels; 8 iterations .* need 24 .* or 3"):
        apply_curves(torch.rand(1, 3, 4, 4), torch.rand(1, 23, 4, 4))


@pytest.mark.shared
def test_published_vectors(vectors: dict[str, np.ndarray], shared: Path) -> None:
    x, maps, enhanced = (torch.from_numpy(vectors[name]) for name in ("x", "curve_maps", "enhanced"))
    assert (apply_curves(x, maps) - enhanced).abs().max() <= 1e-5
    maps, enhanced = (torch.from_numpy(vectors[f"plusplus_s1_{name}"]) for name in ("curve_maps", "enhanced"))
    assert (apply_curves(x[:, :, :60, :96], maps) - enhanced).abs().max() <= 1e-5

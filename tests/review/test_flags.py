from __future__ import annotations

import numpy as np
import pytest

from zero_dce.images.decode import Pixels
from zero_dce.review.flags import describe_flags, find_flags, picture_values


def flat(*colour: int) -> Pixels:
    return np.full((10, 10, 3), colour, dtype=np.uint8)


def kinds(before: Pixels, after: Pixels, target: float = 0.6) -> list[str]:
    return [flag["kind"] for flag in find_flags(picture_values(before), picture_values(after), target)]


def texts(before: Pixels, after: Pixels) -> list[str]:
    return [flag["text"] for flag in find_flags(picture_values(before), picture_values(after), 0.6)]


def test_values_of_a_picture() -> None:
    pixels = flat(100, 50, 50)
    pixels[0] = (255, 0, 0)
    # Brightness: nine rows of 200/3 and one of 255/3; saturation: nine of 0.5 and one of 1.
    assert picture_values(pixels) == pytest.approx(
        {"brightness": (0.9 * 200 + 0.1 * 255) / 3 / 255, "clipped": 0.1, "saturation": 0.55}, abs=1e-6
    )


def test_washed_out() -> None:
    # Saturation 0.5 becomes 0.25, half of it; 0.35 would be 0.7 of it.
    assert texts(flat(80, 40, 40), flat(200, 150, 150)) == ["washed out 0.500"]
    assert kinds(flat(80, 40, 40), flat(200, 130, 130)) == []
    assert kinds(flat(40, 40, 40), flat(150, 150, 150)) == [], "grey has no colours to fade"


def test_clipped() -> None:
    before = flat(100, 90, 80)
    after = before.copy()
    after[0, :1] = 255
    assert kinds(before, after) == [], "one pixel in a hundred is not yet more than 1 %"
    after[0, :3] = 255
    assert texts(before, after) == ["clipped +3.0 %"]
    assert kinds(after, after) == [], "it was so before"


def test_brightened_although_bright() -> None:
    assert texts(flat(160, 160, 160), flat(200, 200, 200)) == ["brightened 0.63 → 0.78"]
    assert kinds(flat(150, 150, 150), flat(200, 200, 200)) == [], "0.59 is below the target"
    assert kinds(flat(150, 150, 150), flat(200, 200, 200), target=0.5) == ["brightened"]
    assert kinds(flat(160, 160, 160), flat(161, 161, 161)) == [], "one level is rounding"
    assert kinds(flat(160, 160, 160), flat(120, 120, 120)) == []


def test_the_legend_names_the_thresholds() -> None:
    rules = {flag["kind"]: flag["rule"] for flag in describe_flags({0.6, 0.4})}
    assert "below 0.6" in rules["washed"]
    assert "more than 1 %" in rules["clipped"]
    assert "(0.4 or 0.6)" in rules["brightened"]

"""Curves that neither flicker nor trail behind what moves."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from tests.helpers.clips import still_frames
from tests.helpers.networks import make_weights
from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.fast.blocks import BlockGrid
from zero_dce.enhance.fast.calibration import Regression
from zero_dce.enhance.fast.mode import FastMode
from zero_dce.enhance.video import steady
from zero_dce.enhance.video.flicker import flicker
from zero_dce.enhance.video.steady import SteadyCurves, SteadyExposure, cells_of, is_cut, smooth
from zero_dce.images.canvas import ArrayCanvas


@pytest.fixture(scope="module")
def fast() -> Enhancer:
    return Enhancer(make_weights(), mode="fast", exposure=0.5)


def steadily(
    enhancer: Enhancer, frames: list[np.ndarray], smoothing: float, picture: np.ndarray | None = None
) -> np.ndarray:
    """Enhance frames with steady curves, without a file; or a picture with the curves of each frame in turn."""
    mode = enhancer.fast_for(8)
    curves = SteadyCurves(mode, enhancer, smoothing)
    outputs = []
    for frame in frames:
        canvas = ArrayCanvas(frame)
        output, field = canvas.blank(), curves.estimate(canvas).field
        mode.apply(canvas if picture is None else ArrayCanvas(picture), field, output, None, int)
        outputs.append(output.pixels)
    return np.stack(outputs)


def test_smoothing_by_hand() -> None:
    average = np.full((6, 8, 9), 0.2, np.float32)
    near, far = average + np.float32(0.1 / 255), average.copy()
    far[2:5, 2:6, :3] += 0.2
    assert np.array_equal(smooth(average, near, 0), near)
    # 0.1 of 255 is noise: a tenth of the change is followed.
    assert np.allclose(smooth(average, near, 0.9) - average, 0.1 * 0.1 / 255, rtol=0.05)
    moved = smooth(average, far, 0.9)
    assert np.abs(moved - far)[2:5, 2:6].max() < 1e-6, "what moved holds at once"
    assert np.array_equal(moved[0, 0], average[0, 0])


def test_a_cut_is_found_and_noise_is_none() -> None:
    frames = [*still_frames(2, noise=8), *still_frames(1, seed=1)]
    cells = [cells_of(frame) for frame in frames]
    assert not is_cut(None, cells[0])
    assert not is_cut(cells[0], cells[1])
    assert is_cut(cells[1], cells[2])
    assert not is_cut(cells[0] * 0, cells[1] * 0)


def test_each_shot_is_for_itself(fast: Enhancer) -> None:
    """After a cut nothing of the shot before is left: the frames are those of a clip that begins there."""
    first, second = still_frames(4), still_frames(4, seed=1)
    both = steadily(fast, [*first, *second], 0.9)
    assert np.array_equal(both[4:], steadily(fast, second, 0.9))


class _Counting:
    """Stands for fast mode, and for the enhancer.

    The n-th calibration has a bias of n and sees blocks of up to n, and an exposure of n tenths.
    """

    def __init__(self) -> None:
        self.calibrations = 0

    def measure(self, frame: ArrayCanvas) -> tuple[BlockGrid, np.ndarray]:
        return BlockGrid(frame.width, frame.height, 4), np.full((32, 40, 9), 0.2, np.float32)

    def calibrate(self, *_: object) -> Regression:
        self.calibrations += 1
        number = np.full((1, 1), self.calibrations, np.float32)
        return Regression(-number, number, number, number, 0 * number, 0 * number, number)

    def stops_of(self, _: ArrayCanvas) -> np.ndarray:
        return np.full(2, self.calibrations / 10)

    def spread(self, _: ArrayCanvas, stops: np.ndarray) -> np.ndarray:
        return stops


def test_calibrations_are_renewed_gradually(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "RENEW", 6)
    monkeypatch.setattr(steady, "FADE", 3)
    counting = _Counting()
    curves = SteadyCurves(cast(FastMode, counting), cast(Enhancer, counting), 0.9)
    frame = ArrayCanvas(still_frames(1)[0])
    fields = [curves.estimate(frame).field for _ in range(14)]
    found = [field.regression for field in fields]
    expected = [1] * 6 + [1.25, 1.5, 1.75, 2, 2, 2] + [2.25, 2.5]
    assert [float(regression.bias[0, 0]) for regression in found] == pytest.approx(expected)
    assert [field.local[1] * 10 for field in fields] == pytest.approx(expected), "the exposure fades with them"
    assert [len(regression.hidden) for regression in found[5:10]] == [1, 2, 2, 2, 1]
    assert found[7].high[0, 0] == 2


def test_the_exposure_of_frames_that_are_enhanced_each_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is held for some frames, then moves on step by step, and is new at once after a cut."""
    monkeypatch.setattr(steady, "RENEW", 3)
    monkeypatch.setattr(steady, "FADE", 2)
    found = iter([0.4, 0.8, -1.0])
    exposure = SteadyExposure(lambda _: np.array([next(found), 0.0]))
    frame = ArrayCanvas(still_frames(1)[0])
    stops = [exposure.next(frame, new_shot=number == 5)[0] for number in range(6)]
    assert stops == pytest.approx([0.4, 0.4, 0.4, 0.6, 0.7, -1.0])


def test_smoothing_lowers_flicker(fast: Enhancer) -> None:
    """Texture comes and goes, as with a codec's key frames, while the light stays."""
    fine, blurred = still_frames(16, noise=6), still_frames(16, noise=1)
    frames = [(blurred if index % 4 else fine)[index] for index in range(16)]
    alone, smoothed = (flicker(steadily(fast, frames, smoothing, blurred[0])) for smoothing in (0, 0.9))
    # Measured: a factor of 2.8.
    assert smoothed < alone / 1.4


def test_nothing_trails_behind_what_moves(fast: Enhancer) -> None:
    """A bright square crosses a dark scene: around it, smoothed frames are as those without smoothing."""
    frames = still_frames(8, noise=0)
    for index, frame in enumerate(frames):
        frame[40:72, 12 * index : 12 * index + 32] = 200
    alone, smoothed = (steadily(fast, frames, smoothing).astype(int) for smoothing in (0, 0.9))
    for index in range(1, 8):
        around = np.s_[index, 28:84, max(0, 12 * index - 36) : 12 * index + 44]
        assert np.abs(smoothed[around] - alone[around]).max() <= 3


def test_dark_places_that_are_dodged_do_not_flicker() -> None:
    """Where they lie is found anew in each frame, on cells that average its noise."""
    frames = still_frames(6, width=192)
    for frame in frames:
        frame[:60] = frame[:60] // 4 + 180
        frame[60:] //= 3
    found = {}
    for name, dodged in (("exposed", 0.0), ("dodged", 1.0)):
        enhancer = Enhancer(make_weights(), exposure="auto", denoise=0)
        stops = enhancer.stops_of(ArrayCanvas(frames[0])) * [1.0, dodged]
        outputs = [enhancer.enhance(ArrayCanvas(frame), stops=stops).pixels for frame in frames]
        found[name] = (flicker(np.stack(outputs)), np.mean([output[70:].mean() for output in outputs]), stops[1])
    assert found["dodged"][2] > 0.3
    assert found["dodged"][1] > 1.2 * found["exposed"][1]
    assert found["dodged"][0] <= 1.2 * found["exposed"][0] + 0.005, "per cent"

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

import zero_dce
from tests.helpers.clips import make_clip, read_pixels, still_frames
from tests.helpers.enhancing import enhance, psnr


def test_exact_mode_is_each_frame_alone(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_clip(Path("a.mkv"), still_frames(4))
    assert enhance(weights, "a.mkv", "--mode", "exact") == 0
    expected = np.stack([zero_dce.enhance(frame, weights) for frame in read_pixels(source)])
    assert psnr(read_pixels(Path("out/a.mkv")), expected) > 35
    assert "without smoothing" not in capsys.readouterr().out
    assert enhance(weights, "a.mkv", "--overwrite") == 0
    assert "% enhanced without smoothing, " in capsys.readouterr().out
    assert psnr(read_pixels(Path("out/a.mkv")), expected) > 30


def test_too_large_frames_are_refused(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_clip(Path("a.mp4"), still_frames(2))
    assert enhance(weights, "a.mp4", "--max-megapixels", "0.01") == 1
    assert "a.mp4 has frames of more than 0.01 megapixels" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_a_full_disk_leaves_no_half_clip(kind: str, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A limit on a file's size stands for it: a write that fails in the middle."""
    make_clip(Path(f"a.{kind}"), still_frames(12, noise=12))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, limits[1]))
    try:
        assert enhance(weights, f"a.{kind}") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    errors = capsys.readouterr().err
    assert f"failed: a.{kind}: " in errors
    assert "File too large" in errors
    assert not list(Path("out").iterdir())

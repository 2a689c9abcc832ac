from __future__ import annotations

from pathlib import Path

import pytest

from tests.endurance.reader import CORPORA
from tests.helpers.clips import make_silent_clip, still_frames
from zero_dce.enhance.video.clip import open_clip
from zero_dce.enhance.video.opening import first_frame


def test_larger_frames_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    file = make_silent_clip(tmp_path / "a.mp4", still_frames(2, 64, 48), "libx264", "yuv420p")
    assert first_frame(file, 64 * 48 / 1e6).width == 64
    with pytest.raises(ValueError, match=r"a\.mp4 has frames of more than 0\.003 megapixels \(--max-megapixels\)"):
        first_frame(file, 0.003)


def test_what_a_stream_claims_does_not_matter(tmp_path: Path) -> None:
    """The container says 16 x 16, and the code 64 x 48: FFmpeg sets no memory aside for more than is allowed."""
    file = make_silent_clip(tmp_path / "a.mp4", still_frames(2, 64, 48), "libx264", "yuv420p")
    size = b"\0\x40\0\x30\0\x48\0\0"
    content = file.read_bytes()
    assert content.count(size) == 1
    file.write_bytes(content.replace(size, b"\0\x10\0\x10\0\x48\0\0"))
    with pytest.raises(ValueError, match=r"a\.mp4"), open_clip(file, 0.001):
        pass


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mkv/mended-no-decoder", "has a video stream of a kind that FFmpeg does not decode|no video stream"),
        ("mkv/mended-ends-at-once", "cannot read .* as a video clip"),
        ("mkv/mended-not-implemented", "cannot read .* as a video clip"),
        ("mp4/mended-claims-memory", "cannot read .* as a video clip|has no video stream"),
    ],
)
def test_whatever_ffmpeg_says_is_an_error_that_names_the_clip(name: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / f"a.{name[:3]}"
    file.write_bytes((CORPORA / name).read_bytes())
    with pytest.raises(ValueError, match=message) as caught, open_clip(file):
        pass
    assert str(file) in str(caught.value)

"""Clips that cannot be read, or not whole."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from tests.helpers.clips import make_clip, read_frames, still_frames
from tests.helpers.enhancing import enhance


def test_ten_bits_become_eight_and_it_is_said(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_clip(Path("a.mp4"), still_frames(3), pixels="yuv420p10le")
    assert enhance(weights, "a.mp4") == 0
    assert read_frames(Path("out/a.mp4"))[0].format.name == "yuv420p"
    assert "a.mp4: its more than 8 bits a channel become 8" in capsys.readouterr().out


def _sound_only(file: Path) -> None:
    make_clip(Path("both.mkv"), still_frames(2))
    with av.open("both.mkv") as source, av.open(file, "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)


def _cut_short(file: Path) -> None:
    make_clip(file, still_frames(60, noise=9), index_first=file.stem == "early")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


BAD = {
    "sound.mkv": (_sound_only, "has no video stream"),
    "cut.mkv": (_cut_short, "of 2.4 s: it is cut short"),
    "cut.mp4": (_cut_short, "cannot read cut.mp4 as a video clip"),
    "early.mp4": (_cut_short, "early.mp4 "),
    "text.mp4": (lambda file: file.write_text("no clip"), "cannot read text.mp4 as a video clip"),
    "pq.mp4": (lambda file: make_clip(file, still_frames(2), colours=(9, 16, 9, 1)), "is HDR (PQ)"),
    "hlg.mkv": (lambda file: make_clip(file, still_frames(2), colours=(9, 18, 9, 1)), "is HDR (HLG)"),
    "fields.mp4": (
        lambda file: make_clip(file, still_frames(2), options={"x264-params": "tff=1"}),
        "is interlaced: deinterlace it first",
    ),
    "odd.mkv": (
        lambda file: make_clip(file, still_frames(2, width=161), pixels="yuv444p"),
        "H.264 takes even numbers only",
    ),
    "old.avi": (lambda file: file.write_bytes(b"RIFF"), ".avi files hold no times of frames"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_clip_fails_whole_and_alone(name: str, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make, message = BAD[name]
    make(Path(name))
    make_clip(Path("good.mkv"), still_frames(2))
    assert enhance(weights, name, "good.mkv") == 1
    errors = capsys.readouterr().err
    assert errors.count("failed: ") == 1
    assert message in errors
    assert name in errors
    assert [file.name for file in Path("out").iterdir()] == ["good.mkv"]

"""What of a clip is kept."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers.clips import make_clip, read_frames, read_packets, read_pixels, still_frames
from tests.helpers.enhancing import enhance, psnr


@pytest.mark.parametrize("kind", ["mp4", "mov", "mkv", "webm"])
def test_all_but_the_light_is_kept(kind: str, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ratio = None if kind == "webm" else Fraction(4, 3)
    source = make_clip(Path(f"a.{kind}"), still_frames(9), rotation=90, ratio=ratio, colours=(1, 1, 1, 2))
    assert enhance(weights, source.name) == 0
    made = Path("out") / source.name
    assert [file.name for file in Path("out").iterdir()] == [source.name]
    assert read_packets(made, "audio") == read_packets(source, "audio")
    before, after = read_frames(source), read_frames(made)
    assert [frame.pts * frame.time_base for frame in after] == [frame.pts * frame.time_base for frame in before]
    names = ("rotation", "color_primaries", "color_trc", "colorspace", "color_range", "width", "height")
    assert [getattr(after[0], name) for name in names] == [getattr(before[0], name) for name in names]
    assert [frame.rotation for frame in after] == [90] * 9
    assert after[0].format.name in ("yuv420p", "yuvj420p")
    with av.open(source) as old, av.open(made) as new:
        assert new.streams.video[0].sample_aspect_ratio == old.streams.video[0].sample_aspect_ratio
        assert [stream.type for stream in new.streams] == ["video", "audio"]
        assert new.streams.audio[0].language == "fra"
    printed = capsys.readouterr().out
    assert f"{source.name}: 9 frames of 160 x 128 in " in printed
    assert " frames a second; flicker " in printed
    assert psnr(read_pixels(made), read_pixels(source)) < 36


@pytest.mark.parametrize("kind", ["3gp", "mts"])
def test_cameras_and_telephones(kind: str, weights: Path) -> None:
    source = make_clip(Path(f"a.{kind}"), still_frames(9))
    assert enhance(weights, source.name) == 0
    made = Path("out") / source.name
    assert read_packets(made, "audio") == read_packets(source, "audio")
    times = [[frame.pts * frame.time_base for frame in read_frames(file)] for file in (made, source)]
    assert times[0] == times[1]
    assert psnr(read_pixels(made), read_pixels(source)) < 36
    if kind == "mts":
        assert made.read_bytes()[4::192].count(b"G") == made.stat().st_size / 192, "a camera's packets have 192 bytes"


@pytest.mark.parametrize("colours", [(1, 1, 1, 1), (6, 6, 6, 2), (9, 1, 9, 1)])
def test_strength_0_changes_little(colours: tuple[int, int, int, int], weights: Path) -> None:
    """Only what encoding once more takes: the colours go there and back by the same matrix and range."""
    source = make_clip(Path("a.mp4"), still_frames(4), colours=colours)
    assert enhance(weights, "a.mp4", "--strength", "0") == 0
    before, after = read_pixels(source), read_pixels(Path("out/a.mp4"))
    assert psnr(before, after) > 40
    # FFmpeg's conversion to the full range shifts chroma by up to half a step.
    assert np.abs(before.mean((0, 1, 2)) - after.mean((0, 1, 2))).max() < (1 if colours[3] == 2 else 0.2)


def test_subtitles_and_chapters_are_kept(weights: Path) -> None:
    make_clip(Path("plain.mkv"), still_frames(30))
    Path("words.srt").write_text("1\n00:00:00,100 --> 00:00:00,500\nIn the dark\n\n", encoding="utf-8")
    with av.open("plain.mkv") as source, av.open("words.srt") as words, av.open("a.mkv", "w") as target:
        streams = [target.add_stream_from_template(stream, opaque=True) for stream in source.streams]
        subtitles = target.add_stream_from_template(words.streams[0])
        target.metadata["title"] = "A walk"
        target.set_chapters([{"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000), "metadata": {}}])
        for container in (source, words):
            for packet in container.demux():
                if packet.size:
                    packet.stream = subtitles if container is words else streams[packet.stream.index]
                    target.mux(packet)
    assert enhance(weights, "a.mkv") == 0
    assert read_packets(Path("out/a.mkv"), "subtitle") == read_packets(Path("a.mkv"), "subtitle")
    assert b"In the dark" in read_packets(Path("out/a.mkv"), "subtitle")[0][-1]
    with av.open("out/a.mkv") as made:
        assert made.metadata["title"] == "A walk"
        assert [chapter["end"] * chapter["time_base"] for chapter in made.chapters()] == [Fraction(1, 2)]

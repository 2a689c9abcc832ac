"""Clips that cannot be read, or not whole."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers.clips import make_clip, make_silent_clip, read_frames, read_transparency, still_frames
from tests.helpers.enhancing import enhance


def test_ten_bits_become_eight_and_it_is_said(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_clip(Path("a.mp4"), still_frames(3), pixels="yuv420p10le")
    assert enhance(weights, "a.mp4") == 0
    assert read_frames(Path("out/a.mp4"))[0].format.name == "yuv420p"
    assert "a.mp4: its more than 8 bits a channel become 8" in capsys.readouterr().out


# The encoder would leave them out in noise, where they save nothing.
B_FRAMES = {"bf": "2", "b_strategy": "0", "sc_threshold": "0"}


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


def _an_avi(file: Path) -> None:
    make_silent_clip(Path("an.avi"), still_frames(3), "mpeg4", "yuv420p").rename(file)


def _frame_times_that_go_back(file: Path) -> None:
    make_silent_clip(file, still_frames(10, noise=9), "libx264", "yuv420p", in_wrong_order=True, **B_FRAMES)


BAD = {
    "concat.mp4": (lambda file: file.write_text("ffconcat version 1.0\nfile good.mkv\n"), "Playlists are not followed"),
    "hls.ts": (
        lambda file: file.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\ngood.mkv\n#EXT-X-ENDLIST\n"),
        "Playlists are not followed",
    ),
    "call.mov": (
        lambda file: file.write_text(
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
        ),
        "Playlists are not followed",
    ),
    "image2%03d.mkv": (lambda file: file.write_bytes(b""), "cannot read image2%03d.mkv as a video clip"),
    "another.mkv": (_an_avi, "expected MP4, MOV, 3GP, MKV, WebM or MPEG-TS"),
    "back.mkv": (_frame_times_that_go_back, "frame times that go back or stand still: 0.3"),
    "old.mpg": (lambda file: file.touch(), "no .mpg files are written"),
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
    "old.avi": (lambda file: file.write_bytes(b"RIFF"), "old.avi: no .avi files are written"),
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


def test_a_colon_in_a_name_is_no_protocol(weights: Path) -> None:
    make_clip(Path("a.mkv"), still_frames(2)).rename("http:a.mkv")
    assert enhance(weights, "http:a.mkv") == 0
    assert [file.name for file in Path("out").iterdir()] == ["http:a.mkv"]


def _convert_as_told(errors: str) -> Path:
    if shutil.which("ffmpeg") is None:
        pytest.skip("the command ffmpeg is not installed")
    command = shlex.split(errors[errors.index("ffmpeg -i ") :])
    subprocess.run([*command, "-loglevel", "error"], check=True, stdin=subprocess.DEVNULL)
    return Path(command[-1])


@pytest.mark.parametrize("encoder", ["mpeg4", "libx264"])
def test_the_command_for_an_avi_works(encoder: str, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_silent_clip(Path("an old one.avi"), still_frames(10, noise=9), encoder, "yuv420p", **B_FRAMES)
    assert enhance(weights, source.name) == 1
    converted = _convert_as_told(capsys.readouterr().err)
    times = [float(frame.pts * frame.time_base) for frame in read_frames(converted)]
    assert np.allclose(np.diff(times), 0.1)
    assert len(times) == 10
    assert enhance(weights, str(converted)) == 0


def test_the_command_for_frame_times_that_go_back_works(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _frame_times_that_go_back(Path("back.mkv"))
    assert enhance(weights, "back.mkv") == 1
    converted = _convert_as_told(capsys.readouterr().err)
    assert len(read_frames(converted)) == 10
    assert enhance(weights, str(converted)) == 0


@pytest.mark.shared
@pytest.mark.parametrize("name", ["avi_mpeg4_bframes.avi", "clip_frame_times_go_back.mkv"])
def test_commands_for_clips_that_were_found(
    name: str, shared: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(shared / "cases" / name, name)
    assert enhance(weights, name) == 1
    assert len(read_frames(_convert_as_told(capsys.readouterr().err))) == 10


def see_through(count: int) -> list[np.ndarray]:
    """Frames whose left half is transparent."""
    frames = []
    for frame in still_frames(count):
        alpha = np.zeros((*frame.shape[:2], 1), np.uint8)
        alpha[:, frame.shape[1] // 2 :] = 255
        frames.append(np.concatenate([frame, alpha], axis=-1))
    return frames


@pytest.mark.parametrize("kind", ["webm", "mkv"])
def test_transparency_is_kept(kind: str, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_silent_clip(Path(f"a.{kind}"), see_through(3), "libvpx-vp9", "yuva420p")
    assert enhance(weights, source.name) == 0
    before, after = read_transparency(source).astype(int), read_transparency(Path("out", source.name))
    assert before.std() > 100
    assert np.abs(after - before).max() < 16
    assert "transparency" not in capsys.readouterr().out
    with av.open(Path("out", source.name)) as made:
        assert "alpha_mode" in {name.lower() for name in made.streams.video[0].metadata}


@pytest.mark.parametrize("name", ["a.mov", "webm.mp4"])
def test_lost_transparency_is_said(name: str, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second is a WebM by its content, whose tag must not stay."""
    if name == "a.mov":
        make_silent_clip(Path(name), see_through(3), "qtrle", "argb")
    else:
        make_silent_clip(Path("a.webm"), see_through(3), "libvpx-vp9", "yuva420p").rename(name)
    assert enhance(weights, name) == 0
    assert f"{name}: its transparency is left out" in capsys.readouterr().out
    with av.open(Path("out", name)) as made:
        assert "alpha_mode" not in {key.lower() for key in made.streams.video[0].metadata}


@pytest.mark.shared
def test_transparency_of_a_clip_that_was_found(shared: Path, weights: Path) -> None:
    source = shared / "cases" / "vp9_alpha.webm"
    assert enhance(weights, str(source)) == 0
    before, after = read_transparency(source).astype(int), read_transparency(Path("out/vp9_alpha.webm"))
    assert np.abs(after - before).mean() < 0.1
    assert before.max() == after.max() == 255

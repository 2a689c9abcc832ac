"""Clips: what of them is kept, that curves do not flicker and do not trail, and what is said of bad ones."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest

import zero_dce
from tests.helpers.clips import make_clip, read_frames, read_packets, read_pixels, still_frames
from tests.helpers.networks import make_weights
from zero_dce.enhance.__main__ import main
from zero_dce.enhance.canvas import ArrayCanvas
from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.fast.blocks import BlockGrid
from zero_dce.enhance.fast.calibration import Regression, blend, fit
from zero_dce.enhance.fast.mode import FastMode
from zero_dce.enhance.video import steady
from zero_dce.enhance.video.flicker import Flicker, flicker
from zero_dce.enhance.video.steady import SteadyCurves, cells_of, is_cut, smooth
from zero_dce.networks import make_network, save_weights

ROOT = Path(zero_dce.__file__).parents[1]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_weights(make_network(make_weights()), file, 0)
    return file


@pytest.fixture(scope="module")
def fast() -> Enhancer:
    return Enhancer(make_weights(), mode="fast")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def enhance(weights: Path, *arguments: str) -> int:
    """Run the command here; returns its exit code."""
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--weights", str(weights), "--output", "out"])
    if isinstance(stop.value.code, str):
        print(stop.value.code, file=sys.stderr)
        return 1
    assert isinstance(stop.value.code, int)
    return stop.value.code


def steadily(
    enhancer: Enhancer, frames: list[np.ndarray], smoothing: float, picture: np.ndarray | None = None
) -> np.ndarray:
    """Enhance frames with steady curves, without a file; or a picture with the curves of each frame in turn."""
    mode = enhancer.fast_for(8)
    curves = SteadyCurves(mode, smoothing)
    outputs = []
    for frame in frames:
        canvas = ArrayCanvas(frame)
        output, field = canvas.blank(), curves.estimate(canvas).field
        mode.apply(canvas if picture is None else ArrayCanvas(picture), field, output, None, int)
        outputs.append(output.pixels)
    return np.stack(outputs)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.square(first.astype(np.float32) - second).mean())))


def grey(*levels: float) -> np.ndarray:
    return np.stack([np.full((70, 150, 3), level, np.float32) for level in levels])


def test_flicker_by_definition() -> None:
    assert flicker(grey(50, 50, 50, 50)) == 0
    assert flicker(grey(0, 0, 0)) == 0
    assert flicker(grey(50, 60, 70, 80)) == pytest.approx(0, abs=1e-5)
    assert flicker(grey(49, 51, 49, 51, 49, 51)) == pytest.approx(100 * 1 / 50, rel=0.01)
    assert np.isnan(flicker(grey(50, 51)))
    # Twice as bright, the same share.
    assert flicker(2 * grey(49, 51, 49, 51)) == pytest.approx(flicker(grey(49, 51, 49, 51)))


def test_flicker_does_not_count_a_cut() -> None:
    meter = Flicker()
    for index, frame in enumerate(grey(20, 20, 20, 90, 90, 90)):
        meter.add(frame, new_shot=index == 3)
    assert meter.percent == 0


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


def test_blend_lies_between() -> None:
    generator = np.random.default_rng(0)
    inputs = generator.random((500, 18), dtype=np.float32)
    first, second = (fit(inputs, generator.random((500, 3), dtype=np.float32)) for _ in range(2))

    def predict(model: Regression) -> np.ndarray:
        hidden = np.maximum(model.hidden @ inputs.T + model.hidden_bias, 0)
        return model.direct @ inputs.T + model.output @ hidden + model.bias

    assert np.allclose(predict(blend(first, second, 0.25)), 0.75 * predict(first) + 0.25 * predict(second), atol=1e-5)


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
    """Stands for fast mode; the n-th calibration has a bias of n and sees blocks of up to n."""

    def __init__(self) -> None:
        self.calibrations = 0

    def measure(self, frame: ArrayCanvas) -> tuple[BlockGrid, np.ndarray]:
        return BlockGrid(frame.width, frame.height, 4), np.full((32, 40, 9), 0.2, np.float32)

    def calibrate(self, *_: object) -> Regression:
        self.calibrations += 1
        number = np.full((1, 1), self.calibrations, np.float32)
        return Regression(-number, number, number, number, 0 * number, 0 * number, number)


def test_calibrations_are_renewed_gradually(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "RENEW", 6)
    monkeypatch.setattr(steady, "FADE", 3)
    curves = SteadyCurves(cast(FastMode, _Counting()), 0.9)
    frame = ArrayCanvas(still_frames(1)[0])
    found = [curves.estimate(frame).field.regression for _ in range(14)]
    biases = [float(regression.bias[0, 0]) for regression in found]
    assert biases == pytest.approx([1] * 6 + [1.25, 1.5, 1.75, 2, 2, 2] + [2.25, 2.5])
    assert [len(regression.hidden) for regression in found[5:10]] == [1, 2, 2, 2, 1]
    assert found[7].high[0, 0] == 2


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


@pytest.mark.parametrize("colours", [(1, 1, 1, 1), (6, 6, 6, 2), (9, 1, 9, 1)])
def test_strength_0_changes_little(colours: tuple[int, int, int, int], weights: Path) -> None:
    """Only what encoding once more takes: the colours go there and back by the same matrix and range."""
    source = make_clip(Path("a.mp4"), still_frames(4), colours=colours)
    assert enhance(weights, "a.mp4", "--strength", "0") == 0
    before, after = read_pixels(source), read_pixels(Path("out/a.mp4"))
    assert psnr(before, after) > 40
    # FFmpeg's conversion to the full range shifts chroma by up to half a step.
    assert np.abs(before.mean((0, 1, 2)) - after.mean((0, 1, 2))).max() < (1 if colours[3] == 2 else 0.2)


def test_exact_mode_is_each_frame_alone(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_clip(Path("a.mkv"), still_frames(4))
    assert enhance(weights, "a.mkv", "--mode", "exact") == 0
    expected = np.stack([zero_dce.enhance(frame, weights) for frame in read_pixels(source)])
    assert psnr(read_pixels(Path("out/a.mkv")), expected) > 35
    assert "without smoothing" not in capsys.readouterr().out
    assert enhance(weights, "a.mkv", "--overwrite") == 0
    assert "% enhanced without smoothing, " in capsys.readouterr().out
    assert psnr(read_pixels(Path("out/a.mkv")), expected) > 30


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


def test_too_large_frames_are_refused(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_clip(Path("a.mp4"), still_frames(2))
    assert enhance(weights, "a.mp4", "--max-megapixels", "0.01") == 1
    assert "a.mp4 has frames of more than 0.01 megapixels" in capsys.readouterr().err


def test_an_earlier_clip_stays(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_clip(Path("a.mp4"), still_frames(2))
    Path("out").mkdir()
    Path("out/a.mp4").write_bytes(b"earlier")
    assert enhance(weights, "a.mp4") == 1
    assert "out/a.mp4 exists already" in capsys.readouterr().err
    assert enhance(weights, "a.mp4", "--skip-existing") == 0
    assert Path("out/a.mp4").read_bytes() == b"earlier"
    assert enhance(weights, "a.mp4", "--overwrite") == 0
    assert len(read_frames(Path("out/a.mp4"))) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--maps"], "--maps is for pictures, and a.mp4 is a video clip"),
        (["--compare"], "--compare is for pictures"),
        (["--smoothing", "1.5"], "--smoothing is 1.5"),
        (["--smoothing", "0.5", "--mode", "exact"], "--smoothing is for --mode fast"),
    ],
)
def test_options_that_clips_do_not_have(
    options: list[str], message: str, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.mp4").touch()
    assert enhance(weights, "a.mp4", *options) == 1
    assert message in capsys.readouterr().err


def test_smoothing_of_pictures_is_refused(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.png").touch()
    assert enhance(weights, "a.png", "--smoothing", "0.5") == 1
    assert "--smoothing is for video clips" in capsys.readouterr().err


def test_without_pyav(weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("zero_dce.enhance.video.reel.find_spec", lambda name: None)
    Path("a.mp4").touch()
    assert enhance(weights, "a.mp4") == 1
    assert "a.mp4 is a video clip: it needs PyAV, pip install 'zero_dce[video]'" in capsys.readouterr().err


def test_pictures_do_without_pyav(weights: Path) -> None:
    code = (
        "import sys, zero_dce.enhance as command, numpy\n"
        f"command(numpy.zeros((8, 8, 3), numpy.uint8), {str(weights)!r})\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'av'])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == "[]"


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


def test_a_folder_that_cannot_be_made(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("trip").mkdir()
    make_clip(Path("trip/a.mp4"), still_frames(2))
    Path("out").mkdir()
    Path("out/trip").write_text("a file")
    assert enhance(weights, "*/a.mp4") == 1
    assert "failed: trip/a.mp4: FileExistsError: [Errno 17] File exists: 'out/trip'" in capsys.readouterr().err


def test_ctrl_c_leaves_no_half_clip(tmp_path: Path, weights: Path) -> None:
    """A real interrupt while the second clip is written: the first is whole, of the second nothing is there."""
    make_clip(Path("a.mp4"), still_frames(2))
    make_clip(Path("b.mp4"), still_frames(400, 320, 240))
    command = [sys.executable, "-m", "zero_dce.enhance", "a.mp4", "b.mp4", "--output", "out", "--weights", str(weights)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    while process.poll() is None and not list(Path("out").glob("b.mp4.unfinished")):
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "stopped: 1 of 2 are left; the same command with --skip-existing goes on" in errors
    assert "Traceback" not in errors
    assert [file.name for file in Path("out").iterdir()] == ["a.mp4"]
    assert len(read_frames(Path("out/a.mp4"))) == 2

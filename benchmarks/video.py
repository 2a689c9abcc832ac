"""How fast are clips enhanced, and do they flicker?

    python benchmarks/video.py --weights FILE_OR_DIR [--clip FILE] [--output FILE.md]

Without ``--clip`` it makes clips of three sizes itself: a pan over a photograph of the embedded sample, a cut, and a
still shot of another one, darkened, with a sensor's noise, with a tone; in H.264 of a small rate with a key frame a
second, at which fine texture comes back.

Frames a second are those of ``python -m zero_dce.enhance``, decoding and encoding included. The flicker is that of
whole frames (``zero_dce.enhance.video.flicker``), shot by shot, of the clip, of exact mode and of fast mode for
each value of ``--smoothing``. The PSNR compares frames in fast mode with those in exact mode, before they are encoded.
``--output FILE`` writes the table as Markdown and, beside it, the figures as JSON.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image
from publishing import publish

from zero_dce.data.sample import PHOTOGRAPHS, photograph
from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.trained import TRAINED
from zero_dce.enhance.video.clip import ClipFrame, open_clip
from zero_dce.enhance.video.convert import SMOOTHING, enhance_clip
from zero_dce.enhance.video.flicker import Flicker
from zero_dce.enhance.video.steady import SteadyCurves, cells_of, is_cut
from zero_dce.images.canvas import ArrayCanvas
from zero_dce.images.light import srgb_to_linear
from zero_dce.records.environment import describe_environment
from zero_dce.weights import read_weights

SIZES = ((854, 480), (1280, 720), (1920, 1080))
FRAMES, RATE = 72, 24
# Pixels that the pan moves in a frame, in a frame of 1920; the second shot stands still.
PAN = 6
EXPOSURE_EV = -3.5
SHOTS = ("pagoda.jpg", "stream.jpg")
SMOOTHINGS = (0.0, 0.5, SMOOTHING)


def make_clip(file: Path, width: int, height: int, frames: int = FRAMES) -> None:
    """Write a clip of two shots with a tone of 440 Hz."""
    half = frames // 2
    views = [light_of(SHOTS[0], width + half * PAN, height), light_of(SHOTS[1], width, height)]
    with av.open(file, "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"crf": "27", "g": "24", "preset": "fast"})
        video.width, video.height = width, height
        sound = container.add_stream("aac", rate=48000)
        for index in range(frames):
            left = round(index * PAN * width / 1920) if index < half else 0
            view = views[index >= half][:, left : left + width]
            frame = av.VideoFrame.from_ndarray(photograph(view, EXPOSURE_EV, np.random.default_rng(index)))
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        tone = 0.1 * np.sin(2 * np.pi * 440 / 48000 * np.arange(48000 * frames // RATE, dtype=np.float32))
        audio = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
        audio.sample_rate, audio.pts, audio.time_base = 48000, 0, Fraction(1, 48000)
        for packet in (*sound.encode(audio), *sound.encode(None)):
            container.mux(packet)


def light_of(name: str, width: int, height: int) -> np.ndarray:
    """Return a photograph's linear light, enlarged and cropped to a size."""
    with Image.open(PHOTOGRAPHS / name) as file:
        image = file.convert("RGB")
    scale = max(width / image.width, height / image.height)
    image = image.resize((round(image.width * scale) + 1, round(image.height * scale) + 1), Image.Resampling.BICUBIC)
    return srgb_to_linear(np.asarray(image)[:height, :width])


def measure_clip(clip: Path, weights: Path) -> dict[str, Any]:
    """Time the command's work on a clip, and compare what the modes make of its frames."""
    found: dict[str, Any] = {"fps": {}, "flicker": {}, "psnr": {}}
    for mode in ("fast", "exact"):
        enhancer = Enhancer(read_weights(weights), mode=mode)
        account = enhance_clip(clip, clip.with_stem(f"{clip.stem}-{mode}"), enhancer)
        found["fps"][mode] = account.frames / account.seconds
    found.update(size=[account.width, account.height], frames=account.frames)
    compare_frames(clip, weights, found)
    return found


def compare_frames(clip: Path, weights: Path, found: dict[str, Any]) -> None:
    """Enhance each frame in all ways; at no time is more than a frame of each in memory."""
    exact, fast = (Enhancer(read_weights(weights), mode=mode) for mode in ("exact", "fast"))
    mode = fast.fast_for(8)
    ways = {f"smoothing {value:g}": SteadyCurves(mode, fast, value) for value in SMOOTHINGS}
    meters: dict[str, list[Flicker]] = {name: [] for name in ("clip", "exact", *ways)}
    errors: dict[str, list[float]] = {name: [] for name in ways}
    cells = None
    with open_clip(clip) as opened:
        for item in opened.items():
            if not isinstance(item, ClipFrame):
                continue
            before, cells = cells, cells_of(item.pixels)
            if before is None or is_cut(before, cells):
                for shots in meters.values():
                    shots.append(Flicker())
            canvas = ArrayCanvas(item.pixels)
            reference = exact.enhance(canvas).pixels
            meters["clip"][-1].add(item.pixels)
            meters["exact"][-1].add(reference)
            for name, curves in ways.items():
                output = canvas.blank()
                mode.apply(canvas, curves.estimate(canvas).field, output, None, int)
                meters[name][-1].add(output.pixels)
                errors[name].append(psnr(output.pixels, reference))
    found["flicker"] = {name: [shot.percent for shot in shots] for name, shots in meters.items()}
    found["psnr"] = {name: {"mean": float(np.mean(values)), "least": min(values)} for name, values in errors.items()}


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    error = np.square(first.astype(np.float32) - second).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def table(rows: list[dict[str, Any]]) -> str:
    """Lay out the figures as Markdown."""
    smoothed = [f"smoothing {value:g}" for value in SMOOTHINGS]
    head = ["size", "frames", "frames/s fast", "frames/s exact", "flicker of the clip", "exact", *smoothed]
    head += [f"PSNR of {smoothed[0]}", f"of {smoothed[-1]} (least)"]
    lines = [f"| {' | '.join(head)} |", "| --- |" + " ---: |" * (len(head) - 1)]
    for row in rows:
        cells = [f"{row['size'][0]} x {row['size'][1]}", str(row["frames"])]
        cells += [f"{row['fps'][mode]:.1f}" for mode in ("fast", "exact")]
        cells += [" / ".join(f"{shot:.3f} %" for shot in row["flicker"][name]) for name in ("clip", "exact", *smoothed)]
        last = row["psnr"][smoothed[-1]]
        cells += [f"{row['psnr'][smoothed[0]]['mean']:.1f} dB", f"{last['mean']:.1f} ({last['least']:.1f}) dB"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, help="a clip of your own, in place of those that are made")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of the clips that are made")
    parser.add_argument("--sizes", nargs="+", default=[f"{w}x{h}" for w, h in SIZES], help="of the clips that are made")
    parser.add_argument("--weights", type=Path, default=TRAINED, help="of the network")
    parser.add_argument("--output", type=Path, help="Markdown file; the JSON goes beside it")
    options = parser.parse_args()
    environment = describe_environment("")
    hardware, load = environment["hardware"], os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        clips = [Path(folder) / f"{size}.mp4" for size in options.sizes]
        if options.clip:
            clips = [Path(folder) / options.clip.name]
            clips[0].symlink_to(options.clip.resolve())
        else:
            for clip in clips:
                width, height = map(int, clip.stem.split("x"))
                make_clip(clip, width, height, options.frames)
        rows = [measure_clip(clip, options.weights) for clip in clips]
    text = f"{hardware['processor']}, {hardware['cores']} cores, load {load:.1f} before.\n\n{table(rows)}\n"
    publish(text, options.output, environment, {"load": load, "clips": rows})


if __name__ == "__main__":
    main()

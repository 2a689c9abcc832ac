"""Small video clips with sound."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation

SECOND = 48000
ENCODERS = {"mp4": ("libx264", "aac"), "mov": ("libx264", "pcm_s16le"), "mkv": ("libx264", "libopus"),
            "webm": ("libvpx-vp9", "libopus"),
            "3gp": ("libx264", "aac"), "mts": ("libx264", "aac")}  # fmt: skip


def still_frames(count: int, width: int = 160, height: int = 128, noise: float = 3, seed: int = 0) -> list[np.ndarray]:
    """A dark scene that stands still, with a sensor's noise; another seed is another scene."""
    y, x = np.mgrid[0:height, 0:width] / 40
    phases = np.random.default_rng(seed).uniform(0, 6, (3, 2))
    scene = np.stack([30 + 22 * np.sin(x + a) * np.cos(1.3 * y + b) for a, b in phases], -1)
    scene *= 1 if seed == 0 else 2.5
    return [
        (scene + np.random.default_rng((seed, index)).normal(0, noise, scene.shape))
        .clip(0, 255)
        .round()
        .astype(np.uint8)
        for index in range(count)
    ]


def make_clip(
    file: Path,
    frames: Sequence[np.ndarray],
    *,
    pixels: str = "yuv420p",
    rotation: int = 0,
    ratio: Fraction | None = None,
    colours: tuple[int, int, int, int] = (1, 1, 1, 1),
    options: dict[str, str] | None = None,
    index_first: bool = False,
) -> Path:
    """Write frames, a third of them late (variable frame rate), and a tone of 440 Hz.

    Args:
        file: its ending chooses container and encoders.
        frames: uint8, H x W x 3.
        pixels: format of the frames in the file.
        rotation: of the display, in degrees.
        ratio: of a pixel's sides.
        colours: primaries, transfer, matrix and range.
        options: of the video encoder.
        index_first: put the index before the data of an mp4.
    """
    encoder, audio = ENCODERS[file.suffix[1:]]
    flags = {"movflags": "faststart"} if index_first else {}
    with av.open(file, "w", options=flags) as container:
        video: Any = container.add_stream(encoder, rate=Fraction(30000, 1001), options=options or {})
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = pixels
        video.codec_context.time_base = Fraction(1, 90000)
        for name, value in zip(("color_primaries", "color_trc", "colorspace", "color_range"), colours, strict=True):
            setattr(video.codec_context, name, value)
        if ratio:
            video.sample_aspect_ratio = ratio
        video.set_display_rotation(rotation)
        sound: Any = container.add_stream(audio, rate=SECOND)
        sound.metadata["language"] = "fra"
        seconds = len(frames) / 25
        for index, pixel in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixel).reformat(
                format=pixels, dst_colorspace=colours[2], dst_color_range=colours[3]
            )
            frame.pts, frame.time_base = index * 3003 + index // 3 * 700, Fraction(1, 90000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for frame in _tone(sound, seconds):
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return file


def make_silent_clip(
    file: Path, frames: Sequence[np.ndarray], encoder: str, pixels: str, in_wrong_order: bool = False, **options: str
) -> Path:
    """Write frames at 10 a second, without sound.

    Args:
        file: its ending chooses the container.
        frames: uint8, H x W x 3, or H x W x 4 with transparency.
        encoder: FFmpeg's name of it.
        pixels: format of the frames in the file.
        in_wrong_order: number the frames as they are stored, which is not as they are shown where there are B-frames.
        options: of the encoder.
    """
    with av.open(file, "w") as container:
        video: Any = container.add_stream(encoder, rate=10, options=options)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = pixels
        packets = []
        for frame in frames:
            form = "rgba" if frame.shape[2] == 4 else "rgb24"
            packets += video.encode(av.VideoFrame.from_ndarray(frame, format=form))
        packets += video.encode(None)
        for index, packet in enumerate(packets):
            if in_wrong_order:
                packet.pts = packet.dts = index
            container.mux(packet)
    return file


def read_transparency(file: Path) -> np.ndarray:
    """The transparency of all frames of a VP9 clip: T x H x W."""
    decoder = av.CodecContext.create("libvpx-vp9", "r")
    with av.open(file) as container:
        frames = [frame for packet in container.demux(video=0) for frame in decoder.decode(packet)]
    return np.stack([frame.to_ndarray(format="rgba")[..., 3] for frame in frames])


def _tone(sound: Any, seconds: float) -> list[av.AudioFrame]:
    wave = 0.2 * np.sin(2 * np.pi * 440 / SECOND * np.arange(int(SECOND * seconds), dtype=np.float32))
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = SECOND, 0, Fraction(1, SECOND)
    context = sound.codec_context
    resampler = av.AudioResampler(format=context.format, layout=context.layout, rate=SECOND)
    return [*resampler.resample(frame), *resampler.resample(None)]


def read_frames(file: Path) -> list[av.VideoFrame]:
    with av.open(file) as container:
        return list(container.decode(video=0))


def read_pixels(file: Path) -> np.ndarray:
    """All frames: T x H x W x 3, without the loss of half a step that the quickest conversion has."""
    exact = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    return np.stack([frame.to_ndarray(format="rgb24", interpolation=exact) for frame in read_frames(file)])


def read_packets(file: Path, kind: str) -> list[tuple[Any, ...]]:
    """Times in seconds and bytes of the packets of the first stream of a kind."""
    with av.open(file) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [
            (packet.pts * packet.time_base, packet.duration * packet.time_base, bytes(packet))
            for packet in container.demux(stream)
            if packet.size
        ]

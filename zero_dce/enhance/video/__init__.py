"""Clips: frames are decoded, enhanced and encoded one after the other, sound is copied.

Each frame gets its curves from statistics of its blocks, by a regression that is learned from some frames of its shot
(:mod:`zero_dce.enhance.fast`). The statistics are smoothed over time, so that the curves do not flicker.
``benchmarks/video.py`` measures speed and flicker. Only :mod:`.convert` and what it imports need PyAV.
"""

from __future__ import annotations

import shlex
from importlib.util import find_spec
from pathlib import Path

# Each suffix has FFmpeg's name of the container, and an encoder.
CONTAINERS = {
    ".mp4": ("mp4", "libx264"),
    ".m4v": ("mp4", "libx264"),
    ".mov": ("mov", "libx264"),
    ".qt": ("mov", "libx264"),
    ".3gp": ("3gp", "libx264"),
    ".3g2": ("3g2", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx-vp9"),
    ".ts": ("mpegts", "libx264"),
    ".mts": ("mpegts", "libx264"),
    ".m2ts": ("mpegts", "libx264"),
}
# FFmpeg's readers of these containers. Others are kept from a file, whatever its name: those of playlists open the
# files and addresses that it lists.
DEMUXERS = "mov,matroska,mpegts"
# FFmpeg reads these too, but either they store no frame times, as AVI, so that sound and pictures would not stay
# together, or they do not hold what the encoder writes.
UNSUITED = {
    ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".m2v", ".mpeg", ".mpg", ".mxf", ".ogv", ".rm", ".rmvb", ".vob",
    ".wmv",
}  # fmt: skip


def is_clip(file: Path) -> bool:
    """Return whether a file is a video clip, by its name."""
    return file.suffix.lower() in CONTAINERS.keys() | UNSUITED


def has_pyav() -> bool:
    """Return whether clips can be read."""
    return find_spec("av") is not None


def conversion(source: Path, *options: str) -> str:
    """Return the command that makes an ``.mkv`` with regular frame times of a clip; ``options`` are further ones.

    The frames are encoded again, so well that it cannot be seen. Copying them would keep their wrong or missing times:
    of H.264 in AVI, FFmpeg gives the times to the wrong frames.
    """
    target = source.with_name(f"{source.stem}_converted.mkv")
    encoder = ["-c:a", "copy", "-c:v", "libx264", "-crf", "12"]
    return shlex.join(["ffmpeg", "-i", str(source), *options, *encoder, str(target)])

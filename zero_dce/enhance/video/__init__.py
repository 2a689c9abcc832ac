"""Clips: frames are decoded, enhanced and encoded one after the other, sound is copied.

Each frame gets its curves from statistics of its blocks, by a regression that is learned from some frames of its shot
(:mod:`zero_dce.enhance.fast`). The statistics are smoothed over time, so that the curves do not flicker.
``benchmarks/video.py`` measures speed and flicker. Only :mod:`.convert` and what it imports need PyAV.
"""

from __future__ import annotations

from pathlib import Path

# Each suffix has FFmpeg's name of the container, and an encoder.
CONTAINERS = {
    ".mp4": ("mp4", "libx264"),
    ".m4v": ("mp4", "libx264"),
    ".mov": ("mov", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx-vp9"),
}
# AVI stores no frame times, so sound and pictures would not stay together.
UNSUITED = {".avi"}


def is_clip(file: Path) -> bool:
    """Return whether a file is a video clip, by its name."""
    return file.suffix.lower() in CONTAINERS.keys() | UNSUITED

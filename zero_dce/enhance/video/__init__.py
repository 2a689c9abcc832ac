"""Clips: frames are decoded, enhanced and encoded one after the other, sound is copied.

Each frame gets its curves from statistics of its blocks, by a regression that is learned from some of its shot's frames
(:mod:`zero_dce.enhance.fast`); what changes in the statistics from frame to frame is smoothed, so that the curves
do not flicker. ``benchmarks/video.py`` measures both. Importing :mod:`.convert` imports PyAV; pictures do without it.
"""

from __future__ import annotations

from pathlib import Path

# From a file's ending to FFmpeg's name of the container, and the encoder.
CONTAINERS = {
    ".mp4": ("mp4", "libx264"),
    ".m4v": ("mp4", "libx264"),
    ".mov": ("mov", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx-vp9"),
}


# AVI stores no times of frames: sound and pictures of what is written to it do not stay together.
UNSUITED = {".avi"}


def is_clip(file: Path) -> bool:
    """Tell by its name whether a file is a video clip."""
    return file.suffix.lower() in CONTAINERS.keys() | UNSUITED

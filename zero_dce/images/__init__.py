"""Pictures as pixels: decoding, light, and pictures side by side; and why a file cannot be read, in words."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError


class ImageReadError(ValueError):
    """A file cannot be read as an image; the message names it, ``reason`` says why in a few words."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


def describe_error(path: Path, error: Exception) -> str:
    """Say in a few words why a file cannot be read, for any error of the readers."""
    if isinstance(error, ImageReadError):
        return error.reason
    if isinstance(error, UnidentifiedImageError):
        return "not an image" if path.stat().st_size else "an empty file"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, Image.DecompressionBombError):
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6
        return f"more than {most:.0f} megapixels: a decompression bomb, or to be scaled down first"
    return str(error).strip() or type(error).__name__

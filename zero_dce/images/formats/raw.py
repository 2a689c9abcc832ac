"""Camera raw files, developed by LibRaw (rawpy) at the camera's white balance, and written as TIFF or JPEG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from zero_dce.images.canvas import ROWS_AT_ONCE, ArrayCanvas, Canvas, PixelArray
from zero_dce.images.coded_space import encode_srgb
from zero_dce.images.colour import srgb_profile
from zero_dce.images.exif import EXIF_PREFIX
from zero_dce.images.formats.jpeg import EXIF_SEGMENT, FULL_COLOUR, JpegKept
from zero_dce.images.formats.photograph import CheckSize, Content, KeptUpright
from zero_dce.images.formats.raw_tags import exif_from_tags, read_raw_tags
from zero_dce.images.formats.tiff import UNDEFINED_BYTES, TiffKept
from zero_dce.images.formats.tiff_tags import PROFILE_TAG, Tag
from zero_dce.images.ifd import ByteLayout
from zero_dce.images.suffixes import require_reader

# A segment of a JPEG has at most so many bytes of content.
MOST_SEGMENT_BYTES = 65533


@dataclass(frozen=True)
class RawKept(KeptUpright):
    """What of a raw file's tags holds for a developed picture.

    Attributes:
        layout: how numbers lie in the tags.
        tags: EXIF and GPS among them.
    """

    layout: ByteLayout
    tags: tuple[Tag, ...]

    def as_srgb(self) -> RawKept:
        """The same, which is sRGB already."""
        return self

    def write(self, canvas: Canvas, stream: BinaryIO, quality: int) -> None:
        """Write a canvas as a TIFF of 16 bits with an sRGB profile."""
        profile = srgb_profile()
        tags = (*self.tags, Tag(PROFILE_TAG, UNDEFINED_BYTES, len(profile), profile))
        TiffKept(self.layout, tags).write(canvas, stream, quality)

    def as_jpeg(self) -> JpegKept:
        """Return what a JPEG of the picture holds; EXIF of more than a segment is left out."""
        block = EXIF_PREFIX + exif_from_tags(self.layout, self.tags)
        segments = ((EXIF_SEGMENT[0], block),) if len(block) <= MOST_SEGMENT_BYTES else ()
        return JpegKept(segments, None, FULL_COLOUR, progressive=False).as_srgb()


def read_raw(stream: BinaryIO, check_size: CheckSize) -> Content:
    """Develop a raw file: demosaiced, the camera's white balance, sRGB of 16 bits, not brightened, upright.

    Raises:
        ModuleNotFoundError: if rawpy is not installed.
        ValueError: if it is too large, damaged, or LibRaw does not know the camera.
    """
    require_reader("RAW")
    import rawpy  # slow to import, and only raw files need it

    try:
        with rawpy.RawPy() as raw:
            raw.open_buffer(stream)
            check_size(raw.sizes.iwidth, raw.sizes.iheight)
            raw.unpack()
            notices = _notices(raw)
            linear = raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=16, gamma=(1, 1))
    except rawpy.LibRawError as error:
        reason = error.args[0] if error.args else error
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"LibRaw cannot develop it: {text}") from error
    pixels = _encode(linear)
    layout, tags, further = read_raw_tags(stream)
    return Content(ArrayCanvas(pixels), RawKept(layout, tags), notices + further)


def _notices(raw: Any) -> list[str]:
    if min(raw.camera_whitebalance[:3]) > 0:
        return []
    return ["it does not say the camera's white balance: developed for daylight"]


def _encode(linear: PixelArray) -> PixelArray:
    """Apply the curve of sRGB to 16 bits of linear light, in place; one channel becomes grey."""
    table = np.rint(encode_srgb(np.arange(65536) / 65535) * 65535).astype(np.uint16)
    for top in range(0, len(linear), ROWS_AT_ONCE):
        linear[top : top + ROWS_AT_ONCE] = table[linear[top : top + ROWS_AT_ONCE]]
    return linear[..., 0] if linear.shape[2] == 1 else linear

"""Camera raw files, made as a camera makes them: a DNG of a mosaic of red, green and blue."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import tifffile

# Of sRGB's primaries under D65 (IEC 61966-2-1): from XYZ to the linear light of a camera with these filters.
XYZ_TO_SRGB = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.969266, 1.8760108, 0.041556], [0.0556434, -0.2040259, 1.0572252]]
)
BLACK, WHITE = 512, 4095 * 4


def rationals(values: np.ndarray) -> tuple[int, ...]:
    """Fractions of ten thousand, as TIFF stores them: numerator, denominator ..."""
    return tuple(int(number) for value in np.ravel(values) for number in (round(value * 10000), 10000))


def write_dng(file: Path, light: np.ndarray, neutral: tuple[float, float, float], orientation: int = 1) -> None:
    """Write what a camera sees of linear light, H x W x 3 with the primaries of sRGB, behind an RGGB mosaic.

    Args:
        file: the new file.
        light: H x W x 3 in [0, 1]; white is (1, 1, 1).
        neutral: what the camera sees of white, the largest of these numbers being 1: its white balance.
        orientation: the EXIF orientation.
    """
    seen = light * np.array(neutral)
    mosaic = seen[..., 1].copy()
    mosaic[::2, ::2], mosaic[1::2, 1::2] = seen[::2, ::2, 0], seen[1::2, 1::2, 2]
    numbers = (BLACK + mosaic * (WHITE - BLACK)).round().astype(np.uint16)
    # The camera's own numbers are those of sRGB, weighted by its filters.
    matrix = np.diag(neutral) @ XYZ_TO_SRGB
    tags = [
        (271, "s", 0, "A camera", True),
        (272, "s", 0, "A camera 1", True),
        (274, "H", 1, orientation, True),
        (306, "s", 0, "2024:05:01 22:10:00", True),
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, (0, 1, 1, 2), True),
        (50706, "B", 4, (1, 4, 0, 0), True),
        (50707, "B", 4, (1, 1, 0, 0), True),
        (50708, "s", 0, "A camera 1", True),
        (50714, "I", 1, BLACK, True),
        (50717, "I", 1, WHITE, True),
        (50721, "2i", 9, rationals(matrix), True),
        (50728, "2I", 3, rationals(np.array(neutral)), True),
        (50778, "H", 1, 21, True),
    ]
    tifffile.imwrite(file, numbers, photometric=32803, metadata=None, extratags=tags, software=False)


def add_exif(file: Path) -> None:
    """Append an EXIF directory, of exposure time 1/8 s and ISO 3200, to the first directory of a little-endian TIFF."""
    content = bytearray(file.read_bytes())
    place = len(content) + len(content) % 2
    content += bytes(place - len(content))
    start = place + 2 + 2 * 12 + 4
    content += struct.pack("<HHHIIHHII", 2, 33434, 5, 1, start, 34855, 3, 1, 3200) + bytes(4) + struct.pack("<II", 1, 8)
    first = struct.unpack_from("<I", content, 4)[0]
    (count,) = struct.unpack_from("<H", content, first)
    entries = bytes(content[first + 2 : first + 2 + 12 * count])
    table = [entries[at : at + 12] for at in range(0, len(entries), 12)] + [struct.pack("<HHII", 34665, 4, 1, place)]
    struct.pack_into("<I", content, 4, len(content))
    content += struct.pack("<H", count + 1) + b"".join(sorted(table, key=lambda entry: entry[:2][::-1])) + bytes(4)
    file.write_bytes(content)

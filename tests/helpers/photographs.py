"""Photographs with everything that cameras and programs put into files, and their way through a canvas."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from zero_dce.images.canvas import Canvas
from zero_dce.images.formats import Photograph, read_photograph, save_photograph


def copy_through(picture: Photograph, side: int = 40) -> Canvas:
    """An output canvas that was filled tile by tile with what the input canvas gives."""
    output = picture.canvas.blank()
    for top in range(0, picture.height, side):
        for left in range(0, picture.width, side):
            box = (left, top, min(left + side, picture.width), min(top + side, picture.height))
            output.write(box, picture.canvas.read(box))
    return output


def round_trip(file: Path, quality: int = 95) -> tuple[Photograph, Path]:
    """Read a file, copy its pixels, and write them beside it; the new file's name starts with ``new-``."""
    picture = read_photograph(file)
    written = file.with_name(f"new-{file.name}")
    save_photograph(picture, copy_through(picture), written, quality)
    return picture, written


def pixels(shape: tuple[int, ...], dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    """Smooth shades with some noise, that no two channels share."""
    generator = np.random.default_rng(seed)
    most = np.iinfo(dtype).max
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    ramp = (x / shape[1] + y / shape[0]) / 2
    if len(shape) == 3:
        ramp = ramp[..., None] * np.linspace(1, 0.4, shape[2])
    return ((ramp * 0.9 + generator.uniform(0, 0.1, shape)) * most).astype(dtype)


def thumbnail(shade: int = 9) -> bytes:
    """A small JPEG."""
    stream = io.BytesIO()
    Image.new("RGB", (16, 12), (shade, shade, shade)).save(stream, "JPEG")
    return stream.getvalue()


def exif_block(order: str = "<", orientation: int | None = 6, with_thumbnail: bool = True) -> bytes:
    """An EXIF block as a camera writes it: maker, orientation, EXIF directory with a maker's note, GPS, thumbnail.

    The values lie between the directories, and the thumbnail at the end.
    """
    body = bytearray(b"II*\0" if order == "<" else b"MM\0*") + bytes(4)

    def add(value: bytes) -> int:
        body.extend(bytes(len(body) % 2) + value)
        return len(body) - len(value)

    def directory(entries: list[tuple[int, int, int, bytes]], following: int = 0) -> int:
        table = struct.pack(order + "H", len(entries))
        for number, type_, count, value in entries:
            inline = value if len(value) <= 4 else struct.pack(order + "I", add(value))
            table += struct.pack(order + "HHI", number, type_, count) + inline.ljust(4, b"\0")
        return add(table + struct.pack(order + "I", following))

    def long(value: int) -> bytes:
        return struct.pack(order + "I", value)

    note = b"Maker\0" + bytes(range(200))
    photo = directory(
        [
            (33434, 5, 1, struct.pack(order + "II", 1, 8)),
            (36867, 2, 20, b"2024:05:01 22:10:00\0"),
            (37500, 7, 206, note),
        ]
    )
    gps = directory([(1, 2, 2, b"N\0"), (2, 5, 3, struct.pack(order + "6I", 52, 1, 30, 1, 0, 1))])
    turned = [(274, 3, 1, struct.pack(order + "H", orientation))] if orientation else []
    main = [(271, 2, 9, b"A camera\0"), *turned, (34665, 4, 1, long(photo)), (34853, 4, 1, long(gps))]
    first = directory(main)
    body[4:8] = long(first)
    if with_thumbnail:
        small = thumbnail()
        second = directory(
            [(259, 3, 1, struct.pack(order + "H", 6)), (513, 4, 1, long(0)), (514, 4, 1, long(len(small)))]
        )
        start = add(small)
        body[second + 2 + 12 + 8 : second + 2 + 12 + 12] = long(start)
        body[first + 2 + 12 * len(main) : first + 6 + 12 * len(main)] = long(second)
    return bytes(body)

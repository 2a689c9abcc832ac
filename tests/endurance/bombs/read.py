"""All small files that would take much; ``python -m tests.endurance.bombs.read`` prints what reading each takes."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

import imagecodecs

from tests.endurance.bombs.boxes import avif_nested, heic_grid, heic_nested, jxl_nested
from tests.endurance.bombs.frames import bmp_profile, gif_comments, gif_frames, webp_chunks, webp_exif, webp_frames
from tests.endurance.bombs.jp2 import (
    jp2_all_tiles,
    jp2_boxes,
    jp2_components,
    jp2_layers,
    jp2_nested,
    jp2_precincts,
    jp2_tiles,
)
from tests.endurance.bombs.jpeg import (
    jpeg_baseline_scans,
    jpeg_exif,
    jpeg_fill,
    jpeg_profiles,
    jpeg_restarts,
    jpeg_scans,
    jpeg_segments,
    jpeg_small_segments,
    jpeg_tables,
    jpeg_xmp,
)
from tests.endurance.bombs.jxl import jxl_channels, jxl_frames, jxl_metadata, jxl_pieces
from tests.endurance.bombs.parts import deflated, many_items, plain
from tests.endurance.bombs.png import png_exif, png_frames, png_length, png_pixels, png_profile, png_text, png_texts
from tests.endurance.bombs.tiff import (
    tiff_channels,
    tiff_inflated,
    tiff_large_tiles,
    tiff_loop,
    tiff_pages,
    tiff_strips,
    tiff_tags,
    tiff_tiles,
)
from tests.endurance.isolated import run_isolated
from tests.endurance.picture_readers import MOST_MEGAPIXELS, small_pictures
from tests.endurance.reader import documented
from zero_dce.images import ImageReadError
from zero_dce.images.decode import decode_square
from zero_dce.images.formats import read_photograph

BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    name: (suffix, make)
    for suffix, makers in {
        ".png": (png_profile, png_text, png_texts, png_frames, png_pixels, png_length, png_exif),
        ".jpg": (
            jpeg_exif, jpeg_scans, jpeg_baseline_scans, jpeg_restarts, jpeg_segments, jpeg_small_segments, jpeg_fill,
            jpeg_profiles, jpeg_tables, jpeg_xmp,
        ),
        ".tif": (tiff_tiles, tiff_strips, tiff_tags, tiff_loop, tiff_pages, tiff_large_tiles, tiff_channels),
        ".webp": (webp_frames, webp_chunks, webp_exif),
        ".gif": (gif_frames, gif_comments),
        ".bmp": (bmp_profile,),
        ".heic": (heic_nested, heic_grid),
        ".avif": (avif_nested,),
        ".jxl": (jxl_nested, jxl_channels, jxl_metadata, jxl_frames, jxl_pieces),
        ".jp2": (jp2_nested, jp2_tiles, jp2_all_tiles, jp2_components, jp2_layers, jp2_precincts, jp2_boxes),
    }.items()
    for make in makers
    for name in (make.__name__.replace("_", "-"),)
}  # fmt: skip
BOMBS |= {
    "heic-items": (".heic", lambda: many_items(b"heic")),
    "avif-items": (".avif", lambda: many_items(b"avif")),
    "tiff-jpeg-tiles": (".tif", lambda: tiff_tiles(7, plain("JPEG", 1, "L"))),
    "tiff-deflate": (".tif", lambda: tiff_inflated(8, deflated())),
    "tiff-zstd": (".tif", lambda: tiff_inflated(50000, bytes(imagecodecs.zstd_encode(bytes(600 << 20))))),
    "tiff-packbits": (".tif", lambda: tiff_inflated(32773, b"\x81\0" * (1 << 22))),
    "tiff-jpeg-scans": (".tif", lambda: tiff_inflated(7, jpeg_scans())),
}


def read_bomb(name: str, training: bool, content: bytes) -> None:
    """Read a file as training or as enhancing does; it may be refused."""
    file = small_pictures() / f"bomb{BOMBS[name][0]}"
    file.write_bytes(content)
    with documented(str(file), ImageReadError):
        if training:
            decode_square(file, 16)
        else:
            read_photograph(file, MOST_MEGAPIXELS)


def main() -> int:
    """Read all bombs, each in a process of its own; print what each took, and return the exit code."""
    failures = 0
    for name, (_, make) in BOMBS.items():
        content = make()
        for training in (False, True):
            outcome = run_isolated(functools.partial(read_bomb, name, training), content)
            failures += bool(outcome.problem)
            side = "training" if training else "enhancing"
            cells = (name, side, len(content), f"{outcome.seconds:.1f} s", f"{outcome.megabytes:.0f} MB")
            print(*cells, outcome.problem or "passed", sep="\t", flush=True)
            print(outcome.report, end="", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

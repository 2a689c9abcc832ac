"""HEIC and HEIF files, as phones and cameras write them, with pillow-heif: 8, 10 and 12 bits, EXIF, XMP, colours.

The decoder turns pictures upright, and so they are written. Where pillow-heif has no encoder, a 16-bit TIFF is.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, cast

import numpy as np

from zero_dce.images.canvas import ArrayCanvas, Canvas, PixelArray
from zero_dce.images.colour import ColourSpace, icc_space, srgb_profile
from zero_dce.images.exif import EXIF_PREFIX, drop_thumbnail, set_upright
from zero_dce.images.formats.cicp import UNSPECIFIED, nclx_space
from zero_dce.images.formats.convert import in_srgb
from zero_dce.images.formats.depth import cut_depth, fill_depth
from zero_dce.images.formats.photograph import CheckSize, Content, KeptUpright
from zero_dce.images.formats.tiff import tiff_kept
from zero_dce.images.formats.xmp import GAIN_MAP_NOTICE, announces_gain_map, drop_announcements, set_xmp_upright
from zero_dce.images.suffixes import require_reader

# Apple's name of an auxiliary picture that is a gain map ends so (urn:com:apple:photo:2020:aux:hdrgainmap).
GAIN_MAP_AUXILIARY = "hdrgainmap"
# Primaries and curve of sRGB.
SRGB_NUMBERS = {"color_primaries": 1, "transfer_characteristics": 13}
NCLX_NUMBERS = ("color_primaries", "transfer_characteristics", "matrix_coefficients", "full_range_flag")


@dataclass(frozen=True)
class HeifKept(KeptUpright):
    """What a HEIC holds beside its pixels; all of it fits upright pixels.

    Attributes:
        exif: the block, without the prefix.
        xmp: the packet.
        profile: the ICC profile; empty where numbers say what the colours mean.
        nclx: these numbers, as pillow-heif names them.
        chroma: 420, 422 or 444.
        bits: of each channel, 8, 10 or 12.
        mode: pillow-heif's name for the channels, without their bits.
    """

    exif: bytes
    xmp: bytes
    profile: bytes
    nclx: Mapping[str, int]
    chroma: int
    bits: int
    mode: str

    def as_srgb(self) -> HeifKept:
        """The same with an sRGB profile in place of its own."""
        numbers = {name: SRGB_NUMBERS.get(name, number) for name, number in self.nclx.items()}
        return replace(self, profile=srgb_profile(), nclx=numbers)

    def write(self, canvas: Canvas, stream: BinaryIO, quality: int) -> None:
        """Encode a canvas in its 8 or 16 bits as 8, 10 or 12."""
        import pillow_heif  # slow to import, and only HEIC needs it

        pixels = cast("ArrayCanvas", canvas).pixels
        stored = pixels if self.bits == 8 else cut_depth(pixels, self.bits)
        options: dict[str, Any] = {**self.nclx}
        if self.profile:
            options["icc_profile"] = self.profile
        encoded = io.BytesIO()
        pillow_heif.encode(
            self.mode if self.bits == 8 else f"{self.mode};{self.bits}",
            (canvas.width, canvas.height),
            stored.tobytes(),
            encoded,
            quality=quality,
            chroma=self.chroma,
            bit_depth=self.bits,
            exif=EXIF_PREFIX + self.exif if self.exif else None,
            xmp=self.xmp or None,
            **options,
        )
        stream.write(encoded.getbuffer())


def writes_heic() -> bool:
    """Return whether HEIC is written: pillow-heif is built with an encoder."""
    import pillow_heif

    return bool(pillow_heif.libheif_info()["HEIF"])


def read_heif(stream: BinaryIO, check_size: CheckSize) -> Content:
    """Read the primary picture of a HEIC, upright.

    Raises:
        ModuleNotFoundError: if pillow-heif is not installed.
        ValueError: if it is too large; pillow-heif raises what it likes where the file is damaged.
    """
    require_reader("HEIC")
    import pillow_heif  # slow to import, and only HEIC needs it

    file = pillow_heif.open_heif(stream.read(), convert_hdr_to_8bit=False, hdr_to_16bit=False)
    check_size(*file.size)
    info = file.info
    mode, bits = file.mode.partition(";")[0], int(info["bit_depth"])
    pixels = _pixels(file, bits)
    xmp = info.get("xmp") or b""
    space, nclx, notices = _colours(info, grey=mode in ("L", "I"))
    kept = HeifKept(
        set_upright(drop_thumbnail((info.get("exif") or b"").removeprefix(EXIF_PREFIX))),
        set_xmp_upright(drop_announcements(xmp)),
        info.get("icc_profile") or b"",
        nclx,
        info.get("chroma", 420),
        bits,
        "L" if mode == "I" else mode,
    )
    notices += _notices(file, xmp)
    alpha = pixels[..., -1] if file.premultiplied_alpha else None
    content = Content(ArrayCanvas(pixels), kept, notices, space, alpha)
    return content if writes_heic() else _as_tiff(content, kept)


def _pixels(file: Any, bits: int) -> PixelArray:
    """Decode, and fill the 8 or 16 bits of a canvas."""
    pixels = np.asarray(file)
    width, height = file.size
    if pixels.shape[:2] != (height, width):
        raise ValueError(f"it is damaged: pixels of shape {pixels.shape} instead of {height} x {width}")
    return fill_depth(pixels, bits)


def _colours(info: Mapping[str, Any], grey: bool) -> tuple[ColourSpace | None, dict[str, int], list[str]]:
    """Return what the numbers mean, the numbers of nclx to be written, and notices; an ICC profile comes first."""
    nclx = info.get("nclx_profile") or {}
    kept = {name: int(nclx[name]) for name in NCLX_NUMBERS if name in nclx}
    if info.get("icc_profile"):
        space, notice = icc_space(info["icc_profile"], grey)
        return space, kept, [notice] if notice else []
    primaries, curve = (kept.get(name, UNSPECIFIED) for name in NCLX_NUMBERS[:2])
    coded, notices = nclx_space(primaries, curve)
    return coded, kept, notices


def _notices(file: Any, xmp: bytes) -> list[str]:
    auxiliary = [name for name in file.info.get("aux", {}) if "alpha" not in name]
    gain_map = [name for name in auxiliary if GAIN_MAP_AUXILIARY in name]
    notices = [f"{len(file)} pictures: the main one is taken"] if len(file) > 1 else []
    if gain_map or announces_gain_map(xmp):
        notices.append(GAIN_MAP_NOTICE)
    if file.info.get("depth_images"):
        notices.append("depth map: left out")
    others = [name.rpartition(":")[2] for name in auxiliary if name not in gain_map]
    if others:
        notices.append(f"further pictures ({', '.join(others)}): left out")
    return notices


def _as_tiff(content: Content, kept: HeifKept) -> Content:
    """Return what is written where HEIC cannot be: a TIFF of 16 bits, in sRGB where it has no ICC profile."""
    assert isinstance(content.canvas, ArrayCanvas)
    own = content.space is None or bool(kept.profile)
    pixels = in_srgb(content.canvas.pixels, None if own else content.space, content.alpha)
    notice = "this pillow-heif has no encoder of HEIC: written as a TIFF of 16 bits"
    tiff, further = tiff_kept(kept.exif, kept.profile if own else srgb_profile(), kept.xmp, pixels)
    return Content(ArrayCanvas(pixels), tiff, [*content.notices, notice, *further], content.space if own else None)

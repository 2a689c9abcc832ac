"""JPEG files, with Pillow: segments are kept byte for byte; subsampling and progressive coding stay as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, cast

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from zero_dce.images.canvas import ArrayCanvas, Canvas, PillowCanvas
from zero_dce.images.colour import icc_space, srgb_profile, to_srgb
from zero_dce.images.exif import EXIF_PREFIX, drop_thumbnail, orientation_of, set_upright
from zero_dce.images.formats.depth import to_8_bits
from zero_dce.images.formats.photograph import CheckSize, Content, check_dimensions, encode_with_pillow
from zero_dce.images.formats.photoshop import drop_previews
from zero_dce.images.formats.xmp import GAIN_MAP_NOTICE, announces_film, announces_gain_map, drop_announcements
from zero_dce.images.jpeg_file import END_OF_IMAGE, BareJpegFile, jpeg_markers

Segment = tuple[str, bytes]

MARKERS = {"COM": 0xFE, **{f"APP{number}": 0xE0 + number for number in range(16)}}
# Kinds of segments: a name, and what the content starts with.
JFIF_SEGMENT = ("APP0", b"JFIF\0")
EXIF_SEGMENT = ("APP1", EXIF_PREFIX)
PROFILE_SEGMENT = ("APP2", b"ICC_PROFILE\0")
PHOTOSHOP_SEGMENT = ("APP13", b"Photoshop 3.0\0")
JFXX_SEGMENT = ("APP0", b"JFXX\0")
XMP_SEGMENT = ("APP1", b"http://ns.adobe.com/xap/1.0/\0")
# The parameters of a gain map (ISO 21496-1, annex C).
GAIN_MAP_SEGMENT = ("APP2", b"urn:iso:std:iso:ts:21496:-1\0")
# The JFIF segment has these bytes before its thumbnail.
JFIF_HEADER = 14
# These the encoder writes itself, or they point to pictures after the first one, show or sign the old pixels.
LEFT_OUT = (
    JFIF_SEGMENT,
    JFXX_SEGMENT,
    GAIN_MAP_SEGMENT,
    ("APP2", b"MPF\0"),
    ("APP14", b"Adobe"),
    ("APP11", b""),
)
# Pillow's number for 4:4:4. What Pillow cannot write has a smaller one and becomes 4:4:4, which loses nothing.
FULL_COLOUR = 0
# This is libjpeg's limit, a little below that of the format.
LONGEST_JPEG_SIDE = 65500


@dataclass(frozen=True)
class JpegKept:
    """What a JPEG holds beside its pixels.

    Attributes:
        segments: application segments and comments, in their order.
        density: bytes 7 to 11 of the JFIF segment: the unit, and the pixels per unit across and down.
        subsampling: 0, 1 or 2 for 4:4:4, 4:2:2 and 4:2:0.
        progressive: whether it is progressive.
    """

    segments: tuple[Segment, ...]
    density: bytes | None
    subsampling: int
    progressive: bool

    @property
    def orientation(self) -> int:
        """The EXIF orientation."""
        for segment in self.segments:
            if _is_kind(segment, EXIF_SEGMENT):
                return orientation_of(segment[1][len(EXIF_PREFIX) :])
        return 1

    def upright(self) -> JpegKept:
        """The same with orientation 1."""
        return replace(self, segments=_change(self.segments, EXIF_SEGMENT, set_upright))

    def as_srgb(self) -> JpegKept:
        """The same with an sRGB profile in place of its own."""
        others = tuple(segment for segment in self.segments if not _is_kind(segment, PROFILE_SEGMENT))
        # One segment: its number, and how many there are.
        profile = (PROFILE_SEGMENT[0], PROFILE_SEGMENT[1] + bytes((1, 1)) + srgb_profile())
        return replace(self, segments=(*others, profile))

    def write(self, canvas: Canvas, stream: BinaryIO, quality: int) -> None:
        """Encode a canvas of 8 bits, or one of 16 as 8."""
        check_dimensions(canvas, "JPEG", LONGEST_JPEG_SIDE)
        if isinstance(canvas, ArrayCanvas):
            image = Image.fromarray(to_8_bits(canvas.pixels))
        else:
            image = cast("PillowCanvas", canvas).image
        extra = b"".join(
            bytes((0xFF, MARKERS[name])) + (len(content) + 2).to_bytes(2) + content for name, content in self.segments
        )
        options: dict[str, Any] = {"quality": quality, "progressive": self.progressive, "extra": extra}
        if image.mode == "RGB":
            options["subsampling"] = self.subsampling
        encoded = encode_with_pillow(image, "JPEG", **options)
        if self.density is not None:
            # The JFIF segment comes first; its start, marker, length, name and version take 13 bytes.
            encoded[13:18] = self.density
        stream.write(encoded)


def read_jpeg(stream: BinaryIO, check_size: CheckSize) -> Content:
    """Read a JPEG; CMYK becomes sRGB.

    Raises:
        ValueError: if it is too large; Pillow raises what it likes where the file is damaged.
    """
    # Image.open would have a limit of its own, and take the previews behind a camera's picture for frames.
    file = BareJpegFile(stream)
    check_size(*file.size)
    file.load()
    segments = [segment for segment in file.applist if not _is_left_out(segment)]
    density = _density(file)
    sampling = max(get_sampling(file), FULL_COLOUR)
    notices = _notices(file)
    if trailer := trailer_length(stream):
        notices.append(f"{trailer} bytes after the picture, such as further pictures or a film: left out")
    image: Image.Image = file
    space = None
    if file.mode == "CMYK":
        image, notice = to_srgb(file, file.info.get("icc_profile"))
        segments = [segment for segment in segments if not _is_kind(segment, PROFILE_SEGMENT)]
        notices.append(f"CMYK: {notice or 'converted to sRGB without a colour profile'}")
    else:
        space, notice = icc_space(file.info.get("icc_profile"), grey=file.mode == "L")
        notices += [notice] if notice else []
    without_thumbnail = _change(segments, EXIF_SEGMENT, drop_thumbnail)
    without_previews = _change(without_thumbnail, PHOTOSHOP_SEGMENT, drop_previews)
    kept = JpegKept(
        _change(without_previews, XMP_SEGMENT, drop_announcements),
        density,
        sampling,
        bool(file.info.get("progressive")),
    )
    # Pillow would write what it finds there a second time.
    image.info.clear()
    return Content(PillowCanvas(image), kept, notices, space)


def trailer_length(stream: BinaryIO) -> int:
    """Return how many bytes follow the end of a JPEG's picture; zeros, which are padding, do not count."""
    stream.seek(0)
    content = stream.read()
    for marker, place in jpeg_markers(content, 2):
        if marker == END_OF_IMAGE:
            return len(content[place:].strip(b"\0"))
    return 0


def _density(file: JpegImageFile) -> bytes | None:
    for segment in file.applist:
        if _is_kind(segment, JFIF_SEGMENT):
            return segment[1][7:12] if len(segment[1]) >= 12 else None
    return None


def _is_left_out(segment: Segment) -> bool:
    return any(_is_kind(segment, kind) for kind in LEFT_OUT)


def _change(segments: Iterable[Segment], kind: Segment, change: Callable[[bytes], bytes]) -> tuple[Segment, ...]:
    """Change what follows the prefix in all segments of a kind."""
    changed = []
    for segment in segments:
        name, content = segment
        if _is_kind(segment, kind):
            content = kind[1] + change(content[len(kind[1]) :])
        changed.append((name, content))
    return tuple(changed)


def _is_kind(segment: Segment, kind: Segment) -> bool:
    return segment[0] == kind[0] and segment[1].startswith(kind[1])


def _notices(file: JpegImageFile) -> list[str]:
    xmp = b"".join(segment[1] for segment in file.applist if _is_kind(segment, XMP_SEGMENT))
    notices = []
    if announces_gain_map(xmp) or any(_is_kind(segment, GAIN_MAP_SEGMENT) for segment in file.applist):
        notices.append(GAIN_MAP_NOTICE)
    if announces_film(xmp):
        notices.append("motion photo: its film is left out")
    for segment in file.applist:
        has_thumbnail = _is_kind(segment, JFIF_SEGMENT) and len(segment[1]) > JFIF_HEADER
        if has_thumbnail or _is_kind(segment, JFXX_SEGMENT):
            notices.append("JFIF thumbnail: left out, since it shows the old pixels")
    if any(name == "APP11" for name, _ in file.applist):
        notices.append("signed or extended content (APP11): left out, since it is about the old pixels")
    return notices

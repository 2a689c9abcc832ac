"""JPEG files, with Pillow: segments are kept byte for byte, subsampling and kind as they were."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from zero_dce.enhance.canvas import Canvas, PillowCanvas
from zero_dce.enhance.formats.exif import EXIF_PREFIX, drop_thumbnail, orientation_of, set_upright
from zero_dce.enhance.formats.photograph import CheckSize, Content, check_dimensions
from zero_dce.enhance.formats.photoshop import drop_previews
from zero_dce.enhance.formats.through import Through
from zero_dce.images.decode import to_srgb

COMMENT = "COM"
MARKERS = {COMMENT: 0xFE, **{f"APP{number}": 0xE0 + number for number in range(16)}}
PHOTOSHOP = b"Photoshop 3.0\0"
PROFILE_PREFIX = b"ICC_PROFILE\0"
JFIF = b"JFIF\0"
# What the encoder writes itself, what points to pictures behind the first one, and signatures of the old pixels.
LEFT_OUT = {"APP0": b"", "APP14": b"Adobe", "APP11": b""}
MULTI_PICTURE = b"MPF\0"
# As Pillow counts them; what Pillow cannot write becomes 4:4:4, which loses nothing.
FULL_COLOUR = 0
# libjpeg's limit, a little below that of the format.
LONGEST_JPEG_SIDE = 65500

Segment = tuple[str, bytes]


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
        blocks = [content[len(EXIF_PREFIX) :] for name, content in self.segments if _is_exif(name, content)]
        return orientation_of(blocks[0]) if blocks else 1

    def upright(self) -> JpegKept:
        """The same with orientation 1."""
        segments = tuple(
            (name, EXIF_PREFIX + set_upright(content[len(EXIF_PREFIX) :]) if _is_exif(name, content) else content)
            for name, content in self.segments
        )
        return replace(self, segments=segments)

    def write(self, canvas: Canvas, stream: BinaryIO, quality: int) -> None:
        """Encode a canvas of 8 bits."""
        check_dimensions(canvas, "JPEG", LONGEST_JPEG_SIDE)
        image = cast("PillowCanvas", canvas).image
        extra = b"".join(
            bytes((0xFF, MARKERS[name])) + (len(content) + 2).to_bytes(2) + content for name, content in self.segments
        )
        options = {"subsampling": self.subsampling} if image.mode == "RGB" else {}
        through = cast("BinaryIO", Through(stream))
        image.save(through, "JPEG", quality=quality, progressive=self.progressive, extra=extra, **options)
        if self.density is not None:
            # The JFIF segment comes first: start, marker, length, name and version take 13 bytes.
            stream.seek(13)
            stream.write(self.density)


def read_jpeg(stream: BinaryIO, check_size: CheckSize) -> Content:
    """Read a JPEG; CMYK becomes sRGB.

    Raises:
        ValueError: if it is too large; Pillow raises what it likes where the file is damaged.
    """
    # Not Image.open: it has a limit of its own, and takes the previews behind a camera's picture for frames.
    file = JpegImageFile(stream)
    check_size(*file.size)
    file.load()
    segments = tuple((name, content) for name, content in file.applist if not _is_left_out(name, content))
    jfif = [content for name, content in file.applist if name == "APP0" and content.startswith(JFIF)]
    density = jfif[0][7:12] if jfif and len(jfif[0]) >= 12 else None
    sampling = get_sampling(file)
    notices = _notices(file)
    image: Image.Image = file
    if file.mode == "CMYK":
        image, notice = to_srgb(file, file.info.get("icc_profile"))
        segments = tuple((name, content) for name, content in segments if not content.startswith(PROFILE_PREFIX))
        notices.append(f"CMYK: {notice or 'converted to sRGB without a colour profile'}")
    kept = JpegKept(
        tuple(_without_previews(name, content) for name, content in segments),
        density,
        FULL_COLOUR if sampling < 0 else sampling,
        bool(file.info.get("progressive")),
    )
    # Pillow would write what it finds there once more.
    image.info.clear()
    return Content(PillowCanvas(image), kept, notices)


def _is_exif(name: str, content: bytes) -> bool:
    return name == "APP1" and content.startswith(EXIF_PREFIX)


def _is_left_out(name: str, content: bytes) -> bool:
    if name == "APP2":
        return content.startswith(MULTI_PICTURE)
    return name in LEFT_OUT and content.startswith(LEFT_OUT[name])


def _without_previews(name: str, content: bytes) -> Segment:
    if _is_exif(name, content):
        return name, EXIF_PREFIX + drop_thumbnail(content[len(EXIF_PREFIX) :])
    if name == "APP13" and content.startswith(PHOTOSHOP):
        return name, PHOTOSHOP + drop_previews(content[len(PHOTOSHOP) :])
    return name, content


def _notices(file: JpegImageFile) -> list[str]:
    content = b"".join(part for name, part in file.applist if name == "APP1")
    notices = []
    if b"hdrgm:Version" in content or b"HDRGainMap" in content:
        notices.append("HDR gain map: left out")
    if b"GCamera:MotionPhoto" in content or b"GCamera:MicroVideo" in content:
        notices.append("motion photo: its film is left out")
    if any(name == "APP11" for name, _ in file.applist):
        notices.append("signed or extended content (APP11): left out, since it is about the old pixels")
    return notices

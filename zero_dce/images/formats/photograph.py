"""What a reader returns: the pixels as a canvas, and what is needed to write the file back."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, Self

from PIL import Image

from zero_dce.images.canvas import ArrayCanvas, Canvas, PillowCanvas, PixelArray
from zero_dce.images.colour import ColourSpace
from zero_dce.images.view import SrgbView

# It takes the width and height from a file's header, and raises ValueError if they are too large.
CheckSize = Callable[[int, int], None]


def check_dimensions(canvas: Canvas, format_: str, longest: int) -> None:
    """Raise ValueError unless a format can hold a picture whose sides are as long as these."""
    if max(canvas.width, canvas.height) > longest:
        raise ValueError(
            f"a {format_} file holds at most {longest} pixels a side; this picture has {canvas.width} x {canvas.height}"
        )


def encode_with_pillow(image: Image.Image, format_: str, **options: Any) -> memoryview:
    """Encode a whole file in memory.

    Pillow would write to a real file by its descriptor, and takes a write that a full disk cut short for a whole one:
    the picture would be truncated without an error.
    """
    stream = io.BytesIO()
    image.save(stream, format_, **options)
    return stream.getbuffer()


class Kept(Protocol):
    """What a file of one format holds beside its pixels."""

    @property
    def orientation(self) -> int:
        """The EXIF orientation, 1 to 8: how a viewer turns the stored pixels."""

    def upright(self) -> Self:
        """Return the same with orientation 1, for pixels that are upright already."""

    def as_srgb(self) -> Self:
        """Return the same with sRGB as its colour space, for pixels whose own space has no way back from sRGB."""

    def write(self, canvas: Canvas, stream: BinaryIO, quality: int) -> None:
        """Write a whole file of the format."""


class KeptUpright:
    """What files hold whose pixels are upright as they are read: by their decoder, or without EXIF."""

    @property
    def orientation(self) -> int:
        """Always upright."""
        return 1

    def upright(self) -> Self:
        """The same."""
        return self


class Content(NamedTuple):
    """What the reader of one format returns; the attributes are those of :class:`Photograph`."""

    canvas: Canvas
    kept: Kept
    notices: list[str]
    space: ColourSpace | None = None
    alpha: PixelArray | None = None


@dataclass
class Photograph:
    """A photograph as it is stored in its file.

    Attributes:
        path: the file.
        format: its name in :data:`zero_dce.images.suffixes.PICTURE_FORMATS`.
        canvas: the pixels, in the stored orientation and in the file's own colour space.
        kept: metadata, and how the file was encoded.
        notices: what a person should know, such as frames that are left out.
        space: what the numbers of the pixels mean; ``None`` is sRGB.
        alpha: the transparency that the colours are multiplied by, H x W; ``None`` where they are not.
    """

    path: Path
    format: str
    canvas: Canvas
    kept: Kept
    notices: list[str] = field(default_factory=list)
    space: ColourSpace | None = None
    alpha: PixelArray | None = None

    def view(self) -> SrgbView:
        """Return the picture as a person sees it: upright, in sRGB, with colours that are not multiplied by alpha.

        What is written to its ``blank()`` is stored as the file stores it.
        """
        return SrgbView(self.canvas, self.kept.orientation, self.space, self.alpha)

    def upright(self) -> Photograph:
        """Return the picture with orientation 1 in its metadata, for saving pixels that are upright already.

        Its canvas is still the one as stored.
        """
        return replace(self, kept=self.kept.upright())

    def writable(self) -> Photograph:
        """Return the picture with metadata that fit what is written to its view.

        A colour space without a way back from sRGB is replaced by sRGB, with a notice.
        """
        if self.space is None or self.space.invertible:
            return self
        notice = "its colour profile has no way back from sRGB: written with an sRGB profile in place of it"
        return replace(self, kept=self.kept.as_srgb(), notices=[*self.notices, notice])

    @property
    def transparent(self) -> bool:
        """Whether there are channels beside grey or RGB."""
        if isinstance(self.canvas, ArrayCanvas):
            return self.canvas.pixels.ndim == 3 and self.canvas.pixels.shape[2] != 3
        return isinstance(self.canvas, PillowCanvas) and self.canvas.image.mode in ("LA", "RGBA")

    @property
    def width(self) -> int:
        """Pixels from left to right, as stored."""
        return self.canvas.width

    @property
    def height(self) -> int:
        """Pixels from top to bottom, as stored."""
        return self.canvas.height

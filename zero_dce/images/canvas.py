"""Pictures that are read and written one box at a time, so that no second copy of a whole picture is made."""

from __future__ import annotations

from typing import Any, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

# Left, top, right and bottom, of which the last two are outside the box, as in Pillow.
Box = tuple[int, int, int, int]
# Pixels as stored: uint8, uint16 or float32.
PixelArray = npt.NDArray[Any]

# So many rows are converted at once where a wide copy of a whole picture would be too large.
ROWS_AT_ONCE = 256
# Rec. 601 luma in 65536ths, as in Pillow's convert("L"): a grey pixel keeps its value.
LUMA = (19595, 38470, 7471)


class Canvas(Protocol):
    """A picture of ``height`` x ``width`` pixels of type ``dtype`` that is read and written as RGB."""

    @property
    def width(self) -> int:
        """Pixels from left to right."""

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values: uint8, uint16 or float32."""

    @property
    def bits(self) -> int:
        """The bits per channel of what is stored, which decide how precisely it is worth computing."""

    def read(self, box: Box) -> PixelArray:
        """Copy a box: h x w x 3 of type ``dtype``, C-contiguous; grey is repeated in all three channels."""

    def write(self, box: Box, tile: PixelArray) -> None:
        """Write h x w x 3 of type ``dtype`` into a box; a grey picture takes the luma. Alpha stays unchanged."""

    def blank(self, size: tuple[int, int] | None = None) -> Self:
        """Return a black picture of the same kind.

        Args:
            size: its width and height, for an opaque picture; ``None`` is the same size with the same alpha.
        """


AnyCanvas = TypeVar("AnyCanvas", bound=Canvas)


class PillowCanvas:
    """A Pillow image with 8 bits per channel.

    Args:
        image: of mode RGB, L, RGBA or LA. It is held, not copied.

    Raises:
        ValueError: if the image is of another mode.
    """

    dtype: np.dtype[Any] = np.dtype(np.uint8)
    bits = 8

    def __init__(self, image: Image.Image) -> None:
        if image.mode not in ("RGB", "L", "RGBA", "LA"):
            raise ValueError(f"an image of mode RGB, L, RGBA or LA is needed; this one is of mode {image.mode}")
        self.image = image
        self.width, self.height = image.size

    def read(self, box: Box) -> PixelArray:
        """Copy a box: uint8, h x w x 3."""
        return _to_rgb(self._crop(box))

    def write(self, box: Box, tile: PixelArray) -> None:
        """Write uint8 h x w x 3 into a box."""
        check_tile(self, box, tile)
        if self.image.mode == "RGB":
            pixels = np.ascontiguousarray(tile)
        else:
            pixels = self._crop(box)
            _put_rgb(pixels, tile)
        # Without a mask, alpha is pasted like a colour.
        self.image.paste(Image.fromarray(pixels), box[:2])

    def blank(self, size: tuple[int, int] | None = None) -> PillowCanvas:
        """Return a black picture of the same mode; without ``size``, one with alpha is a copy, to keep the alpha."""
        if self.image.mode in ("RGB", "L"):
            return PillowCanvas(Image.new(self.image.mode, size or self.image.size))
        if size is None:
            return PillowCanvas(self.image.copy())
        opaque = (0,) * (len(self.image.mode) - 1) + (255,)
        return PillowCanvas(Image.new(self.image.mode, size, opaque))

    def _crop(self, box: Box) -> PixelArray:
        check_box(self, box)
        return np.array(self.image.crop(box))


class ArrayCanvas:
    """A NumPy array, for 16 bits per channel and for float32.

    Args:
        pixels: H x W (grey), H x W x 2 (grey and alpha) or H x W x 3 and more (RGB, alpha and further channels), of
            type uint8, uint16 or float32; it may be a view. It is held, not copied.

    Raises:
        ValueError: if the array is of another shape or type.
    """

    def __init__(self, pixels: PixelArray) -> None:
        if pixels.dtype not in (np.uint8, np.uint16, np.float32) or pixels.ndim not in (2, 3) or not pixels.size:
            raise ValueError(
                "pixels of H x W, or H x W x channels, of type uint8, uint16 or float32 are needed; "
                f"these are of shape {pixels.shape} and type {pixels.dtype}"
            )
        self.pixels = pixels
        self.dtype = pixels.dtype
        self.bits = 8 * pixels.itemsize
        self.height, self.width = pixels.shape[:2]

    def read(self, box: Box) -> PixelArray:
        """Copy a box: h x w x 3."""
        return _to_rgb(self._view(box))

    def write(self, box: Box, tile: PixelArray) -> None:
        """Write h x w x 3 of the canvas's type into a box."""
        check_tile(self, box, tile)
        _put_rgb(self._view(box), tile)

    def blank(self, size: tuple[int, int] | None = None) -> ArrayCanvas:
        """Return a black picture of the same type; without ``size``, alpha and further channels are copied."""
        width, height = size or (self.width, self.height)
        blank = np.zeros((height, width, *self.pixels.shape[2:]), self.dtype)
        if self.pixels.ndim == 3:
            colours = 1 if self.pixels.shape[2] < 3 else 3
            opaque = 1 if self.dtype.kind == "f" else np.iinfo(self.dtype).max
            blank[..., colours:] = self.pixels[..., colours:] if size is None else opaque
        return ArrayCanvas(blank)

    def _view(self, box: Box) -> PixelArray:
        check_box(self, box)
        left, top, right, bottom = box
        return self.pixels[top:bottom, left:right]


def _to_rgb(pixels: PixelArray) -> PixelArray:
    if pixels.ndim == 2 or pixels.shape[2] < 3:
        grey = pixels if pixels.ndim == 2 else pixels[..., 0]
        return np.repeat(grey[..., None], 3, axis=2)
    return np.array(pixels[..., :3], order="C")


def _put_rgb(pixels: PixelArray, tile: PixelArray) -> None:
    """Write colours, or their luma, into pixels of any number of channels."""
    if pixels.ndim == 2:
        pixels[...] = _luma(tile)
    elif pixels.shape[2] < 3:
        pixels[..., 0] = _luma(tile)
    else:
        pixels[..., :3] = tile


def _luma(tile: PixelArray) -> PixelArray:
    if tile.dtype.kind == "f":
        return tile @ (np.array(LUMA, tile.dtype) / 65536)
    wide = tile.astype(np.uint32)
    # The sum stays below 2^32 for 16 bits too.
    return ((wide @ np.array(LUMA, np.uint32) + 0x8000) >> 16).astype(tile.dtype)


def check_box(canvas: Canvas, box: Box) -> None:
    """Raise ValueError unless a box lies inside a picture."""
    left, top, right, bottom = box
    if not (0 <= left < right <= canvas.width and 0 <= top < bottom <= canvas.height):
        raise ValueError(f"the box {box} is not inside a picture of {canvas.width} x {canvas.height} pixels")


def check_tile(canvas: Canvas, box: Box, tile: PixelArray) -> None:
    """Raise ValueError unless a box lies inside a picture, and the tile is of its size and of the picture's type."""
    check_box(canvas, box)
    expected = (box[3] - box[1], box[2] - box[0], 3)
    if tile.shape != expected or tile.dtype != canvas.dtype:
        raise ValueError(
            f"the box {box} takes {expected} of type {canvas.dtype}; given were {tile.shape} of type {tile.dtype}"
        )

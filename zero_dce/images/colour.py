"""Colour spaces: what the numbers of a file mean, and their conversion to sRGB and back at full depth."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

# sRGB profiles of different makers differ by at most this many of 255 levels.
SRGB_TOLERANCE = 2
# A profile that leads back from sRGB errs by less than this many of 255 levels; one that does not leads anywhere.
INVERSE_TOLERANCE = 8
# The creation date in a profile's header (ICC.1:2022, section 7.2.10), which would make every written file different.
CREATION_DATE = slice(24, 36)


class ColourSpace(Protocol):
    """What the numbers of a picture mean."""

    @property
    def description(self) -> str:
        """What it is, in words that begin a notice."""

    @property
    def invertible(self) -> bool:
        """Whether :meth:`from_srgb` leads back to colours that look as they should."""

    def to_srgb(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
        """Convert h x w x 3, uint8 or uint16, to sRGB; colours beyond it become the nearest that it has."""

    def from_srgb(self, pixels: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
        """Convert sRGB, h x w x 3, to this space."""


@dataclass(frozen=True)
class IccSpace:
    """The space of an ICC profile, converted by LittleCMS with 16 bits.

    Attributes:
        profile: the profile.
        grey: whether it is one of grey: all three channels hold the same numbers.
    """

    profile: bytes
    grey: bool = False

    @property
    def description(self) -> str:
        """A profile of its own name."""
        return f"colour profile {_describe(ImageCms.ImageCmsProfile(io.BytesIO(self.profile)))!r}"

    @cached_property
    def invertible(self) -> bool:
        """Whether the way back leads to the colours that it started from.

        A profile that was made only for showing pictures, as that of XYB JPEG files, holds a way back that is empty.
        """
        shown = self.to_srgb(colour_grid())
        try:
            again = self.to_srgb(self.from_srgb(shown))
        except RuntimeError:
            # LittleCMS makes no transform to a profile without the tables of that direction.
            return False
        return int(np.abs(again.astype(int) - shown).max()) <= INVERSE_TOLERANCE * 257

    def to_srgb(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
        """Convert to sRGB."""
        if self.grey:
            return _transform(np.ascontiguousarray(pixels[..., 0]), self.profile, srgb_profile(), "gray", "rgb")
        return _transform(pixels, self.profile, srgb_profile(), "rgb", "rgb")

    def from_srgb(self, pixels: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
        """Convert from sRGB; of a grey space all three channels get the same numbers."""
        if self.grey:
            grey = _transform(pixels, srgb_profile(), self.profile, "rgb", "gray")
            return np.repeat(grey.reshape(*pixels.shape[:2], 1), 3, axis=2)
        return _transform(pixels, srgb_profile(), self.profile, "rgb", "rgb")


def icc_space(profile: bytes | None, grey: bool = False) -> tuple[IccSpace | None, str | None]:
    """Return the space of an embedded profile, and a notice where the profile is of no use.

    Returns:
        ``None`` as the space where the profile is missing, is sRGB, or cannot be used.
    """
    if not profile:
        return None, None
    transform, notice = _pillow_transform(profile, "L" if grey else "RGB")
    if transform is None:
        return None, notice
    return IccSpace(profile, grey), None


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """Return an sRGB profile, always the same bytes."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # The first second of the year 2000: year, month, day, hour, minute, second.
    made[CREATION_DATE] = np.array([2000, 1, 1, 0, 0, 0], ">u2").tobytes()
    return bytes(made)


def to_srgb(picture: Image.Image, profile: bytes | None) -> tuple[Image.Image, str | None]:
    """Convert a Pillow image of 8 bits to RGB by an embedded profile; return a notice of what the profile did."""
    transform, notice = _pillow_transform(profile, picture.mode) if profile else (None, None)
    if transform:
        return ImageCms.applyTransform(picture, transform) or picture, notice
    return picture.convert("RGB"), notice


@lru_cache(maxsize=32)
def _pillow_transform(profile: bytes, mode: str) -> tuple[ImageCms.ImageCmsTransform | None, str | None]:
    """Return the conversion from a colour profile to sRGB; ``None`` where it is sRGB already, or cannot be used."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        description = _describe(source)
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        return None, f"colour profile of no use ({error}): taken as sRGB"
    if mode == "RGB" and _changes_nothing(transform):
        return None, None
    return transform, f"colour profile {description!r}: converted to sRGB"


def _describe(profile: ImageCms.ImageCmsProfile) -> str:
    return ImageCms.getProfileDescription(profile).strip()


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Tell whether a conversion changes no colour of a grid: a profile's name, as "linear sRGB", may mislead."""
    colours = colour_grid()
    converted = np.asarray(ImageCms.applyTransform(Image.fromarray(colours), transform))
    return int(np.abs(converted.astype(int) - colours).max()) <= SRGB_TOLERANCE


def colour_grid() -> npt.NDArray[np.uint8]:
    """Return colours all over RGB, h x w x 3."""
    levels = np.arange(0, 256, 17, dtype=np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, len(levels), 3)


def _transform(pixels: npt.NDArray[Any], source: bytes, target: bytes, from_: str, to: str) -> npt.NDArray[np.uint16]:
    import imagecodecs  # slow to import, and only few pictures need it

    # LittleCMS would otherwise replace the curves by a coarse table, which is up to 20 of 255 levels off in the dark.
    exactly = imagecodecs.CMS.FLAGS.NOOPTIMIZE
    converted: npt.NDArray[np.uint16] = imagecodecs.cms_transform(
        pixels.astype(np.uint16) * 257 if pixels.dtype == np.uint8 else pixels,
        source,
        target,
        colorspace=from_,
        outcolorspace=to,
        outdtype="uint16",
        intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
        flags=exactly | imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION,
    )
    return converted

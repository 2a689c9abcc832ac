"""Which files are pictures, by their suffixes: the one list of the formats, and what reads them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

from zero_dce.terminal import pip_install


class PictureFormat(NamedTuple):
    """A format of pictures.

    Attributes:
        suffixes: of its files, in lower case; the first is the one that is written.
        extra: the extra of this package that installs its reader; empty where the reader always is there.
        module: what is imported from that extra.
    """

    suffixes: tuple[str, ...]
    extra: str = ""
    module: str = ""


PICTURE_FORMATS = {
    "JPEG": PictureFormat((".jpg", ".jpeg", ".jpe", ".jfif")),
    "PNG": PictureFormat((".png", ".apng")),
    "TIFF": PictureFormat((".tif", ".tiff")),
    "WEBP": PictureFormat((".webp",)),
    "BMP": PictureFormat((".bmp", ".dib")),
    "AVIF": PictureFormat((".avif",)),
    "JPEG XL": PictureFormat((".jxl",)),
    "JPEG 2000": PictureFormat((".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".jpf")),
    "HEIC": PictureFormat((".heic", ".heif", ".hif"), "heif", "pillow_heif"),
    "RAW": PictureFormat(
        (
            ".dng", ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw",
            ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
        ),
        "raw",
        "rawpy",
    ),
}  # fmt: skip


def has_reader(format_: str) -> bool:
    """Return whether what reads a format is installed."""
    module = PICTURE_FORMATS[format_].module
    return not module or find_spec(module) is not None


def picture_suffixes() -> frozenset[str]:
    """Return the suffixes of all pictures that can be read."""
    return frozenset(suffix for name, form in PICTURE_FORMATS.items() if has_reader(name) for suffix in form.suffixes)


def missing_readers() -> dict[str, frozenset[str]]:
    """Return the suffixes of pictures whose readers are not installed, by the command that installs them."""
    return {
        pip_install(form.extra): frozenset(form.suffixes)
        for name, form in PICTURE_FORMATS.items()
        if not has_reader(name)
    }


def require_reader(format_: str) -> None:
    """Raise ModuleNotFoundError, which says how to install it, unless a format's reader is there."""
    form = PICTURE_FORMATS[format_]
    if not has_reader(format_):
        raise ModuleNotFoundError(f"{format_} needs {form.module}: {pip_install(form.extra)}")

"""Pillow's reader of JPEG files, without what it reads in EXIF of its own accord."""

from __future__ import annotations

from PIL.JpegImagePlugin import JpegImageFile


class BareJpegFile(JpegImageFile):
    """A JPEG whose EXIF block stays bytes.

    Pillow looks for a resolution there, and for that copies the value of every tag. Thousands of tags may share the
    same bytes, so that a file of a megabyte would take gigabytes.
    """

    def _read_dpi_from_exif(self) -> None:
        """Read nothing."""

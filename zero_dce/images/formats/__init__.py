"""Reading and writing photographs: pixels as stored, and everything else that the files hold.

A file is written in the format it was read from, but for raw files, which are developed. Pixels stay in the stored
orientation and in the file's own colour space, so that EXIF and ICC profile go back as they came; a photograph's
``view()`` shows them upright and in sRGB.
"""

from zero_dce.images.formats.files import read_photograph, save_photograph
from zero_dce.images.formats.photograph import Photograph

__all__ = ["Photograph", "read_photograph", "save_photograph"]

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.helpers.photographs import copy_through, exif_block, pixels
from tests.helpers.raw import write_dng
from tests.images.formats.test_png import make_png
from zero_dce.images import ImageReadError
from zero_dce.images.formats import Photograph, read_photograph, save_photograph


def with_pillow(format_: str, mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels((24, 32, 4))).convert(mode).save(stream, format_, **options)
    return stream.getvalue()


def with_tifffile(dtype: str, **options: object) -> bytes:
    stream = io.BytesIO()
    values = pixels((24, 32, 3)) / 255 if dtype == "float32" else pixels((24, 32, 3), dtype)
    tifffile.imwrite(stream, values.astype(dtype), photometric="rgb", metadata=None, **options)
    return stream.getvalue()


def heic() -> bytes:
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels((64, 64, 3)))).save(stream, quality=50, exif=EXIF)
    return stream.getvalue()


def dng() -> bytes:
    with TemporaryDirectory() as folder:
        write_dng(Path(folder, "a.dng"), pixels((24, 32, 3)) / 255, (0.5, 1, 0.7))
        return Path(folder, "a.dng").read_bytes()


EXIF = b"Exif\0\0" + exif_block()
FILES = {
    "jpg": with_pillow("JPEG", exif=EXIF),
    "progressive.jpg": with_pillow("JPEG", progressive=True),
    "cmyk.jpg": with_pillow("JPEG", "CMYK"),
    "png": with_pillow("PNG", "RGBA", exif=EXIF),
    "palette.png": with_pillow("PNG", "P", transparency=3),
    "16.png": make_png(pixels((24, 32, 3), "uint16"), 2, 16, interlace=1),
    "tif": with_tifffile("uint8", compression="lzw", predictor=2),
    "16.tif": with_tifffile("uint16", tile=(16, 16), byteorder=">"),
    "jpeg.tif": with_tifffile("uint8", compression="jpeg", rowsperstrip=8),
    "pillow.tif": with_pillow("TIFF", "L", exif=EXIF),
    "webp": with_pillow("WEBP", exif=EXIF),
    "lossless.webp": with_pillow("WEBP", "RGBA", lossless=True),
    "float.tif": with_tifffile("float32", compression="zlib", predictor=3),
    "avif": with_pillow("AVIF", exif=EXIF, xmp=b"<x/>"),
    "10.avif": bytes(imagecodecs.avif_encode(pixels((24, 32, 4), "uint16") >> 6, bitspersample=10, speed=8)),
    "jxl": bytes(imagecodecs.jpegxl_encode(pixels((24, 32, 3)), distance=1)),
    "16.jxl": bytes(imagecodecs.jpegxl_encode(pixels((24, 32, 4), "uint16"), lossless=True)),
    "jp2": bytes(imagecodecs.jpeg2k_encode(pixels((24, 32, 3)), codecformat="JP2", reversible=True)),
    "j2k": bytes(imagecodecs.jpeg2k_encode(pixels((24, 32), "uint16"), codecformat="J2K", level=50)),
    "heic": heic(),
    "dng": dng(),
    "bmp": with_pillow("BMP"),
    "palette.bmp": with_pillow("BMP", "P"),
}


@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(sorted(FILES)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
    st.booleans(),
    st.floats(0, 1),
)
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_read_or_named(
    tmp_path: Path, name: str, changes: list[tuple[float, int]], at_the_end: bool, length: float
) -> None:
    """Whatever bytes are changed or missing: a picture that can be written, or an error that names the file."""
    content = bytearray(FILES[name])
    for place, value in changes:
        # Most of what can go wrong is in the first bytes, in a TIFF in the last ones.
        at = int(place**4 * (len(content) - 1))
        content[len(content) - 1 - at if at_the_end else at] = value
    file = tmp_path / name
    file.write_bytes(content[: max(0, len(content) - int(length**8 * len(content)))])
    outcome = read_or_fail(file)
    if isinstance(outcome, ImageReadError):
        assert str(file) in str(outcome)
        assert outcome.reason
    else:
        save_photograph(outcome, copy_through(outcome, side=1000), tmp_path / "written")
        again = read_photograph(tmp_path / "written")
        assert (again.width, again.height, again.canvas.dtype) == (outcome.width, outcome.height, outcome.canvas.dtype)
        if outcome.format in ("PNG", "TIFF", "BMP"):
            box = (0, 0, outcome.width, outcome.height)
            assert np.array_equal(again.canvas.read(box), outcome.canvas.read(box))


def read_or_fail(file: Path) -> Photograph | ImageReadError:
    try:
        return read_photograph(file, max_megapixels=0.1)
    except ImageReadError as error:
        return error


@pytest.mark.parametrize("name", FILES)
def test_no_truncated_file_is_read(name: str, tmp_path: Path) -> None:
    """But for the last bytes of a JPEG, which hold no pixels."""
    content = FILES[name]
    for length in [*range(0, len(content) - 20, max(1, len(content) // 40)), len(content) - 20]:
        (tmp_path / name).write_bytes(content[:length])
        with pytest.raises(ImageReadError, match="cannot read"):
            read_photograph(tmp_path / name)

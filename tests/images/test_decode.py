from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, UnidentifiedImageError

from tests.helpers.photographs import pixels
from tests.helpers.pictures import make_picture
from zero_dce.images import ImageReadError, describe_error
from zero_dce.images.decode import decode, decode_square, decode_within, header_size
from zero_dce.images.formats import read_photograph
from zero_dce.images.light import linear_to_srgb


def test_squash_to_a_square(tmp_path: Path) -> None:
    make_picture(0, 0.5, 96, 32).save(tmp_path / "a.png")
    pixels = decode_square(tmp_path / "a.png", 16)
    assert (pixels.shape, pixels.dtype) == ((16, 16, 3), np.uint8)
    expected = make_picture(0, 0.5, 96, 32).resize((16, 16), Image.Resampling.LANCZOS)
    assert np.abs(pixels.astype(int) - np.asarray(expected)).mean() < 1


def test_within_keeps_proportions_and_never_enlarges(tmp_path: Path) -> None:
    make_picture(0, 0.5, 96, 32).save(tmp_path / "a.png")
    assert decode_within(tmp_path / "a.png", 48).shape == (16, 48, 3)
    np.testing.assert_array_equal(decode_within(tmp_path / "a.png", 500), np.asarray(make_picture(0, 0.5, 96, 32)))


def test_draft_decoding_is_close_to_full_decoding(tmp_path: Path) -> None:
    y, x = np.mgrid[0:600, 0:800]
    scene = np.stack([x / 800, y / 600, (x + y) / 1400], axis=-1) * 160 + 40 + 20 * np.sin(x / 40)[..., None]
    Image.fromarray(scene.clip(0, 255).astype(np.uint8)).save(tmp_path / "a.jpg", quality=95)
    with Image.open(tmp_path / "a.jpg") as file:
        full = np.asarray(file.convert("RGB").resize((64, 64), Image.Resampling.LANCZOS))
    assert np.abs(decode_square(tmp_path / "a.jpg", 64).astype(int) - full).mean() < 0.5


def test_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    make_picture(0, 0.5, 96, 32).save(tmp_path / "a.jpg", exif=exif)
    assert decode_within(tmp_path / "a.jpg", 500).shape == (96, 32, 3)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_other_modes_become_rgb(mode: str, tmp_path: Path) -> None:
    make_picture(0, 0.5).convert(mode).save(tmp_path / "a.tif")
    assert decode_square(tmp_path / "a.tif", 16).shape == (16, 16, 3)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "I;16"])
def test_grey_modes_keep_their_brightness(mode: str, tmp_path: Path) -> None:
    grey = Image.fromarray(np.tile(np.array([[0, 255]], np.uint8), (16, 8)))
    picture = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    picture.save(tmp_path / "a.png")
    assert np.array_equal(decode_within(tmp_path / "a.png", 16)[..., 0], np.asarray(grey))


def test_12_bits_are_scaled_too(tmp_path: Path) -> None:
    """All ones, so that packed groups of 12 are white; Pillow gives their numbers, up to 4095, as they are."""
    Image.fromarray(np.full((16, 16), 65535, np.uint16)).save(tmp_path / "a.tif")
    content = (tmp_path / "a.tif").read_bytes()
    tag = struct.pack("<HHIHH", 258, 3, 1, 16, 0)
    assert content.count(tag) == 1
    (tmp_path / "a.tif").write_bytes(content.replace(tag, struct.pack("<HHIHH", 258, 3, 1, 12, 0)))
    assert decode_within(tmp_path / "a.tif", 16).min() == 255


@pytest.mark.parametrize("kind", ["text", "empty", "truncated", "missing"])
def test_a_bad_file_is_named(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.JPG"
    make_picture(0, 0.5, 200, 200).save(file, format="JPEG")
    if kind == "missing":
        file.unlink()
    else:
        file.write_bytes({"text": b"hello", "empty": b"", "truncated": file.read_bytes()[:600]}[kind])
    with pytest.raises(ImageReadError, match=r"cannot read .*bad\.JPG as an image"):
        decode_square(file, 16)


def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(16, 0)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    pixels = decode_within(tmp_path / "a.png", 256)
    np.testing.assert_allclose(pixels[0, :, 0], np.arange(256), atol=1)
    Image.fromarray(ramp.astype(np.float32)).save(tmp_path / "b.tif")
    with pytest.raises(
        ImageReadError, match=r"most of its floating-point numbers are not in \[0, 1\], so that their range is not"
    ):
        decode_within(tmp_path / "b.tif", 256)


# How a format keeps the pixels as they are.
EXACTLY = {"jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}

# What a viewer shows for each EXIF orientation, made from the upright picture.
AS_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", AS_STORED)
def test_every_orientation_in_every_format(orientation: int, extension: str, tmp_path: Path) -> None:
    upright = make_picture(0, 0.5, 96, 32)
    operation = AS_STORED[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = upright if operation is None else upright.transpose(operation)
    options = EXACTLY.get(extension, {})
    stored.save(tmp_path / f"a.{extension}", exif=exif.tobytes(), **options)
    decoded = decode(tmp_path / f"a.{extension}", lambda width, height: (width // 2, height // 2))
    assert (decoded.width, decoded.height) == (96, 32)
    expected = np.asarray(upright.resize((48, 16), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(decoded.pixels - expected).mean() < 3, "JPEG's own halving is a little softer"


def wide_profile() -> bytes:
    """A colour space wider than sRGB: its red lies further out, and its curve is a plain gamma."""
    primaries = {"r": (0.64, 0.33), "g": (0.21, 0.71), "b": (0.15, 0.06)}  # Adobe RGB (1998)
    return make_profile(primaries, gamma=2.2)


def make_profile(primaries: dict[str, tuple[float, float]], gamma: float, name: str = "a wide space") -> bytes:
    """Write a matrix profile (ICC.1:2001, section 6.3): header, tag table, tags; white is D65 adapted to D50."""
    xyz = {name: np.array([x / y, 1, (1 - x - y) / y]) for name, (x, y) in primaries.items()}
    matrix = np.stack([xyz[name] for name in "rgb"], axis=1)
    white = np.array([0.95047, 1.0, 1.08883])
    matrix = BRADFORD @ (matrix * np.linalg.solve(matrix, white))

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    label = name.encode() + b"\0"
    text = b"desc" + bytes(4) + struct.pack(">I", len(label)) + label + bytes(78 + (-len(label) - 90) % 4)
    tags = {b"desc": text, b"cprt": b"text" + bytes(4) + b"none"}
    tags[b"wtpt"] = b"XYZ " + bytes(4) + b"".join(map(number, D50))
    for column, letter in enumerate("rgb"):
        tags[letter.encode() + b"XYZ"] = b"XYZ " + bytes(4) + b"".join(map(number, matrix[:, column]))
        tags[letter.encode() + b"TRC"] = curve
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for key, content in tags.items():
        table += key + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + b"".join(map(number, D50)) + bytes(48)
    return header + struct.pack(">I", len(tags)) + table + body


# From D65 to D50 white, and D50 itself (ICC.1:2001, annex E).
BRADFORD = np.array([[1.0478, 0.0229, -0.0501], [0.0295, 0.9905, -0.0171], [-0.0092, 0.0151, 0.7517]])
D50 = (0.9642, 1.0, 0.8249)


@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "webp"])
def test_a_colour_profile_is_converted_to_srgb(extension: str, tmp_path: Path) -> None:
    colours = np.array([[60, 120, 200], [128, 128, 128], [180, 90, 70], [200, 210, 190]], np.uint8)
    patches = np.repeat(np.repeat(colours[None], 16, 0), 16, 1)
    options = EXACTLY.get(extension, {})
    file = tmp_path / f"a.{extension}"
    Image.fromarray(patches).save(file, icc_profile=wide_profile(), **options)
    decoded = decode(file, lambda width, height: (width, height))
    assert decoded.notices == ["colour profile 'a wide space': converted to sRGB"]
    # By hand: linear light, then from Adobe RGB's to sRGB's primaries (IEC 61966-2-1), then sRGB's curve.
    light = (colours / 255.0) ** 2.2 @ np.array([[1.3982, -0.3982, 0], [0, 1, 0], [0, -0.0429, 1.0429]]).T
    expected = linear_to_srgb(light).astype(int)
    assert np.abs(decoded.pixels[8, 8::16] - expected).max() <= 2
    assert np.abs(colours.astype(int) - expected).max() > 15, "left alone it would be another colour"


def test_a_profile_is_judged_by_what_it_does_and_not_by_its_name(tmp_path: Path) -> None:
    linear = make_profile({"r": (0.64, 0.33), "g": (0.30, 0.60), "b": (0.15, 0.06)}, gamma=1.0, name="sRGB, linear")
    Image.fromarray(np.full((16, 16, 3), 55, np.uint8)).save(tmp_path / "a.png", icc_profile=linear)
    assert np.abs(decode_square(tmp_path / "a.png", 16).astype(int) - 128).max() <= 1, "55 of 255 of the light"


def test_srgb_profiles_change_nothing_and_broken_ones_are_noticed(tmp_path: Path) -> None:
    picture = make_picture(0, 0.5)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, profile, notices in (
        ("srgb.png", srgb, []),
        ("broken.png", b"no profile", ["colour profile of no use"]),
        ("grey.png", wide_profile(), ["colour profile of no use"]),
    ):
        (picture.convert("L") if name == "grey.png" else picture).save(tmp_path / name, icc_profile=profile)
        decoded = decode(tmp_path / name, lambda width, height: (width, height))
        assert [notice.partition(" (")[0] for notice in decoded.notices] == notices
        expected = picture.convert("L").convert("RGB") if name == "grey.png" else picture
        assert np.array_equal(decoded.pixels, np.asarray(expected))


FORMATS = {"JPEG": ".jpg", "PNG": ".png", "BMP": ".bmp", "TIFF": ".tif", "WEBP": ".webp"}
FILES = {}
for format_ in FORMATS:
    stream = io.BytesIO()
    make_picture(0, 0.5).save(stream, format=format_)
    FILES[format_] = stream.getvalue()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(sorted(FORMATS)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
    st.floats(0, 1),
)
def test_damaged_files_are_read_or_named(
    tmp_path: Path, format_: str, changes: list[tuple[float, int]], length: float
) -> None:
    """Whatever bytes are changed or missing: pixels, or an error that names the file; never another error."""
    content = bytearray(FILES[format_])
    for place, value in changes:
        # Most of what can go wrong is in the first bytes.
        content[int(place**4 * (len(content) - 1))] = value
    file = tmp_path / f"a{FORMATS[format_]}"
    file.write_bytes(content[: max(0, len(content) - int(length**8 * len(content)))])
    outcome = read_or_fail(file)
    if isinstance(outcome, ImageReadError):
        assert str(file) in str(outcome)
        assert outcome.reason
    else:
        assert outcome.shape == (16, 16, 3)


def read_or_fail(file: Path) -> np.ndarray | ImageReadError:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return decode_square(file, 16)
        except ImageReadError as error:
            return error


@pytest.mark.shared
def test_camera_files_come_out_as_with_plain_decoding(shared: Path) -> None:
    files = sorted((shared / "data" / "full_size").iterdir())
    assert len(files) == 3
    for file in files:
        with Image.open(file) as picture:
            plain = np.asarray(picture.resize((256, 256), Image.Resampling.LANCZOS)).astype(int)
        assert np.abs(decode_square(file, 256) - plain).mean() < 0.5


def test_the_orientation_of_xmp_is_not_looked_at(tmp_path: Path) -> None:
    """Browsers and enhancing go by the EXIF alone."""
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    make_picture(0, 0.5, 96, 32).save(tmp_path / "a.jpg", xmp=xmp)
    with Image.open(tmp_path / "a.jpg") as file:
        assert file.getexif().get(0x0112) == 6, "Pillow does"
    assert decode_within(tmp_path / "a.jpg", 500).shape == (32, 96, 3)


MODES = {"minisblack": [(), (2,)], "rgb": [(3,), (4,)]}
MATRIX = [
    (dtype, photometric, channels, planar, order, tile, compression)
    for dtype in ("uint8", "uint16")
    for photometric, shapes in MODES.items()
    for channels in shapes
    for planar in ("contig", "separate")
    for order in "<>"
    for tile in (None, (16, 16))
    for compression in (None, "zlib", "lzw")
    if channels or planar == "contig"
]


def test_both_sides_read_every_kind_of_tiff_alike(tmp_path: Path) -> None:
    """Bits x channels x alpha x planes x byte order x tiles x compression, against what was written."""
    file = tmp_path / "a.tif"
    for dtype, photometric, channels, planar, order, tile, compression in MATRIX:
        values = pixels((20, 30, *channels), dtype)
        tifffile.imwrite(
            file,
            np.moveaxis(values, -1, 0) if planar == "separate" else values,
            photometric=photometric,
            planarconfig=planar if channels else None,
            extrasamples=["unassalpha"] if channels in ((2,), (4,)) else None,
            byteorder=order,
            tile=tile,
            compression=compression,
            metadata=None,
        )
        colours = values[..., :3] if photometric == "rgb" else np.repeat(values.reshape(20, 30, -1)[..., :1], 3, axis=2)
        view = read_photograph(file).view()
        assert np.array_equal(view.read((0, 0, 30, 20)), colours), (dtype, channels, planar, order, tile, compression)
        expected = colours if dtype == "uint8" else np.rint(colours / 257)
        assert np.array_equal(decode_within(file, 30), expected), (dtype, channels, planar, order, tile, compression)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_16_bit_png_is_read_alike(mode: str, tmp_path: Path) -> None:
    values = pixels((20, 30, len(mode)), "uint16")
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(values))
    assert np.array_equal(decode_within(tmp_path / "a.png", 30), np.rint(values[..., :3] / 257))
    assert np.array_equal(read_photograph(tmp_path / "a.png").view().read((0, 0, 30, 20)), values[..., :3])


def test_a_reason_for_every_kind_of_error(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.png", tmp_path / "text.png"
    empty.write_bytes(b"")
    text.write_bytes(b"hello")
    assert describe_error(empty, UnidentifiedImageError()) == "an empty file"
    assert describe_error(text, UnidentifiedImageError()) == "not an image"
    assert describe_error(text, OSError(28, "No space left on device")) == "No space left on device"
    assert describe_error(text, IndexError()) == "IndexError"
    assert describe_error(text, ImageReadError("a long message", "the reason")) == "the reason"
    assert describe_error(text, Image.DecompressionBombError()).endswith(
        "megapixels: a decompression bomb, or to be scaled down first"
    )


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32"])
def test_training_sees_the_numbers_of_every_depth(dtype: str, tmp_path: Path) -> None:
    values = pixels((20, 30, 3), "uint8").astype(float) / 255
    white = 1 if dtype.startswith("float") else np.iinfo(dtype).max
    tifffile.imwrite(tmp_path / "a.tif", (values * white).round(4).astype(dtype), photometric="rgb", metadata=None)
    assert np.abs(decode_within(tmp_path / "a.tif", 30) - values * 255).max() <= 1


@pytest.mark.parametrize("name", ["a.jpg", "a.tif", "a.avif", "a.jp2"])
def test_the_size_of_a_header(name: str, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / name)
    assert header_size(tmp_path / name) == (40, 30)


def test_no_size_of_a_damaged_header(tmp_path: Path) -> None:
    (tmp_path / "a.jxl").write_bytes(b"\xff\x0a")
    with pytest.raises(ImageReadError, match="truncated inside its header"):
        header_size(tmp_path / "a.jxl")


@pytest.mark.parametrize(
    ("format_", "said"),
    [("GIF", "a GIF file"), ("PPM", "a PPM, PGM, PBM or PFM file"), ("ICO", "an ICO file"), ("TGA", "")],
)
def test_formats_of_other_pictures_are_not_read(format_: str, said: str, tmp_path: Path) -> None:
    """Pillow knows many, for some of which it starts other programs; enhancing refuses them too."""
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png", format_)
    with pytest.raises(ImageReadError) as refused:
        decode_square(tmp_path / "a.png", 8)
    # A TGA begins as anything may.
    expected = f"{said}; expected JPEG, PNG, TIFF, " if said else "not an image"
    assert refused.value.reason.startswith(expected)
    assert ("Repair it" in str(refused.value)) == (not said)
    assert ("Convert it or take it out" in str(refused.value)) == bool(said)

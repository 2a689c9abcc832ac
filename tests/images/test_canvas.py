from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from zero_dce.images.canvas import ArrayCanvas, Canvas, PillowCanvas

CHANNELS = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}


def random_pixels(mode: str, dtype: str, size: tuple[int, int] = (37, 23)) -> np.ndarray:
    values = np.random.default_rng(3).uniform(0, 1, (*size[::-1], *CHANNELS[mode]))
    return values.astype(dtype) if dtype == "float32" else (values * np.iinfo(dtype).max).round().astype(dtype)


def make_canvas(kind: str, mode: str) -> tuple[Canvas, np.ndarray]:
    pixels = random_pixels(mode, "uint8" if kind == "pillow" else kind)
    return (PillowCanvas(Image.fromarray(pixels)) if kind == "pillow" else ArrayCanvas(pixels.copy())), pixels


def pixels_of(canvas: Canvas) -> np.ndarray:
    return np.asarray(canvas.image) if isinstance(canvas, PillowCanvas) else canvas.pixels  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", CHANNELS)
@pytest.mark.parametrize("kind", ["pillow", "uint8", "uint16", "float32"])
def test_boxes_put_together_are_the_picture(kind: str, mode: str) -> None:
    canvas, pixels = make_canvas(kind, mode)
    assert (canvas.width, canvas.height, canvas.dtype) == (37, 23, pixels.dtype)
    output = canvas.blank()
    assert type(output) is type(canvas)
    assert not output.read((0, 0, 37, 23)).any() or mode in ("RGBA", "LA"), "black"
    for box in ((0, 0, 20, 23), (20, 0, 37, 9), (20, 9, 37, 23)):
        tile = canvas.read(box)
        assert (tile.shape, tile.dtype) == ((box[3] - box[1], box[2] - box[0], 3), pixels.dtype)
        assert tile.flags.c_contiguous
        assert tile.flags.writeable
        output.write(box, tile)
        tile[...] = 0
    if kind == "float32":
        np.testing.assert_allclose(pixels_of(output), pixels, rtol=1e-6)
    else:
        assert np.array_equal(pixels_of(output), pixels)
    assert np.array_equal(pixels_of(canvas), pixels), "tiles are copies"


@pytest.mark.parametrize("kind", ["pillow", "uint8", "uint16", "float32"])
def test_grey_takes_the_luma_as_pillow_does(kind: str) -> None:
    canvas, _ = make_canvas(kind, "LA")
    alpha = pixels_of(canvas)[..., 1].copy()
    tile = random_pixels("RGB", str(canvas.dtype))
    canvas.write((0, 0, 37, 23), tile)
    most = 1 if kind == "float32" else np.iinfo(canvas.dtype).max
    expected = Image.fromarray((tile * (255 / most)).round().astype(np.uint8)).convert("L")
    written = pixels_of(canvas)[..., 0] * (255 / most)
    assert np.abs(written - np.asarray(expected)).max() <= (0 if kind in ("pillow", "uint8") else 1)
    assert np.array_equal(pixels_of(canvas)[..., 1], alpha)


@pytest.mark.parametrize("kind", ["pillow", "uint16"])
def test_alpha_is_not_touched(kind: str) -> None:
    canvas, pixels = make_canvas(kind, "RGBA")
    output = canvas.blank()
    output.write((5, 5, 9, 9), np.zeros((4, 4, 3), canvas.dtype))
    assert np.array_equal(pixels_of(output)[..., 3], pixels[..., 3])
    assert not pixels_of(output)[5:9, 5:9, :3].any()


def test_further_channels_are_kept_and_views_are_written_through() -> None:
    pixels = random_pixels("RGBA", "uint16")
    planes = np.ascontiguousarray(np.moveaxis(np.concatenate((pixels, pixels[..., :1]), 2), 2, 0))
    canvas = ArrayCanvas(np.moveaxis(planes, 0, 2))
    output = canvas.blank()
    output.write((0, 0, 37, 23), canvas.read((0, 0, 37, 23)))
    assert np.array_equal(output.pixels, canvas.pixels)
    canvas.write((0, 0, 1, 1), np.full((1, 1, 3), 7, np.uint16))
    assert planes[:3, 0, 0].tolist() == [7, 7, 7]


@pytest.mark.parametrize("box", [(0, 0, 38, 23), (-1, 0, 5, 5), (3, 3, 3, 5), (5, 5, 4, 9)])
def test_boxes_outside_are_refused(box: tuple[int, int, int, int]) -> None:
    for kind in ("pillow", "uint16"):
        with pytest.raises(ValueError, match=r"is not inside a picture of 37 x 23 pixels"):
            make_canvas(kind, "RGB")[0].read(box)


def test_what_does_not_fit_is_refused() -> None:
    canvas, _ = make_canvas("uint16", "RGB")
    for tile in (np.zeros((2, 3, 3), np.uint16), np.zeros((3, 2, 3), np.uint8), np.zeros((3, 2), np.uint16)):
        with pytest.raises(ValueError, match=r"takes \(3, 2, 3\) of type uint16; given were"):
            canvas.write((0, 0, 2, 3), tile)
    with pytest.raises(ValueError, match="this one is of mode CMYK"):
        PillowCanvas(Image.new("CMYK", (2, 2)))
    for pixels in (np.zeros((2, 2), np.int32), np.zeros(4, np.uint8), np.zeros((0, 2), np.uint8)):
        with pytest.raises(ValueError, match="uint8, uint16 or float32 are needed"):
            ArrayCanvas(pixels)

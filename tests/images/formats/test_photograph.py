from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.paths import ROOT
from tests.helpers.photographs import pixels, round_trip
from zero_dce.images.canvas import PillowCanvas
from zero_dce.images.formats import save_photograph
from zero_dce.images.formats.photograph import encode_with_pillow


@pytest.mark.parametrize(("suffix", "most"), [("jpg", 65500), ("webp", 16383)])
def test_what_is_too_long_for_a_format(suffix: str, most: int, tmp_path: Path) -> None:
    Image.fromarray(pixels((1, most, 3))).save(tmp_path / f"a.{suffix}")
    picture, _ = round_trip(tmp_path / f"a.{suffix}")
    canvas = PillowCanvas(Image.new("RGB", (1, most + 1)))
    with pytest.raises(ValueError, match=f"file holds at most {most} pixels a side; this picture has 1 x {most + 1}"):
        save_photograph(picture, canvas, tmp_path / f"b.{suffix}")
    assert not list(tmp_path.glob("b*"))


# What enhancing does to memory: an input and an output; sizes in bytes a pixel.
PEAK = """
import resource, sys
from pathlib import Path
from zero_dce.images.formats import read_photograph, save_photograph

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

file = Path(sys.argv[1])
before = peak()
picture = read_photograph(file)
output = picture.canvas.blank()
for top in range(0, picture.height, 256):
    box = (0, top, picture.width, min(top + 256, picture.height))
    output.write(box, picture.canvas.read(box))
save_photograph(picture, output, file.with_name("new-" + file.name))
print((peak() - before) / picture.width / picture.height)
"""


def bytes_a_pixel(file: Path) -> float:
    command = [sys.executable, "-c", PEAK, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return float(done.stdout)


def test_a_jpeg_takes_one_input_and_one_output(tmp_path: Path) -> None:
    """Pillow's four bytes a pixel twice, and not a third time."""
    Image.radial_gradient("L").resize((4000, 3000)).convert("RGB").save(tmp_path / "a.jpg")
    assert bytes_a_pixel(tmp_path / "a.jpg") < 9.5


def test_what_pillow_encodes_may_still_be_changed() -> None:
    values = pixels((20, 30, 3))
    encoded = encode_with_pillow(Image.fromarray(values), "BMP")
    assert encoded[:2] == b"BM"
    encoded[-96:] = bytes(96)
    assert encoded.nbytes == 54 + 20 * 92
    assert not np.frombuffer(encoded[-96:], np.uint8).any()

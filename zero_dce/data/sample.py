"""The embedded sample: exposure sequences rendered from freely licensed photographs, in SICE's layout.

They replace SICE where it is not available: results on them are not SICE results. The photographs and their licences
are listed in ``photographs/attribution.csv``. ``python -m zero_dce.data.sample`` prints where they lie.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from zero_dce.data.index import PAIRS_FILE, SICE_FOLDER
from zero_dce.data.split import Split
from zero_dce.files import CACHE_VARIABLE, atomic_folder, cache_folder, ensure_folder, one_at_a_time
from zero_dce.images.decode import Pixels
from zero_dce.images.sheets import save_picture
from zero_dce.terminal import errors_as_messages, tell

if TYPE_CHECKING:
    from zero_dce.images.light import Linear

PHOTOGRAPHS = Path(__file__).parent / "photographs"
ATTRIBUTION = PHOTOGRAPHS / "attribution.csv"
MANIFEST_FILE = "split.json"

# The frames of a sequence, darkest first; 0 EV is the unchanged photograph and serves as the reference.
EXPOSURES_EV = (-5, -4, -3, -2, -1, 0, 1, 2)
# Frames this dark or darker have a reference, as they are the ones to be enhanced.
DARK_EV = -2
# The pixel of a small sensor: electrons at clipping, and the standard deviation of the read noise in electrons.
FULL_WELL = 8000.0
READ_NOISE = 4.0
# Crops are about this large; a photograph of 1024 x 683 pixels is cut into 2 x 2.
CROP_WIDTH, CROP_HEIGHT = 480, 320
JPEG_QUALITY = 95
# This is part of the cache's name: raise it when the rendering changes.
RENDERING = 1


def photograph(light: Linear, ev: float, generator: np.random.Generator) -> Pixels:
    """Photograph a scene: exposure, shot and read noise, clipping, sRGB, 8 bits.

    Args:
        light: linear scene light of any shape, which the result has too; 1 clips at 0 EV.
        ev: exposure value relative to the photograph; each unit doubles the light.
        generator: source of the noise.
    """
    from zero_dce.images.light import linear_to_srgb

    electrons = generator.poisson(light * FULL_WELL * 2.0**ev) + generator.normal(0.0, READ_NOISE, light.shape)
    return linear_to_srgb(electrons / FULL_WELL)


def render_sample(root: Path) -> None:
    """Render all sequences below ``root``, with ``pairs.csv`` and the split manifest beside them.

    The result depends only on the versions of NumPy and Pillow. A photograph's crops are on one side of the split.
    """
    sides: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    pairs = []
    for scene, (side, crop) in enumerate(_crops(), start=1):
        frames = _render_scene(root, scene, crop)
        sides[side] += frames
        reference = frames[EXPOSURES_EV.index(0)]
        for frame, ev in zip(frames, EXPOSURES_EV, strict=True):
            if ev <= DARK_EV:
                pairs.append((frame, reference, scene))
    Split(**sides).write(root / MANIFEST_FILE)
    with (root / PAIRS_FILE).open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("low", "reference", "scene"), *pairs])


def ensure_sample() -> Path:
    """Return the folder of the rendered sample, rendering it into the user's cache on first use.

    The folder gets its name only when it is complete, so a half-rendered sample is never used. Of several processes,
    one renders and the others wait for it; what a killed one left is cleared away.

    Raises:
        OSError: if the cache cannot be written; the message names it and the variable that moves it.
    """
    cache = cache_folder()
    root = cache / f"sample-{_sample_version()}"
    if root.is_dir():
        return root
    try:
        ensure_folder(cache)
        with one_at_a_time(root):
            # Another process may have rendered it while this one waited.
            if not root.is_dir():
                with atomic_folder(root) as unfinished:
                    render_sample(unfinished)
    except OSError as error:
        raise OSError(
            f"the cache {cache} cannot be written ({error}): set {CACHE_VARIABLE} to a folder that can"
        ) from error
    return root


def photographs() -> list[dict[str, str]]:
    """Return the rows of the attribution file: ``file``, ``author``, ``licence``, ``side`` and more."""
    with ATTRIBUTION.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _render_scene(root: Path, scene: int, crop: Pixels) -> list[str]:
    # Imported here because most runs find the sample rendered.
    from zero_dce.images.light import srgb_to_linear

    folder = root / SICE_FOLDER / str(scene)
    folder.mkdir(parents=True)
    light = srgb_to_linear(crop)
    paths = []
    for number, ev in enumerate(EXPOSURES_EV, start=1):
        frame = photograph(light, ev, np.random.default_rng((scene, number)))
        file = folder / f"{number}.JPG"
        save_picture(Image.fromarray(frame), file, quality=JPEG_QUALITY, subsampling=0)
        paths.append(file.relative_to(root).as_posix())
    return paths


def _crops() -> Iterator[tuple[str, Pixels]]:
    """Yield (side, pixels) of disjoint crops, photograph by photograph."""
    for row in photographs():
        with Image.open(PHOTOGRAPHS / row["file"]) as file:
            pixels = np.asarray(file.convert("RGB"))
        height, width = pixels.shape[:2]
        for band in np.array_split(pixels, max(1, height // CROP_HEIGHT), axis=0):
            for crop in np.array_split(band, max(1, width // CROP_WIDTH), axis=1):
                yield row["side"], crop


def _sample_version() -> str:
    digest = hashlib.sha256(f"{RENDERING} {EXPOSURES_EV} {DARK_EV} {FULL_WELL} {READ_NOISE}".encode())
    digest.update(ATTRIBUTION.read_bytes())
    for row in photographs():
        digest.update((PHOTOGRAPHS / row["file"]).read_bytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    with errors_as_messages():
        tell(ensure_sample())

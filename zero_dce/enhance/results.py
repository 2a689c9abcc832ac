"""The files that are written for a picture: the enhanced one, a comparison, the curve maps."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.reduce import reduce_canvas
from zero_dce.files import LOCK, UNFINISHED, atomic, ensure_folder, sole_writer
from zero_dce.images.canvas import PillowCanvas
from zero_dce.images.formats import Photograph, save_photograph
from zero_dce.images.formats.photograph import encode_with_pillow
from zero_dce.images.sheets import side_by_side
from zero_dce.images.view import SrgbView

# The halves of a comparison are at most this long, in pixels, so that they fit a screen.
COMPARED = 2048


@dataclass(frozen=True)
class Extras:
    """The files that are written beside the enhanced picture, and their quality.

    Attributes:
        compare: also ``NAME_compare``, input and output side by side, each at most 2,048 pixels long.
        maps: also ``NAME_curves.png``, the mean of the curve maps.
        quality: of JPEG and lossy WebP, 1 to 100.
        overwrite: whether a picture that exists is replaced.
    """

    compare: bool = False
    maps: bool = False
    quality: int = 95
    overwrite: bool = True

    def files(self, output: Path) -> list[Path]:
        """Return all files that are written for an output."""
        files = [output]
        if self.compare:
            files.append(output.with_stem(f"{output.stem}_compare"))
        if self.maps:
            files.append(output.with_name(f"{output.stem}_curves.png"))
        return files


def blank_map(picture: Photograph) -> PillowCanvas:
    """Return an empty picture for the mean of a picture's curve maps, upright."""
    view = picture.view()
    return PillowCanvas(Image.new("RGB", (view.width, view.height)))


def stays_as_it_is(enhancer: Enhancer, file: Path, output: Path) -> bool:
    """Return whether a photograph's own file is the result, with its thumbnail, its gain map and whatever it holds.

    A file that is developed or converted has another suffix.
    """
    return enhancer.changes_nothing and output.suffix == file.suffix


def save_results(
    picture: Photograph,
    enhanced: SrgbView,
    maps: PillowCanvas | None,
    output: Path,
    extras: Extras,
    unchanged: bool = False,
) -> None:
    """Write all files of a picture; each is written whole or not at all.

    Args:
        picture: the picture.
        enhanced: the result, of the picture's kind.
        maps: the mean of the curve maps; ``None`` where it is not wanted.
        output: the file of the result.
        extras: which other files are written.
        unchanged: whether the picture's own file is the result, with all that it holds.

    Raises:
        OSError: if a file cannot be written, or was written by another process in the meantime.
        ValueError: if the format cannot hold a picture of this size, or another process is writing it.
    """
    ensure_folder(output.parent)
    with sole_writer(output):
        check_absent(output, extras.overwrite)
        _save_files(picture, enhanced, maps, output, extras, unchanged)


def clear_unfinished(output: Path, extras: Extras) -> None:
    """Remove what a killed command left of a picture that is not written now, unless another command is writing it."""
    left = [file.with_name(file.name + UNFINISHED) for file in extras.files(output)]
    if not any(file.exists() for file in (*left, output.with_name(output.name + UNFINISHED + LOCK))):
        return
    with suppress(OSError, ValueError), sole_writer(output):
        for file in left:
            file.unlink(missing_ok=True)


def check_absent(output: Path, overwrite: bool) -> None:
    """Raise FileExistsError if a result is there that was not when the command began.

    Raises:
        FileExistsError: if it exists and is not to be overwritten.
    """
    if not overwrite and output.exists():
        raise FileExistsError(f"{output} was written by another process in the meantime: it is left as it is")


def _save_files(
    picture: Photograph,
    enhanced: SrgbView,
    maps: PillowCanvas | None,
    output: Path,
    extras: Extras,
    unchanged: bool,
) -> None:
    # The enhanced picture is written last: where it exists, all its files do.
    if extras.compare:
        both = comparison(picture, enhanced)
        save_photograph(picture.upright(), both.stored, extras.files(output)[1], extras.quality)
    if maps is not None:
        with atomic(extras.files(output)[-1]) as unfinished:
            unfinished.write_bytes(encode_with_pillow(maps.image, "PNG"))
    if unchanged:
        with atomic(output) as unfinished:
            shutil.copyfile(picture.path, unfinished)
    else:
        save_photograph(picture, enhanced.stored, output, extras.quality)


def comparison(picture: Photograph, enhanced: SrgbView) -> SrgbView:
    """Return a picture and its result side by side, upright and reduced to a screen's size."""
    before, after = reduce_canvas(picture.view(), COMPARED), reduce_canvas(enhanced, COMPARED)
    box = (0, 0, before.width, before.height)
    pixels = side_by_side(before.read(box), after.read(box))
    both = before.blank((pixels.shape[1], before.height))
    both.write((0, 0, both.width, both.height), pixels)
    return both

"""What the page answers to its controls: a preview, a line of text, a file to download."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

from PIL import Image

from zero_dce.app.darkroom import Darkroom, Settings
from zero_dce.files import atomic, durable_later, write_file
from zero_dce.images.formats.files import result_suffix
from zero_dce.images.formats.photograph import encode_with_pillow
from zero_dce.terminal import explain

# What a photograph or weights may be wrong with; anything else is a fault of the program.
EXPECTED_ERRORS = (OSError, ValueError, MemoryError, ModuleNotFoundError)
# Of the previews: no blocks to be seen, and a tenth of PNG's size and time.
PREVIEW_QUALITY = 92
# Files that were answered are there for so long, in seconds; the page fetches them at once.
KEPT_SECONDS = 3600


class Answers:
    """Answers the page; nothing is kept of a visitor between two questions.

    Args:
        darkroom: enhances.
        weights: the files by their names on the page.
        folder: for the files that are answered; it exists.
    """

    def __init__(self, darkroom: Darkroom, weights: Mapping[str, Path], folder: Path) -> None:
        self._darkroom, self._weights, self._folder = darkroom, weights, folder

    def settings(
        self, weights: str, mode: str, exposure: str, mean: float, denoise: float, strength: float
    ) -> Settings:
        """Return what the controls say.

        Args:
            weights: a name on the page.
            mode: ``fast`` or ``exact``.
            exposure: ``auto``, ``off``, or any other word for the mean.
            mean: the mean to reach.
            denoise: noise in 255ths.
            strength: in [0, 1].
        """
        # A control's steps add up to 0.30000000000000004.
        reached = exposure if exposure in ("auto", "off") else round(mean, 3)
        return Settings(self._weights[weights], mode, reached, round(denoise, 3), round(strength, 3))

    def show(self, file: Path, settings: Settings) -> tuple[tuple[str, str] | None, str]:
        """Return the pictures before and after, and a line about them in HTML; no pictures where something is wrong."""
        try:
            preview = self._darkroom.preview(file, settings)
            pair = self._write_pictures(preview.before, preview.after)
        except EXPECTED_ERRORS as error:
            return None, failure(self._describe(error, file))
        width, height = preview.size
        facts = [
            f"{width:,} × {height:,} pixels ({width * height / 1e6:.1f} megapixels)",
            f"{preview.seconds:.1f} s, {preview.how}",
            *preview.notices,
        ]
        return pair, f'<p role="status">{" · ".join(map(escape, facts))}</p>'

    def write_one(self, file: Path, settings: Settings) -> tuple[str | None, str]:
        """Write one result in full size; return the file, and what is wrong in HTML."""
        try:
            output = self._new_folder() / enhanced_name(file)
            with durable_later():
                self._darkroom.write(file, settings, output)
        except EXPECTED_ERRORS as error:
            return None, failure(self._describe(error, file))
        return str(output), ""

    def write_all(
        self, files: Sequence[Path], settings: Settings, progress: Callable[[int], object]
    ) -> tuple[str | None, str]:
        """Write all results in full size into a ZIP file; those that fail are told, and do not stop the others.

        Args:
            files: the photographs.
            settings: the same for all.
            progress: is called with the number of the photograph that is begun, from 0.
        """
        wrong: list[str] = []
        try:
            archive = self._new_folder() / "enhanced.zip"
            # Photographs are compressed already.
            with (
                durable_later(),
                atomic(archive) as unfinished,
                zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as target,
            ):
                for number, (file, name) in enumerate(zip(files, unique_names(files), strict=True)):
                    progress(number)
                    # It is in use, however long the photographs take.
                    os.utime(archive.parent)
                    result, problem = self.write_one(file, settings)
                    wrong.append(problem)
                    if result is not None:
                        target.write(result, name)
                        shutil.rmtree(Path(result).parent)
        except OSError as error:
            return None, failure(explain(error))
        return str(archive) if "" in wrong else None, "".join(wrong)

    def _describe(self, error: BaseException, file: Path) -> str:
        """Say what is wrong in one line, with the names that the page has for files."""
        text = explain(error).replace(str(file), file.name).replace("\n", " ")
        for name, weights in self._weights.items():
            text = text.replace(str(weights), name)
        return text

    def _write_pictures(self, *pictures: Image.Image) -> tuple[str, str]:
        folder = self._new_folder()
        before, after = folder / "before.jpg", folder / "after.jpg"
        with durable_later():
            for picture, place in zip(pictures, (before, after), strict=True):
                write_file(place, encode_with_pillow(picture, "JPEG", quality=PREVIEW_QUALITY, subsampling=0))
        return str(before), str(after)

    def _new_folder(self) -> Path:
        for folder in self._folder.iterdir():
            if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
        return Path(tempfile.mkdtemp(dir=self._folder))


def failure(text: str) -> str:
    """Return a line in HTML about something that is wrong."""
    return f'<p role="alert">{escape(text)}</p>'


def enhanced_name(file: Path) -> str:
    """Return the name of a photograph's result: another one than the photograph's, beside which it may be saved."""
    return f"{file.stem}_enhanced{result_suffix(file.suffix)}"


def unique_names(files: Sequence[Path]) -> list[str]:
    """Return the names of the results, with a number where one has been there before, in whatever case.

    >>> unique_names([Path("a.jpg"), Path("b/A.jpg"), Path("c/a.jpg")])
    ['a_enhanced.jpg', 'A_enhanced_2.jpg', 'a_enhanced_3.jpg']
    """
    names: list[str] = []
    taken: set[str] = set()
    for file in files:
        path = Path(enhanced_name(file))
        numbered = (f"{path.stem}_{number}{path.suffix}" for number in itertools.count(2))
        name = next(name for name in itertools.chain([path.name], numbered) if name.lower() not in taken)
        taken.add(name.lower())
        names.append(name)
    return names

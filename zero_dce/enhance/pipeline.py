"""Enhancing many pictures: while one is enhanced, the next ones are decoded and the previous ones encoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.inputs import FilePair
from zero_dce.enhance.pixel_budget import PixelBudget
from zero_dce.enhance.results import Extras, blank_map, save_results
from zero_dce.images.canvas import PillowCanvas
from zero_dce.images.formats import Photograph, read_photograph
from zero_dce.images.view import SrgbView

ShowProgress = Callable[[float], object]


@dataclass(frozen=True)
class FileOutcome:
    """What became of a file.

    Attributes:
        pair: the file.
        pixels: how many were enhanced; 0 where it failed.
        error: why it failed.
        notices: facts about the file that are printed.
    """

    pair: FilePair
    pixels: int = 0
    error: str | None = None
    notices: tuple[str, ...] = ()


class Pipeline:
    """Enhances pictures in order; one that cannot be read or written does not stop the others.

    Args:
        pairs: the files and their results; missing folders are made.
        extras: the files that are written beside the results.
        max_megapixels: larger pictures are refused before they are decoded.
        progress: is called with the number of finished files, plus the finished share of the current one.

    Attributes:
        outcomes: of the files that are finished, also after an interrupt.
    """

    def __init__(
        self, pairs: Sequence[FilePair], extras: Extras, max_megapixels: float, progress: ShowProgress
    ) -> None:
        self.outcomes: list[FileOutcome] = []
        self._pairs, self._extras, self._max_megapixels, self._progress = pairs, extras, max_megapixels, progress
        self._budget = PixelBudget()

    def run(self, make_enhancer: Callable[[], Enhancer]) -> None:
        """Enhance all files; after an interrupt or an error, pictures that are already enhanced are still written.

        Args:
            make_enhancer: is called while the first file is decoded, as its imports take longer than that.
        """
        reader, writer = ThreadPoolExecutor(1, "read"), ThreadPoolExecutor(1, "write")
        try:
            readings = deque(reader.submit(self._read, pair) for pair in self._pairs)
            enhancer = make_enhancer()
            for number, pair in enumerate(self._pairs):
                # This loop keeps no reference to a picture, so that its memory is free once it is written.
                self._enhance(pair, number, readings.popleft(), enhancer, writer)
                self._progress(number + 1)
        finally:
            self._budget.stop()
            reader.shutdown(cancel_futures=True)
            writer.shutdown()

    def _read(self, pair: FilePair) -> Photograph:
        if pair.problem:
            raise OSError(pair.problem)
        taken = 0

        def take(width: int, height: int) -> None:
            nonlocal taken
            # A TIFF file's reader also asks for the sizes of its parts, after the picture's own.
            if not taken:
                self._budget.take(width * height)
                taken = width * height

        try:
            return read_photograph(pair.input, self._max_megapixels, take).writable()
        except BaseException:
            self._budget.give_back(taken)
            raise

    def _enhance(
        self, pair: FilePair, number: int, reading: Future[Photograph], enhancer: Enhancer, writer: ThreadPoolExecutor
    ) -> None:
        try:
            picture = reading.result()
        except Exception as error:
            self._fail(pair, error)
            return
        pixels = picture.width * picture.height
        done = 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            self._progress(number + done / pixels)

        try:
            maps = blank_map(picture) if self._extras.maps else None
            enhanced = enhancer.enhance(picture.view(), maps, count)
        except BaseException as error:
            self._budget.give_back(pixels)
            if not isinstance(error, Exception):
                raise
            self._fail(pair, error)
            return
        # A file that is developed or converted has another suffix; any other that nothing changes is the result itself,
        # with its thumbnail, its gain map and whatever else would no longer be true.
        unchanged = enhancer.changes_nothing and pair.output.suffix == pair.input.suffix
        writer.submit(self._save, pair, picture, enhanced, maps, unchanged)

    def _save(
        self, pair: FilePair, picture: Photograph, enhanced: SrgbView, maps: PillowCanvas | None, unchanged: bool
    ) -> None:
        pixels = picture.width * picture.height
        try:
            save_results(picture, enhanced, maps, pair.output, self._extras, unchanged)
            notices = () if unchanged else tuple(picture.notices)
            self.outcomes.append(FileOutcome(pair, pixels, notices=notices))
        except Exception as error:
            self._fail(pair, error)
        finally:
            self._budget.give_back(pixels)

    def _fail(self, pair: FilePair, error: Exception) -> None:
        # The message of a library's own error says too little without its type.
        known = isinstance(error, (OSError, ValueError))
        text = str(error) if known else f"{type(error).__name__}: {error}"
        if str(pair.input) not in text:
            text = f"{pair.input}: {text}"
        self.outcomes.append(FileOutcome(pair, error=text))

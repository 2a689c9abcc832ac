"""Many files: the next ones are decoded and the last ones encoded while one is enhanced."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from zero_dce.enhance.canvas import Canvas, PillowCanvas
from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.formats import Photograph, read_photograph
from zero_dce.enhance.inputs import Job
from zero_dce.enhance.pixel_budget import Room
from zero_dce.enhance.results import Extras, blank_map, save_results

Progress = Callable[[float], object]


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes:
        job: the file.
        pixels: how many were enhanced; 0 where it failed.
        error: why it failed.
        notices: what a person should know about the file.
    """

    job: Job
    pixels: int = 0
    error: str | None = None
    notices: tuple[str, ...] = ()


class Pipeline:
    """Enhances files in order; one that cannot be read or written does not stop the others.

    Args:
        jobs: the files, and where their results go; folders are made.
        extras: what is written beside the results, and how.
        max_megapixels: larger pictures are refused before they are decoded.
        progress: is called with the number of files done, the one in work in part.

    Attributes:
        outcomes: of the files that are finished, also after an interrupt.
    """

    def __init__(self, jobs: Sequence[Job], extras: Extras, max_megapixels: float, progress: Progress) -> None:
        self.outcomes: list[Outcome] = []
        self._jobs, self._extras, self._max_megapixels, self._progress = jobs, extras, max_megapixels, progress
        self._room = Room()

    def run(self, make_enhancer: Callable[[], Enhancer]) -> None:
        """Enhance all files.

        What is enhanced already is still written when an interrupt or an error ends this.

        Args:
            make_enhancer: is called while the first file is decoded: its imports take longer than that.
        """
        reader, writer = ThreadPoolExecutor(1, "read"), ThreadPoolExecutor(1, "write")
        try:
            readings = deque(reader.submit(self._read, job) for job in self._jobs)
            enhancer = make_enhancer()
            for number, job in enumerate(self._jobs):
                # Nothing here holds on to a picture: it is free when it is written.
                self._enhance(job, number, readings.popleft(), enhancer, writer)
                self._progress(number + 1)
        finally:
            self._room.stop()
            reader.shutdown(cancel_futures=True)
            writer.shutdown()

    def _read(self, job: Job) -> Photograph:
        if job.problem:
            raise OSError(job.problem)
        taken = 0

        def take(width: int, height: int) -> None:
            nonlocal taken
            # A TIFF file names the sizes of its parts too, after its own.
            if not taken:
                self._room.take(width * height)
                taken = width * height

        try:
            return read_photograph(job.input, self._max_megapixels, take)
        except BaseException:
            self._room.give_back(taken)
            raise

    def _enhance(
        self, job: Job, number: int, reading: Future[Photograph], enhancer: Enhancer, writer: ThreadPoolExecutor
    ) -> None:
        try:
            picture = reading.result()
        except Exception as error:
            self._fail(job, error)
            return
        pixels = picture.width * picture.height
        done = 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            self._progress(number + done / pixels)

        try:
            maps = blank_map(picture) if self._extras.maps else None
            enhanced = enhancer.enhance(picture.canvas, maps, count)
        except BaseException as error:
            self._room.give_back(pixels)
            if not isinstance(error, Exception):
                raise
            self._fail(job, error)
            return
        writer.submit(self._save, job, picture, enhanced, maps)

    def _save(self, job: Job, picture: Photograph, enhanced: Canvas, maps: PillowCanvas | None) -> None:
        pixels = picture.width * picture.height
        try:
            save_results(picture, enhanced, maps, job.output, self._extras)
            self.outcomes.append(Outcome(job, pixels, notices=tuple(picture.notices)))
        except Exception as error:
            self._fail(job, error)
        finally:
            self._room.give_back(pixels)

    def _fail(self, job: Job, error: Exception) -> None:
        # Of a library's own error the message alone would say too little.
        known = isinstance(error, (OSError, ValueError))
        text = str(error) if known else f"{type(error).__name__}: {error}"
        self.outcomes.append(Outcome(job, error=text if str(job.input) in text else f"{job.input}: {text}"))

"""Several clips, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec

from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.inputs import Job
from zero_dce.enhance.pipeline import Outcome, Progress


class Reel:
    """Enhances clips in order, as :class:`zero_dce.enhance.pipeline.Pipeline` does pictures.

    Args:
        jobs: the clips, and where the new ones go.
        smoothing: see :func:`zero_dce.enhance.video.convert.enhance_clip`; ``None`` is its default.
        max_megapixels: larger frames are refused.
        progress: is called with the number of clips done, the one in work in part.

    Attributes:
        outcomes: of the clips that are finished, also after an interrupt.

    Raises:
        ModuleNotFoundError: if there are clips and PyAV is not installed.
    """

    def __init__(self, jobs: Sequence[Job], smoothing: float | None, max_megapixels: float, progress: Progress) -> None:
        if jobs and find_spec("av") is None:
            raise ModuleNotFoundError(f"{jobs[0].input} is a video clip: it needs PyAV, pip install 'zero_dce[video]'")
        self.outcomes: list[Outcome] = []
        self._jobs, self._max_megapixels, self._progress = jobs, max_megapixels, progress
        self._options = {} if smoothing is None else {"smoothing": smoothing}

    def run(self, make_enhancer: Callable[[], Enhancer]) -> None:
        """Enhance all clips; one that cannot be read or written does not stop the others."""
        enhancer = make_enhancer()
        for number, job in enumerate(self._jobs):
            self.outcomes.append(self._enhance(job, number, enhancer))
            self._progress(number + 1)

    def _enhance(self, job: Job, number: int, enhancer: Enhancer) -> Outcome:
        # Pictures do without PyAV.
        from zero_dce.enhance.video.convert import enhance_clip

        def show(done: float) -> None:
            self._progress(number + done)

        try:
            account = enhance_clip(
                job.input, job.output, enhancer, max_megapixels=self._max_megapixels, progress=show, **self._options
            )
        except Exception as error:
            # Of FFmpeg's own errors, and of a full disk's, the message alone would say too little.
            known = isinstance(error, (OSError, ValueError)) and str(job.input) in str(error)
            return Outcome(job, error=str(error) if known else f"{job.input}: {type(error).__name__}: {error}")
        pixels = account.frames * account.width * account.height
        return Outcome(job, pixels, notices=(*account.notices, str(account)))

"""Enhancing several clips, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.inputs import FilePair
from zero_dce.enhance.pipeline import FileOutcome, ShowProgress
from zero_dce.enhance.results import check_absent
from zero_dce.enhance.video import has_pyav
from zero_dce.files import ensure_folder, sole_writer
from zero_dce.terminal import explain, pip_install


class Reel:
    """Enhances clips in order, as :class:`zero_dce.enhance.pipeline.Pipeline` does pictures.

    Args:
        pairs: the clips and their results.
        smoothing: see :func:`zero_dce.enhance.video.convert.enhance_clip`; ``None`` is its default.
        max_megapixels: larger frames are refused.
        overwrite: whether a clip that exists is replaced.
        progress: is called with the number of finished clips, plus the finished share of the current one.

    Attributes:
        outcomes: of the clips that are finished, also after an interrupt.

    Raises:
        ModuleNotFoundError: if there are clips and PyAV is not installed.
    """

    def __init__(
        self,
        pairs: Sequence[FilePair],
        smoothing: float | None,
        max_megapixels: float,
        overwrite: bool,
        progress: ShowProgress,
    ) -> None:
        if pairs and not has_pyav():
            raise ModuleNotFoundError(f"{pairs[0].input} is a video clip: it needs PyAV, {pip_install('video')}")
        self.outcomes: list[FileOutcome] = []
        self._pairs, self._max_megapixels, self._progress = pairs, max_megapixels, progress
        self._overwrite = overwrite
        self._options = {} if smoothing is None else {"smoothing": smoothing}

    def run(self, make_enhancer: Callable[[], Enhancer]) -> None:
        """Enhance all clips; one that cannot be read or written does not stop the others."""
        enhancer = make_enhancer()
        for number, pair in enumerate(self._pairs):
            self.outcomes.append(self._enhance(pair, number, enhancer))
            self._progress(number + 1)

    def _enhance(self, pair: FilePair, number: int, enhancer: Enhancer) -> FileOutcome:
        # Only clips need PyAV.
        from zero_dce.enhance.video.convert import enhance_clip

        def show(done: float) -> None:
            self._progress(number + done)

        try:
            ensure_folder(pair.output.parent)
            with sole_writer(pair.output):
                check_absent(pair.output, self._overwrite)
                summary = enhance_clip(
                    pair.input,
                    pair.output,
                    enhancer,
                    max_megapixels=self._max_megapixels,
                    progress=show,
                    **self._options,
                )
        except Exception as error:
            text = explain(error)
            # A result may have the same name as its clip.
            if str(pair.input) not in text.replace(str(pair.output), ""):
                text = f"{pair.input}: {text}"
            return FileOutcome(pair, error=text)
        pixels = summary.frames * summary.width * summary.height
        return FileOutcome(pair, pixels, notices=(*summary.notices, str(summary)))

"""A clip from file to file: frames are decoded ahead and encoded behind while one is enhanced."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from zero_dce.enhance.canvas import ArrayCanvas
from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.fast.blocks import read_blocks
from zero_dce.enhance.fast.mode import LEAST_SIDE
from zero_dce.enhance.pixels import Array
from zero_dce.enhance.video import UNSUITED
from zero_dce.enhance.video.clip import Frame, Item, open_clip
from zero_dce.enhance.video.flicker import Flicker
from zero_dce.enhance.video.steady import Curves, SteadyCurves, cells_of, is_cut
from zero_dce.enhance.video.writer import open_writer
from zero_dce.files import atomic

# Items that wait on either side: frames, and packets of sound in between.
AHEAD = 6
# Flicker is measured on so many parts of a frame.
MEASURED = 4
SMOOTHING = 0.9


@dataclass
class Account:
    """What was done with a clip, and how it went.

    Attributes:
        width: of a frame in pixels.
        height: of a frame in pixels.
        frames: how many.
        seconds: how long it took.
        before: flicker of the clip, measured on some squares of its frames.
        unsmoothed: flicker of the enhanced squares with curves from each frame alone; only in fast mode.
        after: flicker of the enhanced squares as they were written.
        notices: what a person should know about the clip.
    """

    width: int = 0
    height: int = 0
    frames: int = 0
    seconds: float = 0.0
    before: Flicker = field(default_factory=Flicker)
    unsmoothed: Flicker = field(default_factory=Flicker)
    after: Flicker = field(default_factory=Flicker)
    notices: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        rate = self.frames / max(self.seconds, 1e-9)
        text = (
            f"{self.frames} frames of {self.width} x {self.height} in {self.seconds:.1f} s: {rate:.1f} frames a second"
        )
        if math.isnan(self.after.percent):
            return text
        unsmoothed = self.unsmoothed.percent
        between = "" if math.isnan(unsmoothed) else f", {unsmoothed:.3f} % enhanced without smoothing"
        return f"{text}; flicker {self.before.percent:.3f} % before{between}, {self.after.percent:.3f} % after"


def enhance_clip(
    source: Path,
    target: Path,
    enhancer: Enhancer,
    smoothing: float = SMOOTHING,
    max_megapixels: float = math.inf,
    progress: Callable[[float], object] = float,
) -> Account:
    """Enhance a clip; the new file is whole or not there.

    Frames keep their times, streams of sound and subtitles are copied packet by packet.

    Args:
        source: the clip.
        target: the new file, of a name as in :data:`zero_dce.enhance.video.CONTAINERS`.
        enhancer: of exact mode, every frame for itself, or of fast mode, see :class:`SteadyCurves`.
        smoothing: of fast mode, 0 to 1, see :class:`SteadyCurves`. Frames too small for it are enhanced exactly.
        max_megapixels: larger frames are refused.
        progress: is called with the share that is done, 0 to 1.

    Raises:
        OSError: if a file cannot be read or written.
        ValueError: if the clip cannot be enhanced or is damaged; the message says why.
    """
    if source.suffix.lower() in UNSUITED:
        raise ValueError(
            f"{source}: {source.suffix} files hold no times of frames, and none are written: copy it first, "
            f"ffmpeg -i {source} -c copy {source.with_suffix('.mkv')}"
        )
    account = Account()
    target.parent.mkdir(parents=True, exist_ok=True)
    with open_clip(source) as clip:
        account.width, account.height = clip.size
        account.notices = clip.notices
        if account.width * account.height > max_megapixels * 1e6:
            raise ValueError(f"{source} has frames of more than {max_megapixels:g} megapixels (--max-megapixels)")
        shots: _Exact | _Steady = _Exact(enhancer, account)
        if enhancer.mode == "fast" and min(clip.size) >= LEAST_SIDE:
            shots = _Steady(enhancer, smoothing, account)

        def enhance(item: Item) -> Item:
            if not isinstance(item, Frame):
                return item
            account.frames += 1
            progress(min(1.0, float(item.pts * item.time_base) / clip.seconds) if clip.seconds else 0.0)
            return replace(item, pixels=shots.enhance(item.pixels))

        begin = time.perf_counter()
        with atomic(target) as unfinished, open_writer(unfinished, target, clip) as writer:
            # Closed before the clip is, also after an interrupt: a thread reads it.
            with closing(_ahead(clip.items())) as items:
                _behind(writer.write, map(enhance, items))
            writer.finish()
        account.seconds = time.perf_counter() - begin
    return account


class _Exact:
    """Enhances every frame for itself by the network."""

    def __init__(self, enhancer: Enhancer, account: Account) -> None:
        self._enhancer, self._account = enhancer, account
        self._cells: Array | None = None

    def enhance(self, pixels: Array) -> Array:
        enhanced = self._enhancer.enhance(ArrayCanvas(pixels)).pixels
        before, self._cells = self._cells, cells_of(pixels)
        new_shot = is_cut(before, self._cells)
        self._account.before.add(pixels, new_shot)
        self._account.after.add(enhanced, new_shot)
        return enhanced


class _Steady:
    """Enhances frames with steady curves, and measures on some squares of them what that is good for."""

    def __init__(self, enhancer: Enhancer, smoothing: float, account: Account) -> None:
        self._fast, self._account = enhancer.fast_for(8), account
        self._curves = SteadyCurves(self._fast, smoothing)

    def enhance(self, pixels: Array) -> Array:
        canvas = ArrayCanvas(pixels)
        curves, output = self._curves.estimate(canvas), canvas.blank()
        self._fast.apply(canvas, curves.field, output, None, int)
        self._measure(canvas, output, curves)
        return output.pixels

    def _measure(self, canvas: ArrayCanvas, output: ArrayCanvas, curves: Curves) -> None:
        grid = curves.field.grid
        parts = self._fast.parts(grid)
        step = math.ceil(len(parts) / MEASURED)
        chosen = parts[step // 2 :: step]
        for meter, squares in (
            (self._account.before, [read_blocks(canvas, grid, *part) for part in chosen]),
            (self._account.after, [read_blocks(output, grid, *part) for part in chosen]),
            (
                self._account.unsmoothed,
                [self._fast.enhance_part(canvas, curves.unsmoothed, part)[0] for part in chosen],
            ),
        ):
            meter.add(np.concatenate(squares), curves.new_shot)


def _ahead(items: Iterable[Item]) -> Generator[Item]:
    """Yield items while a thread makes the next ones."""
    reader, iterator = ThreadPoolExecutor(1, "decode"), iter(items)
    try:
        waiting = deque(reader.submit(next, iterator, None) for _ in range(AHEAD))
        while (item := waiting.popleft().result()) is not None:
            waiting.append(reader.submit(next, iterator, None))
            yield item
    finally:
        reader.shutdown(cancel_futures=True)


def _behind(write: Callable[[Item], None], items: Iterable[Item]) -> None:
    """Write items, in order, in a thread; the first error is raised."""
    writer, waiting = ThreadPoolExecutor(1, "encode"), deque[Future[None]]()
    try:
        for item in items:
            waiting.append(writer.submit(write, item))
            if len(waiting) > AHEAD:
                waiting.popleft().result()
        for left in waiting:
            left.result()
    finally:
        writer.shutdown(cancel_futures=True)

"""Enhancing a clip from file to file: while one frame is enhanced, others are decoded and encoded."""

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

from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.fast.blocks import read_blocks
from zero_dce.enhance.fast.mode import LEAST_SIDE
from zero_dce.enhance.pixels import FloatArray
from zero_dce.enhance.video import UNSUITED, conversion
from zero_dce.enhance.video.clip import ClipFrame, Item, open_clip
from zero_dce.enhance.video.flicker import Flicker
from zero_dce.enhance.video.steady import Curves, SteadyCurves, SteadyExposure, cells_of, is_cut
from zero_dce.enhance.video.writer import open_writer
from zero_dce.files import atomic
from zero_dce.images.canvas import ArrayCanvas, PixelArray

# So many items, frames or packets, wait before enhancing, and as many after it.
AHEAD = 6
# Flicker is measured on so many parts of a frame.
MEASURED = 4
SMOOTHING = 0.9


@dataclass
class ClipSummary:
    """The size, speed and flicker of an enhanced clip.

    Attributes:
        width: of a frame in pixels.
        height: of a frame in pixels.
        frames: the number of frames.
        seconds: the time that enhancing took.
        before: flicker of the clip, measured on some squares of its frames.
        unsmoothed: flicker of the squares when each frame's curves come from that frame only; in fast mode.
        after: flicker of the enhanced squares as they were written.
        notices: facts about the clip that are printed.
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
        text = f"{self.frames} frames of {self.width} x {self.height} in {self.seconds:.1f} s"
        text += f": {rate:.1f} frames a second"
        if math.isnan(self.after.percent):
            return text
        text += f"; flicker {self.before.percent:.3f} % before"
        if not math.isnan(self.unsmoothed.percent):
            text += f", {self.unsmoothed.percent:.3f} % enhanced without smoothing"
        return f"{text}, {self.after.percent:.3f} % after"


def enhance_clip(
    source: Path,
    target: Path,
    enhancer: Enhancer,
    smoothing: float = SMOOTHING,
    max_megapixels: float = math.inf,
    progress: Callable[[float], object] = float,
) -> ClipSummary:
    """Enhance a clip; the new file is written whole or not at all.

    Frames keep their times, and streams of sound and subtitles are copied packet by packet.

    Args:
        source: the clip.
        target: the new file, with a suffix of :data:`zero_dce.enhance.video.CONTAINERS`.
        enhancer: in exact mode, which enhances every frame by itself, or in fast mode, see :class:`SteadyCurves`.
        smoothing: of fast mode, 0 to 1, see :class:`SteadyCurves`. Frames too small for fast mode are enhanced exactly.
        max_megapixels: larger frames are refused.
        progress: is called with the finished share, 0 to 1.

    Raises:
        OSError: if a file cannot be read or written.
        ValueError: if the clip cannot be enhanced or is damaged; the message says why.
    """
    if source.suffix.lower() in UNSUITED:
        raise ValueError(
            f"{source}: no {source.suffix} files are written, so convert it to one with frame times first: "
            f"{conversion(source)}"
        )
    summary = ClipSummary()
    target.parent.mkdir(parents=True, exist_ok=True)
    with open_clip(source, max_megapixels) as clip:
        summary.width, summary.height = clip.size
        summary.notices = clip.notices
        shots: _Exact | _Steady = _Exact(enhancer, summary)
        if enhancer.mode == "fast" and min(clip.size) >= LEAST_SIDE:
            shots = _Steady(enhancer, smoothing, summary)

        def enhance(item: Item) -> Item:
            if not isinstance(item, ClipFrame):
                return item
            summary.frames += 1
            share = float(item.pts * item.time_base) / clip.seconds if clip.seconds else 0.0
            progress(min(1.0, share))
            return replace(item, pixels=shots.enhance(item.pixels))

        begin = time.perf_counter()
        with atomic(target) as unfinished, open_writer(unfinished, target, clip) as writer:
            # A thread reads the clip, so it has to end before the clip is closed, also after an interrupt.
            with closing(_ahead(clip.items())) as items:
                _behind(writer.write, map(enhance, items))
            writer.finish()
        summary.seconds = time.perf_counter() - begin
    return summary


class _Exact:
    """Enhances every frame by itself with the network, at an exposure that is held steady."""

    def __init__(self, enhancer: Enhancer, summary: ClipSummary) -> None:
        self._enhancer, self._summary = enhancer, summary
        self._cells: FloatArray | None = None
        self._exposure = SteadyExposure(enhancer.stops_of)

    def enhance(self, pixels: PixelArray) -> PixelArray:
        before, self._cells = self._cells, cells_of(pixels)
        new_shot = is_cut(before, self._cells)
        frame = ArrayCanvas(pixels)
        enhanced = self._enhancer.enhance(frame, stops=self._exposure.next(frame, new_shot)).pixels
        self._summary.before.add(pixels, new_shot)
        self._summary.after.add(enhanced, new_shot)
        return enhanced


class _Steady:
    """Enhances frames with steady curves, and measures the effect on flicker on some of their squares."""

    def __init__(self, enhancer: Enhancer, smoothing: float, summary: ClipSummary) -> None:
        self._fast, self._summary = enhancer.fast_for(8), summary
        self._curves, self._denoised = SteadyCurves(self._fast, enhancer, smoothing), enhancer.denoised

    def enhance(self, pixels: PixelArray) -> PixelArray:
        canvas = ArrayCanvas(pixels)
        curves, output = self._curves.estimate(canvas), canvas.blank()
        self._fast.apply(canvas, curves.field, output, None, int)
        output = self._denoised(canvas, output)
        self._measure(canvas, output, curves)
        return output.pixels

    def _measure(self, canvas: ArrayCanvas, output: ArrayCanvas, curves: Curves) -> None:
        grid = curves.field.grid
        parts = list(grid.parts())
        step = math.ceil(len(parts) / MEASURED)
        before, after, unsmoothed = [], [], []
        for part in parts[step // 2 :: step]:
            before.append(read_blocks(canvas, grid, *part))
            after.append(read_blocks(output, grid, *part))
            unsmoothed.append(self._fast.enhance_part(canvas, curves.unsmoothed, part)[0])
        self._summary.before.add(np.concatenate(before), curves.new_shot)
        self._summary.after.add(np.concatenate(after), curves.new_shot)
        self._summary.unsmoothed.add(np.concatenate(unsmoothed), curves.new_shot)


def _ahead(items: Iterable[Item]) -> Generator[Item]:
    """Yield items while a thread decodes the next ones."""
    reader, iterator = ThreadPoolExecutor(1, "decode"), iter(items)
    try:
        waiting = deque(reader.submit(next, iterator, None) for _ in range(AHEAD))
        while (item := waiting.popleft().result()) is not None:
            waiting.append(reader.submit(next, iterator, None))
            yield item
    finally:
        reader.shutdown(cancel_futures=True)


def _behind(write: Callable[[Item], None], items: Iterable[Item]) -> None:
    """Write items in order in a thread; the first error is raised."""
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

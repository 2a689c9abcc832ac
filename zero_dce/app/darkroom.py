"""Enhancing for the page: what a move of a control does not change is kept from the last one."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from zero_dce.app.converted import ConvertedOnce
from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.fast.mode import LEAST_PIXELS, FastMode, Field
from zero_dce.enhance.reduce import reduced_pixels
from zero_dce.enhance.results import Extras, save_results, stays_as_it_is
from zero_dce.enhance.threads import in_threads
from zero_dce.images.canvas import ArrayCanvas, Canvas
from zero_dce.images.formats import Photograph, read_photograph
from zero_dce.images.view import narrow
from zero_dce.weights import read_weights

# A page shows no more pixels than these along the longer side.
PREVIEW_SIDE = 2048
# Photographs stay decoded, the last ones, as long as they have so many pixels together; and so many networks prepared.
KEPT_PIXELS, KEPT_NETWORKS = 60e6, 3


@dataclass(frozen=True)
class Settings:
    """What the page's controls say; ranges as of :class:`zero_dce.enhance.engine.Enhancer`.

    Attributes:
        weights: a file.
        mode: ``fast`` or ``exact``.
        exposure: ``auto``, ``off``, or the mean to reach.
        denoise: noise in 255ths; ``None`` is what suits the exposure.
        strength: in [0, 1].
    """

    weights: Path
    mode: str = "fast"
    exposure: str | float = "auto"
    denoise: float | None = None
    strength: float = 1.0


@dataclass(frozen=True)
class Preview:
    """A photograph before and after, as large as a page shows it, in sRGB and upright.

    Attributes:
        before: at most :data:`PREVIEW_SIDE` pixels long.
        after: the result in full size, reduced alike.
        size: width and height of the photograph, upright.
        seconds: from the call to the answer.
        how: the mode, and what computed it.
        notices: what a person should know of the file.
    """

    before: Image.Image
    after: Image.Image
    size: tuple[int, int]
    seconds: float
    how: str
    notices: list[str]


@dataclass(frozen=True)
class _Result:
    """An enhanced photograph, and how it came about."""

    network: Enhancer
    settings: Settings
    canvas: ConvertedOnce
    how: str


@dataclass
class _Held:
    """A decoded photograph, what fast mode has learned of it by a network, and what was last made of it."""

    picture: Photograph
    canvas: ConvertedOnce
    before: Image.Image
    learned: tuple[Enhancer, Field] | None = None
    result: _Result | None = None

    @property
    def pixels(self) -> int:
        return self.picture.width * self.picture.height


class Darkroom:
    """Enhances one photograph at a time, whoever asks; the results are those of the command ``zero_dce.enhance``.

    Args:
        max_megapixels: larger photographs are refused before they are decoded.
    """

    def __init__(self, max_megapixels: float) -> None:
        self._max_megapixels = max_megapixels
        self._lock = Lock()
        self._held: OrderedDict[tuple[Path, int, int], _Held] = OrderedDict()
        self._networks: OrderedDict[tuple[Path, int, int, str], Enhancer] = OrderedDict()

    def preview(self, file: Path, settings: Settings) -> Preview:
        """Enhance a photograph, and return it as a page shows it.

        Raises:
            OSError: if the photograph or the weights cannot be read.
            ValueError: if a setting or the weights are wrong.
            MemoryError: if the photograph does not fit in memory.
        """
        begin = time.perf_counter()
        with self._lock:
            held, result = self._enhanced(file, settings)
            after, size = _screen_copy(result.canvas), (held.canvas.width, held.canvas.height)
        seconds = time.perf_counter() - begin
        return Preview(held.before, after, size, seconds, result.how, held.picture.notices)

    def write(self, file: Path, settings: Settings, output: Path) -> list[str]:
        """Write the result in full size, as the command does: in the photograph's format, with its metadata.

        Args:
            file: the photograph.
            settings: if they are those of the last :meth:`preview`, its result is written.
            output: the file to write; its folder is made.

        Returns:
            What a person should know of the file.

        Raises:
            OSError: if something cannot be read or written.
            ValueError: if a setting or the weights are wrong, or the format cannot hold the picture.
            MemoryError: if the photograph does not fit in memory.
        """
        with self._lock:
            held, result = self._enhanced(file, settings)
            enhancer = result.network.adjusted(strength=settings.strength)
            unchanged = stays_as_it_is(enhancer, file, output)
            save_results(held.picture, result.canvas.view, None, output, Extras(), unchanged)
            return [] if unchanged else held.picture.notices

    def prepare(self, weights: Path) -> None:
        """Read weights and enhance a small picture, so that no photograph waits for what that sets up.

        Raises:
            OSError: if they cannot be read.
            ValueError: if they are wrong.
        """
        with self._lock:
            self._network(Settings(weights)).adjusted(exposure="auto").enhance(_grey_picture())

    def _enhanced(self, file: Path, settings: Settings) -> tuple[_Held, _Result]:
        held, network = self._decoded(file), self._network(settings)
        result, held.result = held.result, None
        if result is None or (result.network, result.settings) != (network, settings):
            # The earlier result's memory is free before the next one needs as much.
            del result
            result = _enhance(held, network, settings)
        held.result = result
        return held, result

    def _decoded(self, file: Path) -> _Held:
        key = (file, *_state(file))
        if key not in self._held:
            picture = read_photograph(file, self._max_megapixels).writable()
            canvas = ConvertedOnce(picture.view(), keep=picture.space is not None or picture.alpha is not None)
            self._held[key] = _Held(picture, canvas, _screen_copy(canvas))
        self._held.move_to_end(key)
        while len(self._held) > 1 and sum(held.pixels for held in self._held.values()) > KEPT_PIXELS:
            self._held.popitem(last=False)
        return self._held[key]

    def _network(self, settings: Settings) -> Enhancer:
        """Return the network of some weights in a mode; its own settings are of no account."""
        # A run that is still training writes the same file again.
        key = (settings.weights, *_state(settings.weights), settings.mode)
        if key not in self._networks:
            self._networks[key] = Enhancer(read_weights(settings.weights), mode=settings.mode)
            if len(self._networks) > KEPT_NETWORKS:
                self._networks.popitem(last=False)
        self._networks.move_to_end(key)
        return self._networks[key]


def _enhance(held: _Held, network: Enhancer, settings: Settings) -> _Result:
    """Enhance as :meth:`Enhancer.enhance` does, but let fast mode learn only what it has not learned yet."""
    canvas = held.canvas
    enhancer = network.adjusted(exposure=settings.exposure, denoise=settings.denoise, strength=settings.strength)
    backend = enhancer.backend_for(canvas.bits)
    means = f"{backend.name} in {backend.precision}"
    if enhancer.mode == "exact" or not FastMode.suits(canvas):
        return _Result(network, settings, enhancer.enhance(canvas), f"exact mode, {means}")
    return _Result(network, settings, _enhance_fast(held, network, enhancer), f"fast mode, {means}")


def _enhance_fast(held: _Held, network: Enhancer, enhancer: Enhancer) -> ConvertedOnce:
    canvas, fast = held.canvas, enhancer.fast_for(held.canvas.bits)

    def expose() -> Any:
        return enhancer.spread(canvas, enhancer.stops_of(canvas))

    def learn() -> Any:
        return _learn(held, network, fast)

    # Either leaves a core idle for a while.
    local, field = in_threads(lambda task: task(), (expose, learn), enhancer.backend_for(canvas.bits))
    output = canvas.blank()
    fast.apply(canvas, replace(field, local=local), output, None, int)
    return enhancer.denoised(canvas, output)


def _learn(held: _Held, network: Enhancer, fast: FastMode) -> Field:
    """Return what fast mode knows of a photograph by a network: its field, without exposure."""
    if held.learned is None or held.learned[0] is not network:
        held.learned = network, fast.estimate(held.canvas, np.zeros((1, 2, 1, 1), np.float32))
    return held.learned[1]


def _grey_picture() -> ArrayCanvas:
    """Return the smallest picture that fast mode takes, from dark to bright."""
    side = math.isqrt(LEAST_PIXELS)
    ramp = np.linspace(0, 255, side, dtype=np.uint8)
    return ArrayCanvas(np.broadcast_to(ramp[:, None, None], (side, side, 3)))


def _screen_copy(canvas: Canvas) -> Image.Image:
    return Image.fromarray(narrow(reduced_pixels(canvas, PREVIEW_SIDE)))


def _state(file: Path) -> tuple[int, int]:
    state = file.stat()
    return state.st_mtime_ns, state.st_size

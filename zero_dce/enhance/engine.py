"""Enhancing a picture of any size, tile by tile, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

from zero_dce.checks import check_number
from zero_dce.enhance.denoising import denoise_picture
from zero_dce.enhance.fast.mode import FastMode
from zero_dce.enhance.graph import Backend, choose_backend
from zero_dce.enhance.graph.programs import denoising, enhancement, estimation
from zero_dce.enhance.metering import find_stops, spread_stops, stops_in
from zero_dce.enhance.pixels import FloatArray, map_pixels
from zero_dce.enhance.threads import in_threads
from zero_dce.enhance.tiles import Tile, plan_tiles
from zero_dce.exposure.setting import check_exposure
from zero_dce.images.canvas import AnyCanvas, Canvas
from zero_dce.images.denoise import MOST_NOISE_LEVELS, levels_for
from zero_dce.weights import Weights

ENHANCER_MODES = ("exact", "fast")


class Enhancer:
    """Enhances pictures tile by tile; beside the two pictures it needs memory for a tile or two.

    Pictures of the same size share the prepared graph.

    Args:
        weights: of either network, see :func:`zero_dce.weights.read_weights`.
        mode: ``exact`` gives the network's result on the whole picture at once; ``fast`` learns from a part of a large
            picture how the network's curves depend on it, see :mod:`zero_dce.enhance.fast`.
        backend: ``auto``, ``openvino``, ``onnxruntime`` or ``torch``.
        precision: of the convolutions, ``bfloat16`` or ``float32``; ``auto`` is the quickest for 8-bit pictures, whose
            result it changes by one step at most, and ``float32`` for all others.
        exposure: ``auto``, ``off``, or the mean that pictures are brought to, in [0.05, 0.95], see
            :func:`zero_dce.exposure.setting.stops_for`.
        denoise: the noise that is smoothed where a picture was brightened, in 255ths, in [0, 8]; 0 smooths nothing.
            ``None`` is :func:`zero_dce.images.denoise.levels_for` this exposure.
        strength: the factor that scales the curve maps and the exposure, in [0, 1]; 0 changes nothing.
        tile: the side of a tile of exact mode in pixels; ``None`` is the backend's own choice.
        factor: the side of a block of fast mode in pixels: a larger one is quicker and less like the exact result.

    Attributes:
        mode: as given.

    Raises:
        ModuleNotFoundError: if the backend is not installed.
        ValueError: if an argument is out of its range, or this machine does not support it.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        mode: str = "exact",
        backend: str = "auto",
        precision: str = "auto",
        exposure: str | float = "off",
        denoise: float | None = None,
        strength: float = 1.0,
        tile: int | None = None,
        factor: int = 4,
    ) -> None:
        if mode not in ENHANCER_MODES:
            raise ValueError(f"--mode is {mode!r}; expected one of {', '.join(ENHANCER_MODES)}")
        check_number("--factor", factor, least=1, most=32, whole=True)
        if tile is not None:
            check_number("--tile", tile, least=1, whole=True)
        self._weights, self._backend, self._precision, self._tile = weights, backend, precision, tile
        self.mode, self._factor = mode, factor
        self._backends: dict[str, Backend] = {}
        # By their precision as well, so that the copies that adjusted() makes prepare none of them again.
        self._precise: dict[str, Backend] = {}
        self._estimate = estimation(any_size=True)
        self._set(exposure, denoise, strength)
        # A wrong backend or precision is reported here, before any picture is read.
        self.backend_for(8)

    def _set(self, exposure: str | float, denoise: float | None, strength: float) -> None:
        check_number("--strength", strength, most=1)
        check_exposure("--exposure", exposure)
        levels = levels_for(exposure) if denoise is None else denoise
        check_number("--denoise", levels, most=MOST_NOISE_LEVELS)
        self._exposure, self._strength = exposure, strength
        self._fast: dict[int, FastMode] = {}
        self._exposed = exposure != "off"
        self._plain, self._with_map = enhancement(strength), enhancement(strength, with_map=True)
        self._denoise = denoising(levels) if levels else None

    def adjusted(
        self, *, exposure: str | float = "off", denoise: float | None = None, strength: float = 1.0
    ) -> Enhancer:
        """Return an enhancer with other settings, which shares the prepared network with this one.

        Args:
            exposure: as of the class.
            denoise: as of the class.
            strength: as of the class.

        Raises:
            ValueError: if an argument is out of its range.
        """
        other = copy(self)
        other._set(exposure, denoise, strength)
        return other

    def backend_for(self, bits: int) -> Backend:
        """Return the backend for pictures with this many bits per channel."""
        precision = "float32" if self._precision == "auto" and bits > 8 else self._precision
        if precision not in self._backends:
            self._backends[precision] = choose_backend(self._backend, self._weights, precision)
        return self._backends[precision]

    @property
    def changes_nothing(self) -> bool:
        """Whether a result equals its picture."""
        return self._strength == 0

    def describe(self) -> str:
        """Name the backends that have enhanced pictures so far, and their precision."""
        return ", ".join(dict.fromkeys(f"{made.name} in {made.precision}" for made in self._backends.values()))

    def enhance(
        self,
        picture: AnyCanvas,
        map_canvas: Canvas | None = None,
        progress: Callable[[int], object] = int,
        stops: FloatArray | None = None,
    ) -> AnyCanvas:
        """Enhance a picture.

        Args:
            picture: 8 or 16 bits or float32 in [0, 1]; it is only read.
            map_canvas: an 8-bit picture of the same size that takes the mean of the curve maps, see
                :func:`map_pixels`.
            progress: is called with the number of pixels that were enhanced since the last call.
            stops: the exposure, where it is known already; ``None`` finds it, see :meth:`stops_of`.

        Returns:
            The enhanced picture, of the same kind.
        """
        output = picture.blank()
        local = self.spread(picture, self.stops_of(picture) if stops is None else stops)
        if self.mode == "fast" and FastMode.suits(picture):
            fast = self.fast_for(picture.bits)
            fast.apply(picture, fast.estimate(picture, local), output, map_canvas, progress)
        else:
            self._enhance_exactly(picture, local, output, map_canvas, progress)
        return self.denoised(picture, output)

    def denoised(self, picture: AnyCanvas, enhanced: AnyCanvas) -> AnyCanvas:
        """Return an enhanced picture without the noise that was brightened with it, as far as the enhancer is to."""
        if self._denoise is None:
            return enhanced
        return denoise_picture(picture, enhanced, self._denoise, self._precise_backend_for(picture.bits))

    def stops_of(self, picture: Canvas) -> FloatArray:
        """Return by how many stops a picture is to be exposed, and by how many more its dark places: two numbers."""
        return self._strength * find_stops(picture, self._exposure, self.backend_for(picture.bits), self._estimate)

    def spread(self, picture: Canvas, stops: FloatArray) -> FloatArray:
        """Return by how many stops each place of a picture is exposed, see :func:`spread_stops`."""
        return spread_stops(picture, stops, self._strength, self.backend_for(picture.bits), self._estimate)

    def _enhance_exactly(
        self,
        picture: Canvas,
        local: FloatArray,
        output: Canvas,
        map_canvas: Canvas | None,
        progress: Callable[[int], object],
    ) -> None:
        backend = self.backend_for(picture.bits)
        program = self._plain if map_canvas is None else self._with_map

        def work(tile: Tile) -> int:
            exposure = [stops_in(local, tile.window, picture)] if self._exposed else []
            enhanced, *maps = backend.run(program, picture.read(tile.window), *exposure)
            output.write(tile.keep, enhanced[tile.crop()])
            if map_canvas is not None:
                map_canvas.write(tile.keep, map_pixels(maps[0][tile.crop()]))
            return tile.pixels

        tiles = plan_tiles(picture.width, picture.height, self._tile or backend.tile)
        for pixels in in_threads(work, tiles, backend):
            progress(pixels)

    def fast_for(self, bits: int) -> FastMode:
        """Return fast mode for pictures with this many bits per channel, whichever mode the enhancer is in."""
        if bits not in self._fast:
            options = (self._weights.network, self._factor, self._strength, self._exposed)
            self._fast[bits] = FastMode(*options, self.backend_for(bits), self._precise_backend_for(bits))
        return self._fast[bits]

    def _precise_backend_for(self, bits: int) -> Backend:
        """Return the backend for all but the network, which alone tolerates a lower precision than float32."""
        backend = self.backend_for(bits)
        if backend.precision == "float32":
            return backend
        if "float32" not in self._precise:
            self._precise["float32"] = choose_backend(self._backend, self._weights, "float32")
        return self._precise["float32"]

"""From a picture of any size to the enhanced one, tile by tile, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from zero_dce.checks import check_number
from zero_dce.enhancement.backends import Backend, choose_backend
from zero_dce.enhancement.canvas import Canvas
from zero_dce.enhancement.pixels import map_pixels
from zero_dce.enhancement.programs import enhancement
from zero_dce.enhancement.tiles import Tile, plan_tiles
from zero_dce.weights import Weights

MODES = ("exact", "fast")
Item = TypeVar("Item")
Result = TypeVar("Result")
AnyCanvas = TypeVar("AnyCanvas", bound=Canvas)


class Enhancer:
    """Enhances pictures exactly as the network does on the whole picture at once.

    Pictures of the same size share what was prepared. Memory beside the two pictures is that of a tile or two.

    Args:
        weights: of either network, see :func:`zero_dce.weights.read_weights`.
        backend: ``auto``, ``openvino``, ``onnxruntime`` or ``torch``.
        precision: of the convolutions, ``bfloat16`` or ``float32``; ``auto`` is the quickest for 8-bit pictures, whose
            result it changes by one step at most, and ``float32`` for all others.
        strength: what curve maps are multiplied by, in [0, 1]; 0 changes nothing.
        tile: the side of a tile in pixels; ``None`` is what suits the backend.

    Raises:
        ModuleNotFoundError: if the backend is not installed.
        ValueError: if an argument is out of its range, or not to be had on this machine.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        mode: str = "exact",
        backend: str = "auto",
        precision: str = "auto",
        strength: float = 1.0,
        tile: int | None = None,
    ) -> None:
        check_number("--strength", strength, most=1)
        if tile is not None:
            check_number("--tile", tile, least=1, whole=True)
        self._weights, self._backend, self._precision, self._tile = weights, backend, precision, tile
        self._backends: dict[str, Backend] = {}
        self._plain, self._with_map = enhancement(strength), enhancement(strength, with_map=True)
        # Wrong options are said at once.
        self.backend_for(8)

    def backend_for(self, bits: int) -> Backend:
        """Return the backend for pictures of so many bits a channel."""
        precision = "float32" if self._precision == "auto" and bits > 8 else self._precision
        if precision not in self._backends:
            self._backends[precision] = choose_backend(self._backend, self._weights, precision)
        return self._backends[precision]

    def describe(self) -> str:
        """Say what computed the pictures so far."""
        return ", ".join(dict.fromkeys(f"{made.name} in {made.precision}" for made in self._backends.values()))

    def enhance(
        self,
        picture: AnyCanvas,
        map_canvas: Canvas | None = None,
        progress: Callable[[int], object] = int,
    ) -> AnyCanvas:
        """Enhance a picture.

        Args:
            picture: 8 or 16 bits or float32 in [0, 1]; it is only read.
            map_canvas: an 8-bit picture of the same size that takes the mean of the curve maps, see
                :func:`map_pixels`.
            progress: is called with the number of pixels that came out since the last call.

        Returns:
            The enhanced picture, of the same kind.
        """
        output = picture.blank()
        backend = self.backend_for(8 * picture.dtype.itemsize)
        program = self._plain if map_canvas is None else self._with_map

        def work(tile: Tile) -> int:
            enhanced, *maps = backend.run(program, picture.read(tile.window))
            output.write(tile.keep, enhanced[tile.crop()])
            if map_canvas is not None:
                map_canvas.write(tile.keep, map_pixels(maps[0][tile.crop()]))
            return tile.pixels

        tiles = plan_tiles(picture.width, picture.height, self._tile or backend.tile)
        for pixels in in_threads(work, tiles, backend.workers):
            progress(pixels)
        return output


def in_threads(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Do ``work`` on all items, on some threads at a time; the first error ends it and is raised."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)

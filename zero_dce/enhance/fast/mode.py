"""Fast mode as a whole: measuring, calibrating and applying curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zero_dce.enhance.fast.application import AROUND, application_program
from zero_dce.enhance.fast.blocks import BlockGrid, Part, read_blocks, with_surroundings
from zero_dce.enhance.fast.calibration import Regression, calibrate
from zero_dce.enhance.fast.statistics import measure, statistics_program
from zero_dce.enhance.graph import Backend
from zero_dce.enhance.graph.programs import estimation
from zero_dce.enhance.metering import stops_in
from zero_dce.enhance.pixels import FloatArray, map_pixels
from zero_dce.enhance.threads import in_threads
from zero_dce.images.canvas import Canvas

# Smaller pictures are enhanced exactly, which takes no longer.
LEAST_PIXELS, LEAST_SIDE = 1 << 20, 96


@dataclass(frozen=True)
class Field:
    """A picture's field of curves.

    Attributes:
        grid: the picture's blocks.
        statistics: of the blocks, rows x columns x 9.
        regression: from statistics to curve maps.
        local: by how many stops each place of the enhanced picture is exposed, see
            :func:`zero_dce.enhance.metering.spread_stops`.
    """

    grid: BlockGrid
    statistics: FloatArray
    regression: Regression
    local: FloatArray


class FastMode:
    """Estimates curve maps on blocks and applies them at full size.

    Args:
        network: ``zero_dce`` or ``zero_dce_pp``.
        size: the side of a block in pixels.
        strength: the factor that scales the curve maps.
        exposed: whether enhanced pictures are exposed too, by their field's ``local`` stops.
        network_backend: runs the network.
        backend: runs everything else, in float32.
    """

    def __init__(
        self, network: str, size: int, strength: float, exposed: bool, network_backend: Backend, backend: Backend
    ) -> None:
        self._network, self._size, self._strength, self._exposed = network, size, strength, exposed
        self._network_backend, self._backend = network_backend, backend
        self._statistics, self._estimate = statistics_program(size), estimation()

    @staticmethod
    def suits(canvas: Canvas) -> bool:
        """Return whether a picture is large enough for fast mode to save time."""
        return canvas.width * canvas.height >= LEAST_PIXELS and min(canvas.width, canvas.height) >= LEAST_SIDE

    def estimate(self, canvas: Canvas, local: FloatArray) -> Field:
        """Measure a picture's blocks, and learn how the network's curve maps depend on them."""
        grid, statistics = self.measure(canvas)
        return Field(grid, statistics, self.calibrate(canvas, grid, statistics), local)

    def measure(self, canvas: Canvas) -> tuple[BlockGrid, FloatArray]:
        """Return a picture's blocks and their statistics, rows x columns x 9."""
        grid = BlockGrid(canvas.width, canvas.height, self._size)
        return grid, measure(canvas, grid, self._backend, self._statistics)

    def calibrate(self, canvas: Canvas, grid: BlockGrid, statistics: FloatArray) -> Regression:
        """Learn how the network's curve maps depend on the grid and statistics that :meth:`measure` returned."""
        return calibrate(canvas, grid, statistics, self._network_backend, self._estimate)

    def apply(
        self,
        canvas: Canvas,
        field: Field,
        output: Canvas,
        map_canvas: Canvas | None,
        progress: Callable[[int], object],
    ) -> None:
        """Enhance a picture; arguments as in :meth:`zero_dce.enhance.engine.Enhancer.enhance`."""

        def work(part: Part) -> None:
            enhanced, *maps = self.enhance_part(canvas, field, part, map_canvas is not None)
            _write(output, field.grid, part, enhanced)
            if map_canvas is not None:
                _write(map_canvas, field.grid, part, map_pixels(maps[0]))

        parts = list(field.grid.parts())
        for _ in in_threads(work, parts, self._backend):
            progress(canvas.width * canvas.height // len(parts))

    def enhance_part(self, canvas: Canvas, field: Field, part: Part, with_map: bool = False) -> tuple[FloatArray, ...]:
        """Return the enhanced pixels of a part, which may reach beyond the edge, and ``with_map`` their mean map."""
        pixels = read_blocks(canvas, field.grid, *part)
        around = with_surroundings(field.statistics, part, AROUND)
        rows, columns = (span.stop - span.start for span in part)
        program = application_program(self._network, self._strength, self._exposed, self._size, rows, columns, with_map)
        local = [stops_in(field.local, field.grid.box(part), canvas)] if self._exposed else []
        return self._backend.run(program, pixels, around, *local, *field.regression.arrays())


def _write(canvas: Canvas, grid: BlockGrid, part: Part, pixels: FloatArray) -> None:
    """Write the pixels of a part that lie inside the picture."""
    top, left = (span.start * grid.size for span in part)
    bottom, right = min(top + len(pixels), canvas.height), min(left + len(pixels[0]), canvas.width)
    canvas.write((left, top, right, bottom), pixels[: bottom - top, : right - left])

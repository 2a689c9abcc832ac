"""Taking the noise that was brightened out of an enhanced picture, tile by tile."""

from __future__ import annotations

from zero_dce.enhance.fast.blocks import BlockGrid, Part, read_beyond
from zero_dce.enhance.graph import Backend
from zero_dce.enhance.graph.programs import Program
from zero_dce.enhance.threads import in_threads
from zero_dce.images.canvas import AnyCanvas
from zero_dce.images.denoise import REACH


def denoise_picture(picture: AnyCanvas, enhanced: AnyCanvas, program: Program, backend: Backend) -> AnyCanvas:
    """Return the enhanced picture without the noise that was brightened with it.

    Args:
        picture: before it was enhanced; it is only read.
        enhanced: it is only read too: each tile needs what was around it.
        program: see :func:`zero_dce.enhance.graph.programs.denoising`.
        backend: in float32, since variances are small differences of large numbers.

    Returns:
        A new picture of the same kind. The same pixels come of tiles of any size.
    """
    output = enhanced.blank()

    def work(part: Part) -> None:
        rows, columns = part
        box = (columns.start, rows.start, columns.stop, rows.stop)
        beyond = (box[0] - REACH, box[1] - REACH, box[2] + REACH, box[3] + REACH)
        (pixels,) = backend.run(program, read_beyond(picture, *beyond), read_beyond(enhanced, *beyond))
        output.write(box, pixels)

    # Parts of one shape, for which the program is prepared once.
    for _ in in_threads(work, BlockGrid(picture.width, picture.height, 1).parts(backend.tile), backend):
        pass
    return output

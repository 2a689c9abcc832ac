"""Whether an exported file computes what this package computes in PyTorch."""

from __future__ import annotations

import numpy as np

from zero_dce.enhance.pixels import FloatArray
from zero_dce.export.contents import Contents, ExportedNetwork
from zero_dce.export.finish import Finish

# Pictures, height and width: the smallest, an odd one, and one that is larger than the blocks of any kernel.
CHECKED_SHAPES = ((1, 1, 1), (2, 45, 61), (1, 240, 320))
# An exposure that is found from the whole picture is found on a copy of at most 512 pixels: one is larger.
WHOLE_SHAPES = (*CHECKED_SHAPES, (1, 300, 520))
# An exposure of some stops makes the same differences larger.
FINISHED_DIFFERENCE = 1e-3


def reference_for(contents: Contents) -> ExportedNetwork:
    """Return what a file with these contents is to compute: in PyTorch, on the CPU, in float32."""
    # PyTorch takes seconds to import, so mistakes in the command are said before.
    import torch

    from zero_dce.export.module import FinishedNetwork

    finish = contents.finish
    network = FinishedNetwork(contents.weights, finish if finish.is_local else Finish())

    def run(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        with torch.no_grad():
            enhanced, curve_maps = (output.numpy() for output in network(torch.from_numpy(image)))
        return (enhanced if finish.is_local else _enhance_whole(contents, image)), curve_maps

    return run


def largest_difference(
    exported: ExportedNetwork, reference: ExportedNetwork, whole: bool = False
) -> tuple[float, float]:
    """Compare enhanced pictures and curve maps on random pixels.

    Args:
        exported: the network as it was written; it may have no maps, see :data:`ExportedNetwork`.
        reference: see :func:`reference_for`.
        whole: whether it depends on the whole picture: then one of :data:`WHOLE_SHAPES` is a large one.

    Returns:
        The largest difference of enhanced pictures, and that of curve maps; it may be no number.

    Raises:
        ValueError: if the shapes differ.
    """
    generator = np.random.default_rng(0)
    differences = []
    for shape in WHOLE_SHAPES if whole else CHECKED_SHAPES:
        differences.append(_differences(exported, reference, _picture(shape, generator)))
    # max() would pass over what is no number.
    enhanced, maps = np.array(differences).max(axis=0)
    return float(enhanced), float(maps)


def _picture(shape: tuple[int, int, int], generator: np.random.Generator) -> FloatArray:
    """Return random pixels, from dark on the left to bright on the right."""
    number, height, width = shape
    light = np.linspace(0.1, 1, width, dtype=np.float32) ** 2
    return np.asarray(generator.random((number, 3, height, width), np.float32) * light)


def _differences(exported: ExportedNetwork, reference: ExportedNetwork, image: FloatArray) -> tuple[float, float]:
    expected, computed = reference(image), exported(image)
    if not computed[1].shape[1]:
        expected = expected[0], expected[1][:, :0]
    shapes, expected_shapes = ([output.shape for output in outputs] for outputs in (computed, expected))
    if shapes != expected_shapes:
        raise ValueError(
            f"on a picture of {image.shape} the exported network gives {shapes}, PyTorch {expected_shapes}"
        )
    enhanced, maps = (np.abs(one - other) for one, other in zip(computed, expected, strict=True))
    return float(enhanced.max()), float(maps.max(initial=0.0))


def _enhance_whole(contents: Contents, image: FloatArray) -> FloatArray:
    """Enhance pictures as ``zero_dce.enhance`` does."""
    from zero_dce.enhance.engine import Enhancer
    from zero_dce.images.canvas import ArrayCanvas

    finish = contents.finish
    options = {"exposure": finish.exposure, "denoise": finish.denoise}
    enhancer = Enhancer(contents.weights, backend="torch", precision="float32", **options)  # type: ignore[arg-type]
    pictures = [np.ascontiguousarray(np.moveaxis(picture, 0, 2)) for picture in image]
    return np.stack([np.moveaxis(enhancer.enhance(ArrayCanvas(pixels)).pixels, 2, 0) for pixels in pictures])

"""Which image has which well-exposed reference. References serve measures only: no loss ever sees one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from zero_dce.data.index import Index

# Mean of all channels, [0, 1]. Of frames darker than this enhancement is asked for.
DARK = 0.25
# A frame in this range can stand for a missing label; the one nearest to the middle is taken.
WELL_EXPOSED = (0.35, 0.45, 0.60)


def find_references(index: Index, brightness: Mapping[str, float]) -> dict[str, str]:
    """Find the references of a data set's dark images.

    Its ``pairs.csv`` decides where there is one. Else a scene's label is the reference, and for a scene without label
    its best exposed frame: the one whose brightness is nearest to 0.45, if it lies in 0.35 to 0.60.

    Args:
        index: the files of the data set.
        brightness: of every readable file, mean of all channels in [0, 1]; files that are missing here are left out.

    Returns:
        From path to reference path, both relative to the root.
    """
    if index.pairs:
        return {low: reference for low, reference in index.pairs.items() if {low, reference} <= brightness.keys()}
    frames = defaultdict(list)
    for entry in index.entries:
        if entry.path in brightness:
            frames[entry.scene].append(entry.path)
    references = {}
    for scene, paths in frames.items():
        reference = _reference(index.labels.get(scene), paths, brightness)
        if reference:
            references.update({path: reference for path in paths if brightness[path] < DARK})
    return references


def _reference(label: str | None, frames: Sequence[str], brightness: Mapping[str, float]) -> str | None:
    if label in brightness:
        return label
    least, middle, most = WELL_EXPOSED
    best = min(frames, key=lambda path: (abs(brightness[path] - middle), path))
    return best if least <= brightness[best] <= most else None

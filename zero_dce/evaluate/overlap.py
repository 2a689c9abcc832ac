"""Which test pictures were seen in training: pictures that are in both, whatever their names and formats."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zero_dce.data.split import Split
from zero_dce.evaluate.pictures import Pair, list_folder
from zero_dce.files import read_object, stays_inside
from zero_dce.images.decode import decode_within, header_size
from zero_dce.records.configuration import select_option
from zero_dce.records.run import CHECKPOINTS, HYDRA, MANIFEST, ORIGIN_FILE
from zero_dce.terminal import progress_bar
from zero_dce.weights import is_address

# Pictures are compared shrunk to this many pixels on the longer side.
COMPARED_SIDE = 64


@dataclass(frozen=True)
class Overlap:
    """How many test pictures are in a training set.

    Attributes:
        training: what the training set is called.
        pictures: how many pictures it has.
        unread: how many of these cannot be read, so that nothing is known of them.
        shared: the names of the test pictures that are in it, or whose reference is.
        tested: how many test pictures there are.
    """

    training: str
    pictures: int
    unread: int
    shared: list[str]
    tested: int

    def __str__(self) -> str:
        unread = f", of which {self.unread} cannot be read" if self.unread else ""
        training = f"{self.training} ({self.pictures} pictures{unread})"
        if not self.shared:
            return f"none of the {self.tested} test pictures is in {training}"
        names = ", ".join(self.shared[:3]) + (" ..." if len(self.shared) > 3 else "")
        return (
            f"{len(self.shared)} of the {self.tested} test pictures are in {training}, so weights trained on it have "
            f"seen them: {names}"
        )


def find_overlaps(
    pairs: Sequence[Pair], training_parts: Mapping[str, Sequence[Path]], weights: Sequence[str | Path]
) -> list[Overlap]:
    """Compare test pictures with training sets: those in folders, and those that checkpoints were trained on.

    Args:
        pairs: the test pictures.
        training_parts: folders of training pictures, by the name of their data set.
        weights: checkpoints, see :func:`training_files`; addresses tell nothing of their training pictures.

    Raises:
        ValueError: if a run's record of its training pictures is damaged, or a folder cannot be listed.
    """
    overlaps = []
    for name, folders in training_parts.items():
        files = [folder / path for folder in folders for path in list_folder(folder)]
        overlaps.append(find_overlap(pairs, f"{name}'s training part", files))
    for path in weights:
        if is_address(path):
            continue
        trained_on = training_files(Path(path))
        if trained_on is not None:
            overlaps.append(find_overlap(pairs, f"the training pictures of {path}", trained_on))
    return overlaps


def find_overlap(pairs: Sequence[Pair], training: str, files: Sequence[Path]) -> Overlap:
    """Compare test pictures and their references with training pictures.

    Two files hold one picture if their sizes are equal, and their pixels once they are shrunk to 64 pixels: a picture
    is found under another name and in another format that loses nothing, and not found where it was cut, resized or
    compressed anew. Only training pictures that have the size of a test picture are decoded.

    Args:
        pairs: the test pictures.
        training: what the training set is called.
        files: its pictures.
    """
    tested = {pair.name: [file for file in (pair.image, pair.reference) if file is not None] for pair in pairs}
    tested_sizes = {_size_of(file) for both in tested.values() for file in both} - {None}
    sizes = {file: _size_of(file) for file in files}
    candidates = [file for file, size in sizes.items() if size in tested_sizes]
    bar = progress_bar(iterable=candidates, desc=f"comparing with {training}", unit="picture", delay=1)
    prints = [_print_of(file) for file in bar]
    unread = [*sizes.values(), *prints].count(None)
    seen = set(prints) - {None}
    shared = [name for name, both in tested.items() if seen and any(_print_of(file) in seen for file in both)]
    return Overlap(training, len(files), unread, shared, len(pairs))


def training_files(weights: Path) -> list[Path] | None:
    """Return the pictures that a checkpoint was trained on, as its run has recorded them.

    Args:
        weights: a run's folder, a checkpoint in it, or the folder of a picked checkpoint.

    Returns:
        The files; ``None`` where no record is found, or the data set is not where it was.

    Raises:
        ValueError: if a record is damaged.
    """
    run = _run_of(weights)
    if run is None or not (run / MANIFEST).is_file() or not (run / HYDRA / "config.yaml").is_file():
        return None
    root = select_option(run / HYDRA / "config.yaml", "data.root", (str, None))
    if not root or not Path(root).is_dir():
        return None
    # The run may be somebody else's, and its record may name any file.
    return [Path(root) / path for path in Split.read(run / MANIFEST).train if stays_inside(path)]


def _run_of(weights: Path) -> Path | None:
    if not weights.is_dir():
        return weights.parent.parent if weights.parent.name == CHECKPOINTS else None
    origin = read_object(weights / ORIGIN_FILE, {"checkpoint": str})
    return weights if origin is None else Path(origin["checkpoint"]).parent.parent


def _size_of(file: Path) -> tuple[int, int] | None:
    """Return the sides by their length, as the file's header gives them; ``None`` where it cannot be read."""
    if not file.is_file():
        return None
    try:
        width, height = header_size(file)
    except Exception:
        # On a damaged header Pillow raises errors of many kinds.
        return None
    return min(width, height), max(width, height)


def _print_of(file: Path) -> str | None:
    """Return a hash of a picture's pixels, shrunk; ``None`` where it cannot be read."""
    try:
        return hashlib.sha256(decode_within(file, COMPARED_SIDE).tobytes()).hexdigest()
    except (ValueError, MemoryError):
        return None

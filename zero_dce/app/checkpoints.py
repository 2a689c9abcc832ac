"""The weights that the page offers: of files, picked folders, runs and sweeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from zero_dce.enhance.trained import TRAINED
from zero_dce.records.run import CHECKPOINTS, LAST, saved_checkpoints
from zero_dce.weights import WEIGHTS_FILE, find_file, is_address

OWN_WEIGHTS = "the package's own"


def list_weights(places: Sequence[str | Path]) -> dict[str, Path]:
    """Return the weights in some places by the names that a person chooses them by.

    Args:
        places: each a file with weights; the folder that ``python -m zero_dce.review pick`` wrote; a run's folder, for
            each of its checkpoints; a sweep's, for what was picked and each run's checkpoints; a folder of
            ``.safetensors`` files; or an address, such as ``hf://USER/NAME``. None of them are the package's own
            weights.

    Returns:
        Files by name, such as ``run 3, step 600 (exp=10 tv=200)``, in the order of the places. What an address leads to
        is fetched; none is opened.

    Raises:
        FileNotFoundError: if a place does not exist, or holds no weights.
        ValueError: if a file of a sweep's folder is damaged.
    """
    if not places:
        return {OWN_WEIGHTS: TRAINED}
    found: dict[str, Path] = {}
    for place in places:
        for name, file in _weights_in(place):
            # Two sweeps have runs of the same numbers.
            found[name if name not in found else f"{name} in {place}"] = file
    return found


def _weights_in(place: str | Path) -> list[tuple[str, Path]]:
    if is_address(place):
        return [(str(place), find_file(place))]
    place = Path(place)
    if not place.is_dir():
        return [(place.name, find_file(place))]
    # Hydra, which reads the swept values, takes a while to import.
    from zero_dce.records.sweep import PICKED, PLAN

    if (place / PLAN).is_file():
        found = [*_of_folder(place / PICKED, PICKED), *_of_sweep(place)]
    else:
        found = [*_of_folder(place, place.name), *_of_run(place, place.name)]
    if not found:
        raise FileNotFoundError(
            f"{place} holds no weights; expected a picked folder ({WEIGHTS_FILE}), a run's ({CHECKPOINTS}/), a sweep's "
            f"({PLAN} and its runs) or a folder of .safetensors files"
        )
    return found


def _of_folder(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.glob("*.safetensors")):
        yield (name if file.name == WEIGHTS_FILE else file.stem), file


def _of_run(run: Path, name: str, point: str = "") -> Iterator[tuple[str, Path]]:
    """Yield a run's checkpoints, the last step's first."""
    about = f" ({point})" if point else ""
    files = saved_checkpoints(run)
    for step in sorted(files, reverse=True):
        yield f"{name}, step {step}{about}", files[step]
    last = run / CHECKPOINTS / LAST
    # It is the last step's again, unless the run goes on or was stopped between two steps that are kept.
    if last.is_file() and all(last.stat().st_mtime > file.stat().st_mtime + 1 for file in files.values()):
        yield f"{name}, {LAST}{about}", last


def _of_sweep(folder: Path) -> Iterator[tuple[str, Path]]:
    from zero_dce.records.sweep import read_sweep

    for row in read_sweep(folder):
        yield from _of_run(folder / row["folder"], f"run {row['run']}", row["point"])

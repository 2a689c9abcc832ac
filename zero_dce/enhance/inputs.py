"""The files that the command's arguments name, and the file that each result becomes."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from zero_dce.data.index import find_folder


@dataclass(frozen=True)
class FilePair:
    """A file to enhance, and the file that the result becomes.

    Attributes:
        input: the file, or a folder that cannot be listed.
        output: the result.
        problem: why the input cannot be enhanced.
    """

    input: Path
    output: Path
    problem: str | None = None


def find_file_pairs(
    inputs: Sequence[str], output: Path, files_of: Callable[[Path], Sequence[Path]] = lambda output: [output]
) -> list[FilePair]:
    """Find the files that the inputs name: a file, all images below a folder, or the files that match a pattern.

    A file's result gets the file's name in the folder ``output``, with the subfolders below a given folder or below
    the fixed part of a pattern. Results that already lie in ``output`` are not taken as inputs.

    Args:
        inputs: files, folders, and patterns such as ``photos/**/*.jpg`` (``**`` matches any subfolders).
        output: the folder for the results.
        files_of: returns all files that are written for a result, beginning with the result itself.

    Raises:
        FileNotFoundError: if an input does not exist, or a folder or pattern holds no file.
        ValueError: if an input is empty or holds nothing but results, a file would overwrite an input, or two files
            have one name.
    """
    pairs: dict[Path, FilePair] = {}
    for text in inputs:
        for file, name, problem in _expand(text, output):
            # A file may be named twice, and with different spellings.
            pairs.setdefault(file.resolve(), FilePair(file, output / name, problem))
    _check_apart(pairs, files_of)
    return list(pairs.values())


def _expand(text: str, output: Path) -> Iterator[tuple[Path, Path, str | None]]:
    """Yield each file that an argument names, the name of its result, and its problem."""
    if not text:
        raise ValueError("an input is empty, perhaps an unset variable; expected a file, a folder, or a pattern")
    path = Path(text)
    if path.is_dir():
        found = find_folder(path)
        for name in _without_results([Path(entry.path) for entry in found.entries], path, text, output):
            problem = None
            if (path / name).exists() and not (path / name).is_file():
                problem = f"{path / name} is a pipe or a device; expected a file"
            yield path / name, name, problem
        for folder, reason in found.unreadable.items():
            yield path / folder, Path(folder), f"cannot list {path / folder}: {reason}"
    elif path.exists() or not glob.has_magic(text):
        if not path.exists():
            raise FileNotFoundError(f"{text} does not exist; expected a file, a folder, or a pattern such as '*.jpg'")
        yield path, Path(path.name), None
    else:
        base = Path(*takewhile(lambda part: not glob.has_magic(part), path.parts))
        matches = map(Path, sorted(glob.glob(text, recursive=True)))  # noqa: PTH207  # Path.glob takes no absolute pattern
        names = [file.relative_to(base) for file in matches if file.is_file()]
        if not names:
            raise FileNotFoundError(f"no file matches the pattern {text}")
        for name in _without_results(names, base, text, output):
            yield base / name, name, None


def _without_results(names: Sequence[Path], base: Path, text: str, output: Path) -> list[Path]:
    """Return the names of the files below ``base`` that do not lie in the folder of the results."""
    folder = output.resolve()
    kept = [name for name in names if folder not in (base / name).resolve().parents]
    if not kept:
        raise ValueError(
            f"all files of {text} lie in the folder of the results, {output}: choose another folder with --output"
        )
    return kept


def _check_apart(pairs: dict[Path, FilePair], files_of: Callable[[Path], Sequence[Path]]) -> None:
    """Raise ValueError unless every result is a file of its own, and none is an input."""
    sources: dict[Path, Path] = {}
    for pair in pairs.values():
        for target in files_of(pair.output):
            place = target.resolve()
            if place in pairs:
                raise ValueError(
                    f"the result of {pair.input} would overwrite the input {pairs[place].input}: choose another folder "
                    "with --output"
                )
            if place in sources:
                raise ValueError(
                    f"{sources[place]} and {pair.input} would both become {target}: enhance them in two runs with two "
                    "--output folders, or give the folder above them, whose subfolders are kept"
                )
            sources[place] = pair.input

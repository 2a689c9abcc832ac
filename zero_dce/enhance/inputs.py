"""Which files a person means, and where each result goes."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zero_dce.data.index import find_folder


@dataclass(frozen=True)
class Job:
    """A file to enhance, and the file that the result becomes.

    Attributes:
        input: the file, or a folder that cannot be listed.
        output: the result.
        problem: why nothing can come of it.
    """

    input: Path
    output: Path
    problem: str | None = None


def find_jobs(
    inputs: Sequence[str], output: Path, files_of: Callable[[Path], Sequence[Path]] = lambda output: [output]
) -> list[Job]:
    """Find the files that are meant: a file by its name, a folder with all images below it, a pattern.

    A file's result gets its name in the folder ``output``; what is below a folder, or below the fixed part of a
    pattern, keeps its subfolders there. Results that lie in ``output`` already are no inputs.

    Args:
        inputs: files, folders, and patterns such as ``photos/**/*.jpg`` (``**`` matches any subfolders).
        output: the folder for the results.
        files_of: all files that are written for a result, beginning with itself.

    Raises:
        FileNotFoundError: if an input does not exist, or a folder or pattern holds no file.
        ValueError: if an input is empty or holds nothing but results, a file would overwrite an input, or two files
            have one name.
    """
    jobs: dict[Path, Job] = {}
    for text in inputs:
        for file, name, problem in _expand(text, output):
            # A file may be named twice, and in two ways.
            jobs.setdefault(file.resolve(), Job(file, output / name, problem))
    _check_apart(jobs, files_of)
    return list(jobs.values())


def _expand(text: str, output: Path) -> Iterator[tuple[Path, Path, str | None]]:
    """Yield each file that an argument means, the name of its result, and what is wrong with it."""
    if not text:
        raise ValueError("an input is empty, perhaps an unset variable; expected a file, a folder, or a pattern")
    path = Path(text)
    if path.is_dir():
        found = find_folder(path)
        for name in _but_results([Path(entry.path) for entry in found.entries], path, text, output):
            special = (path / name).exists() and not (path / name).is_file()
            yield path / name, name, f"{path / name} is a pipe or a device; expected a file" if special else None
        for folder, reason in found.unreadable.items():
            yield path / folder, Path(folder), f"cannot list {path / folder}: {reason}"
    elif path.exists() or not glob.has_magic(text):
        if not path.exists():
            raise FileNotFoundError(f"{text} does not exist; expected a file, a folder, or a pattern such as '*.jpg'")
        yield path, Path(path.name), None
    else:
        base = Path(*_fixed_part(path))
        files = [file for file in map(Path, sorted(glob.glob(text, recursive=True))) if file.is_file()]  # noqa: PTH207  # Path.glob takes no absolute pattern
        if not files:
            raise FileNotFoundError(f"no file matches the pattern {text}")
        names = [file.relative_to(base) for file in files]
        yield from ((base / name, name, None) for name in _but_results(names, base, text, output))


def _fixed_part(pattern: Path) -> list[str]:
    parts = []
    for part in pattern.parts:
        if glob.has_magic(part):
            break
        parts.append(part)
    return parts


def _but_results(names: Sequence[Path], base: Path, text: str, output: Path) -> list[Path]:
    """Return the names of files below ``base`` that do not lie in the folder of the results."""
    folder = output.resolve()
    kept = [name for name in names if folder not in (base / name).resolve().parents]
    if not kept:
        raise ValueError(
            f"all files of {text} lie in the folder of the results, {output}: choose another folder with --output"
        )
    return kept


def _check_apart(jobs: dict[Path, Job], files_of: Callable[[Path], Sequence[Path]]) -> None:
    sources: dict[Path, Path] = {}
    for job in jobs.values():
        for target in files_of(job.output):
            place = target.resolve()
            if place in jobs:
                raise ValueError(
                    f"the result of {job.input} would overwrite the input {jobs[place].input}: choose another folder "
                    "with --output"
                )
            if place in sources:
                raise ValueError(
                    f"{sources[place]} and {job.input} would both become {target}: enhance them in two runs with two "
                    "--output folders, or give the folder above them, whose subfolders are kept"
                )
            sources[place] = job.input

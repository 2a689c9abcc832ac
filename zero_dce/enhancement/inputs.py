"""Which files a person means, and where each result goes."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
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


def find_jobs(inputs: Sequence[str], output: Path) -> list[Job]:
    """Find the files that are meant: a file by its name, a folder with all images below it, a pattern.

    A file's result gets its name in the folder ``output``; what is below a folder, or below the fixed part of a
    pattern, keeps its subfolders there. Results that lie in ``output`` already are no inputs.

    Args:
        inputs: files, folders, and patterns such as ``photos/**/*.jpg`` (``**`` matches any subfolders).
        output: the folder for the results.

    Raises:
        FileNotFoundError: if an input does not exist, or a folder or pattern holds no file.
        ValueError: if a result would overwrite an input, or two results have one name.
    """
    jobs: dict[Path, Job] = {}
    for text in inputs:
        for file, name, problem in _expand(text, output):
            jobs.setdefault(file, Job(file, output / name, problem))
    _check_apart({job.input: job.output for job in jobs.values()})
    return list(jobs.values())


def _expand(text: str, output: Path) -> Iterator[tuple[Path, Path, str | None]]:
    """Yield each file that an argument means, the name of its result, and what is wrong with it."""
    path = Path(text)
    if path.is_dir():
        found = find_folder(path)
        for entry in found.entries:
            if not _is_below(path / entry.path, output):
                yield path / entry.path, Path(entry.path), None
        for name, reason in found.unreadable.items():
            yield path / name, Path(name), f"cannot list {path / name}: {reason}"
    elif path.exists() or not glob.has_magic(text):
        if not path.exists():
            raise FileNotFoundError(f"{text} does not exist; expected a file, a folder, or a pattern such as '*.jpg'")
        yield path, Path(path.name), None
    else:
        base = Path(*_fixed_part(path))
        files = [file for file in map(Path, sorted(glob.glob(text, recursive=True))) if file.is_file()]  # noqa: PTH207  # Path.glob takes no absolute pattern
        if not files:
            raise FileNotFoundError(f"no file matches the pattern {text}")
        yield from ((file, file.relative_to(base), None) for file in files if not _is_below(file, output))


def _fixed_part(pattern: Path) -> list[str]:
    parts = []
    for part in pattern.parts:
        if glob.has_magic(part):
            break
        parts.append(part)
    return parts


def _is_below(file: Path, folder: Path) -> bool:
    return folder.resolve() in file.resolve().parents


def _check_apart(jobs: dict[Path, Path]) -> None:
    real = {file.resolve(): file for file in jobs}
    sources: dict[Path, Path] = {}
    for file, target in jobs.items():
        place = target.resolve()
        if place in real:
            raise ValueError(
                f"the result of {file} would overwrite the input {real[place]}: choose another folder with --output"
            )
        if place in sources:
            raise ValueError(
                f"{sources[place]} and {file} would both become {target}: enhance them in two runs with two --output "
                "folders, or give the folder above them, whose subfolders are kept"
            )
        sources[place] = file

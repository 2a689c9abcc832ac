"""The files that the command's arguments name, and the file that each result becomes."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from zero_dce.data.index import walk_folder
from zero_dce.enhance.video import CONTAINERS, UNSUITED, has_pyav
from zero_dce.images.suffixes import missing_readers, picture_suffixes
from zero_dce.terminal import pip_install

OTHER_PICTURES = {".gif", ".psd", ".ppm", ".pgm", ".pnm", ".tga", ".exr", ".hdr"}
# What is to be done with files that are not read.
REMEDIES = {
    "convert them to JPEG, PNG or TIFF first, for example with ImageMagick": OTHER_PICTURES,
    "convert these clips to .mkv first, for example with FFmpeg": UNSUITED,
    f"{pip_install('video')} reads these clips": set(CONTAINERS),
}


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


@dataclass
class FoundInputs:
    """The files to enhance, and what else lies in the folders.

    Attributes:
        pairs: each file to enhance, once, and its result.
        passed_over: lines about files in given folders that cannot be read: how many of which kind, and what to do.
    """

    pairs: list[FilePair] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)


def find_file_pairs(
    inputs: Sequence[str],
    output: Path,
    files_of: Callable[[Path], Sequence[Path]] = lambda output: [output],
    suffix_of: Callable[[str], str] = str,
) -> FoundInputs:
    """Find the files that the inputs name: a file, all that can be read below a folder, or what matches a pattern.

    Clips are taken from a folder if PyAV is installed, and pictures if what reads them is.

    A file's result gets the file's name, with the suffix that ``suffix_of`` gives for its own, in the folder
    ``output``, with the subfolders below a given folder or below the fixed part of a pattern. Results that already lie
    in ``output`` are not taken as inputs.

    Args:
        inputs: files, folders, and patterns such as ``photos/**/*.jpg`` (``**`` matches any subfolders).
        output: the folder for the results.
        files_of: returns all files that are written for a result, beginning with the result itself.
        suffix_of: returns the suffix of the result of a file with this suffix.

    Raises:
        FileNotFoundError: if an input does not exist, or a folder or pattern holds no file.
        ValueError: if an input is empty or holds nothing but results, a file would overwrite an input, or two files
            have one name.
    """
    pairs: dict[Path, FilePair] = {}
    passed_over: list[str] = []
    for text in inputs:
        for file, name, problem in _expand(text, output, passed_over):
            target = name.with_suffix(suffix_of(name.suffix)) if name.suffix else name
            # A file may be named twice, and with different spellings; but each of two links to it has its own result.
            pairs.setdefault(file.parent.resolve() / file.name, FilePair(file, output / target, problem))
    found = list(pairs.values())
    _check_apart(found, files_of)
    return FoundInputs(found, passed_over)


def _expand(text: str, output: Path, passed_over: list[str]) -> Iterator[tuple[Path, Path, str | None]]:
    """Yield each file that an argument names, the name of its result, and its problem; add to ``passed_over``."""
    if not text:
        raise ValueError("an input is empty, perhaps an unset variable; expected a file, a folder, or a pattern")
    path = Path(text)
    if path.is_dir():
        yield from _expand_folder(path, text, output, passed_over)
    elif path.exists() or not glob.has_magic(text):
        if not path.exists():
            raise FileNotFoundError(f"{text} does not exist; expected a file, a folder, or a pattern such as '*.jpg'")
        yield path, Path(path.name), _special(path)
    else:
        base = Path(*takewhile(lambda part: not glob.has_magic(part), path.parts))
        matches = map(Path, sorted(glob.glob(text, recursive=True)))  # noqa: PTH207  # Path.glob takes no absolute pattern
        names = [file.relative_to(base) for file in matches if file.is_file()]
        if not names:
            raise FileNotFoundError(f"no file matches the pattern {text}")
        for name in _without_results(names, base, text, output):
            yield base / name, name, None


def _expand_folder(
    folder: Path, text: str, output: Path, passed_over: list[str]
) -> Iterator[tuple[Path, Path, str | None]]:
    suffixes = picture_suffixes() | (CONTAINERS.keys() if has_pyav() else set())
    found, unreadable, others = walk_folder(folder, folder, suffixes)
    lines = _describe_others(others)
    if not found:
        expected = f"no images in {folder}: expected files ending in {', '.join(sorted(suffixes))}"
        raise FileNotFoundError("; ".join([expected, *lines]))
    passed_over += [f"{text}: {line}" for line in lines]
    for name in _without_results([Path(path) for path in found], folder, text, output):
        yield folder / name, name, _special(folder / name)
    for below, reason in unreadable.items():
        yield folder / below, Path(below), f"cannot list {folder / below}: {reason}"


def _special(file: Path) -> str | None:
    """Say why a file cannot be read that is none; opening a pipe would wait for somebody to write to it."""
    if file.exists() and not file.is_file():
        return f"{file} is a pipe or a device; expected a file"
    return None


def _describe_others(others: Counter[str]) -> list[str]:
    """Describe what a folder holds beside files that can be read: a line for each remedy, and one for the rest."""
    rest, lines = Counter(others), []
    missing = {f"{command} reads them": set(suffixes) for command, suffixes in missing_readers().items()}
    for remedy, suffixes in (REMEDIES | missing).items():
        counts = [f"{rest.pop(f'{suffix} files')} {suffix}" for suffix in sorted(suffixes) if f"{suffix} files" in rest]
        if counts:
            lines.append(f"passed over {', '.join(counts)}: {remedy}")
    if rest:
        lines.append(f"passed over {', '.join(f'{count} {kind}' for kind, count in sorted(rest.items()))}")
    return lines


def _without_results(names: Sequence[Path], base: Path, text: str, output: Path) -> list[Path]:
    """Return the names of the files below ``base`` that do not lie in the folder of the results."""
    folder = output.resolve()
    kept = [name for name in names if folder not in (base / name).resolve().parents]
    if not kept:
        raise ValueError(
            f"all files of {text} lie in the folder of the results, {output}: choose another folder with --output"
        )
    return kept


def _check_apart(pairs: Sequence[FilePair], files_of: Callable[[Path], Sequence[Path]]) -> None:
    """Raise ValueError unless every result is a file of its own, and none is an input."""
    inputs = {pair.input.resolve(): pair.input for pair in pairs}
    sources: dict[Path, Path] = {}
    for pair in pairs:
        for target in files_of(pair.output):
            place = target.resolve()
            if place in inputs:
                raise ValueError(
                    f"the result of {pair.input} would overwrite the input {inputs[place]}: choose another folder with "
                    "--output"
                )
            if place in sources:
                raise ValueError(
                    f"{sources[place]} and {pair.input} would both become {target}: enhance them in two runs with two "
                    "--output folders, or give the folder above them, whose subfolders are kept"
                )
            sources[place] = pair.input

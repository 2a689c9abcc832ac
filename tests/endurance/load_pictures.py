"""A folder of thousands of pictures, some of them damaged, enhanced by one command that is watched."""

from __future__ import annotations

import io
import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tests.endurance.load_watch import Watched, watch
from tests.helpers.processes import Command

SIZE = (160, 120)
# A name of bytes that are no text in UTF-8.
ODD_NAME = os.fsdecode(b"99999-\xff\xfe.png")


class PictureFolder:
    """A folder of small pictures, one file in a hundred of which is bad, or in another number.

    Attributes:
        folder: the folder.
        good: the names of the files that can be enhanced, one of them in no encoding.
        bad: the names of those that cannot.
    """

    def __init__(self, folder: Path, count: int, one_in: int = 100) -> None:
        self.folder = folder
        self.good: list[str] = []
        self.bad: list[str] = []
        folder.mkdir()
        encoded = [_encode(seed, kind) for seed in range(8) for kind in ("JPEG", "PNG")]
        for number in range(count):
            content, suffix = encoded[number % len(encoded)], (".jpg", ".png")[number % 2]
            name = f"{number:05d}{suffix}"
            if number % one_in == one_in // 2:
                self._spoil(name, content, number // one_in % 4)
            else:
                (folder / name).write_bytes(content)
                self.good.append(name)
        (folder / ODD_NAME).write_bytes(encoded[1])
        self.good.append(ODD_NAME)
        # A folder that is named as a picture is looked into, and holds none.
        (folder / "folder.jpg").mkdir()

    def _spoil(self, name: str, content: bytes, kind: int) -> None:
        self.bad.append(name)
        spoilt = (content[: len(content) // 2], b"", b"this is a text and no picture\n" * 20, content)[kind]
        (self.folder / name).write_bytes(spoilt)
        if kind == 3:
            if os.geteuid():
                (self.folder / name).chmod(0)
            else:
                # Root reads whatever there is: a link that leads nowhere cannot be read either.
                (self.folder / name).unlink()
                (self.folder / name).symlink_to("nowhere")


def _encode(seed: int, kind: str) -> bytes:
    generator = np.random.default_rng(seed)
    small = Image.fromarray(generator.integers(0, 110, (9, 12, 3), dtype=np.uint8))
    stream = io.BytesIO()
    small.resize(SIZE, Image.Resampling.BICUBIC).save(stream, kind)
    return stream.getvalue()


def enhance(pictures: PictureFolder, output: Path, *options: str) -> tuple[Watched, list[str]]:
    """Enhance the folder and watch the command; return what was seen, and the lines that it wrote to errors."""
    arguments = [str(pictures.folder), "--output", str(output), *options]
    command = Command("zero_dce.enhance", arguments, pictures.folder.parent)
    try:
        watched = watch(command, lambda: len(names_in(output)) if output.is_dir() else 0)
    finally:
        command.kill()
    return watched, command.errors().splitlines()


def names_in(folder: Path) -> set[str]:
    """Return the names in a folder, in whatever encoding."""
    return {file.name for file in folder.iterdir()}


def enhanced_faults(
    pictures: PictureFolder, output: Path, code: int, errors: Sequence[str]
) -> Generator[str, None, int]:
    """Yield what is wrong after a folder was enhanced, and return how many files are right.

    Each good picture has a result, each bad one its reason.
    """
    if code != int(bool(pictures.bad)):
        yield f"exit code {code}"
    names = names_in(output) if output.is_dir() else set()
    if names != set(pictures.good):
        yield f"{len(set(pictures.good) - names)} results are missing, {len(names - set(pictures.good))} are too many"
    right = yield from named_faults(pictures, errors)
    for name in sorted(names):
        fault = _result_fault(output / name)
        if fault:
            yield fault
        else:
            right += name in pictures.good
    return right


def _result_fault(file: Path) -> str:
    try:
        with Image.open(file) as image:
            image.load()
    except OSError as error:
        return f"{file.name!r} cannot be read: {error}"
    return "" if image.size == SIZE else f"{file.name!r} has the size {image.size}"


def named_faults(pictures: PictureFolder, errors: Sequence[str]) -> Generator[str, None, int]:
    """Yield which bad files are not named with a reason, once each, or others are; return how many are."""
    right = 0
    failed = [line for line in errors if line.startswith("failed: ")]
    if len(failed) != len(pictures.bad):
        yield f"{len(failed)} of {len(pictures.bad)} bad files are told as failed"
    for name in pictures.bad:
        lines = [line for line in failed if str(pictures.folder / name) in line]
        if len(lines) != 1 or len(lines[0]) < len(f"failed: {pictures.folder / name}: ") + 5:
            yield f"{name} is told as {lines}"
        else:
            right += 1
    return right


def again_faults(pictures: PictureFolder, output: Path) -> Iterator[str]:
    """Yield what is wrong where the command is given again: refused without an option, and only the rest with one."""
    before = {file: file.stat().st_mtime_ns for file in output.iterdir()}
    refused, errors = enhance(pictures, output)
    told = sum("exists already" in line for line in errors)
    if refused.code != 1 or told != len(pictures.good):
        yield f"again: exit code {refused.code}, {told} of {len(pictures.good)} told to exist"
    skipped, errors = enhance(pictures, output, "--skip-existing")
    if skipped.code != 1:
        yield f"with --skip-existing: exit code {skipped.code}"
    yield from named_faults(pictures, errors)
    if {file: file.stat().st_mtime_ns for file in output.iterdir()} != before:
        yield "results were written again"

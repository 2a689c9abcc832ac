"""Whether each file of a folder is whole, at any moment, by what its name says that it is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
import yaml
from PIL import Image

# What a name ends in whose file or folder is not finished, replaced, or a lock.
PASSING = (".unfinished", ".before-overwriting", ".lock")
# W&B writes its own, which it reads also half-written.
FOREIGN = "wandb"


def find_torn(folder: Path) -> str:
    """Say which files are half-written under a name that says that they are finished; empty where none is."""
    torn = []
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        check = CHECKS.get(file.suffix)
        if check is None or not file.is_file() or FOREIGN in parts or any(part.endswith(PASSING) for part in parts):
            continue
        try:
            check(file.read_bytes())
        except Exception as error:
            torn.append(f"{file.relative_to(folder)} ({type(error).__name__}: {str(error)[:100]})")
    return "; ".join(torn)


def find_mixed(
    artifacts: Sequence[tuple[str, ...]],
    before: Mapping[str, object],
    expected: Mapping[str, object],
    found: Mapping[str, object],
) -> str:
    """Say which artifacts have some files of an earlier time and some of a later one; empty where none has.

    Args:
        artifacts: of each, the names of the files that belong together; a folder's, with all in it, ends in ``/``.
        before: what there was before, by name; contents are compared as they are.
        expected: what there is in the end.
        found: what there is now, without what has a passing name.
    """
    mixed = []
    for members in artifacts:
        own = {name: content for name, content in found.items() if _belongs(name, members)}
        if not any(own.items() <= whole.items() for whole in (before, expected)):
            mixed.append(" and ".join(members))
    return ", ".join(mixed)


def _belongs(name: str, members: tuple[str, ...]) -> bool:
    return any(name == member or (member.endswith("/") and name.startswith(member)) for member in members)


def _json(content: bytes) -> None:
    json.loads(content)


def _table(content: bytes) -> None:
    """A half-written table lacks the end of its last line, or cells in it."""
    if not content.endswith(b"\n"):
        raise ValueError("the last line has no end")
    widths = {len(row) for row in csv.reader(content.decode().splitlines())}
    if len(widths) != 1:
        raise ValueError(f"rows of {widths} cells")


def _picture(content: bytes) -> None:
    with Image.open(io.BytesIO(content)) as picture:
        picture.load()


def _checkpoint(content: bytes) -> None:
    torch.load(io.BytesIO(content), weights_only=True)


def _page(content: bytes) -> None:
    if not content.rstrip().endswith(b"</html>"):
        raise ValueError("it does not end in </html>")


def _yaml(content: bytes) -> None:
    """A part of a file may well be YAML, but Hydra's files are never empty and end with their last line."""
    if yaml.safe_load(content) is None or not content.endswith(b"\n"):
        raise ValueError("it is empty, or its last line has no end")


CHECKS: dict[str, Callable[[bytes], None]] = {
    ".json": _json,
    ".csv": _table,
    ".png": _picture,
    ".jpg": _picture,
    ".ckpt": _checkpoint,
    ".html": _page,
    ".yaml": _yaml,
}

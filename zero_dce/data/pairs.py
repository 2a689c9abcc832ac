"""``pairs.csv``: which image has which other one as its reference."""

from __future__ import annotations

import csv
import posixpath
from pathlib import Path

PAIRS_FILE = "pairs.csv"
COLUMNS = ("low", "reference")


def read_pairs(root: Path) -> dict[str, str]:
    """Read ``pairs.csv`` below the root: which image (``low``) has which other one as ``reference``.

    Returns:
        From path to reference path, both relative to the root, with forward slashes; empty without such a file.

    Raises:
        ValueError: if a column or a value is missing, or a file it names does not exist.
    """
    file = root / PAIRS_FILE
    return read_pairs_file(file, root) if file.is_file() else {}


def read_pairs_file(file: Path, root: Path) -> dict[str, str]:
    """Read a file like ``pairs.csv`` that lies anywhere.

    Returns:
        From path to reference path, both relative to the root, with forward slashes.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a column or a value is missing, or a file it names does not exist.
    """
    # Spreadsheets write a mark at the start.
    with file.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        columns, rows = list(reader.fieldnames or ()), list(reader)
    if not {*COLUMNS} <= {*columns}:
        raise ValueError(f"{file} has the columns {columns}; expected at least low and reference")
    for line, row in enumerate(rows, start=2):
        if not all(row[name] for name in COLUMNS):
            raise ValueError(f"{file}, line {line}: low or reference is empty; expected two paths relative to {root}")
    low, reference = ([posixpath.normpath(row[name].replace("\\", "/")) for row in rows] for name in COLUMNS)
    pairs = dict(zip(low, reference, strict=True))
    missing = [path for path in {*low, *reference} if not (root / path).is_file()]
    if missing:
        raise ValueError(f"{file} names {len(missing)} files that do not exist, among them {sorted(missing)[0]}")
    return pairs

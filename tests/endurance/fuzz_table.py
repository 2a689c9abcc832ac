"""The table ``fuzz.md``: one row a reader, of its last search."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("fuzz.md")
LIBRARIES = ("atheris", "pillow", "imagecodecs", "tifffile", "pillow-heif", "rawpy", "av", "safetensors", "torch")
TITLES = ("reader", "minutes", "executions", "inputs kept", "fails now", "not repeated", "mended", "date")
START = """# Hostile input, by search

Each reader was given mutated files, guided by the branches of the code that they reach; `make fuzz` writes this table.
A reader must return, or raise its documented error, within 10 s of processor time and 500 MB, and never end the
process. Each row is of the last search in that reader: its minutes by the clock, how many inputs it was given, how many
are kept because they reach something new, and what fails now. `not repeated` counts what ended the search or was slow
in it, and passed by itself: other processes may have been the cause, but a crash among it fails the search too.
`mended` counts the files in `corpora/` that once failed; `test_fuzz.py` reads them and the rest of `corpora/` in each
run of the tests.

"""


class Row(NamedTuple):
    """The cells of one reader; the date is added."""

    reader: str
    minutes: str
    executions: str
    kept: str
    fails: str
    not_repeated: str
    mended: str
    date: str = ""


def write_table(rows: Iterable[Row], file: Path = TABLE) -> None:
    """Replace the rows of readers in the table; others stay."""
    known = {row.reader: row for row in read_table(file)}
    today = time.strftime("%Y-%m-%d")
    known |= {row.reader: row._replace(date=today) for row in rows}
    lines = [f"| {' | '.join(TITLES)} |", "|" + " --- |" * len(TITLES)]
    lines += [f"| {' | '.join(row)} |" for _, row in sorted(known.items())]
    file.write_text(START + "\n".join([*lines, "", versions(), ""]))


def read_table(file: Path = TABLE) -> list[Row]:
    """Return the rows of the table; none, if it is not there."""
    if not file.is_file():
        return []
    lines = [line for line in file.read_text().splitlines() if line.startswith("| ")][2:]
    return [Row(*(cell.strip() for cell in line.strip("|").split(" | "))) for line in lines]


def versions() -> str:
    """Say on what the last search ran."""
    found = []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    machine = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"{machine}; {', '.join(found)}."

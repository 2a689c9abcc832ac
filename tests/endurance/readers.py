"""The registry of all readers that are fuzzed; each entry is a :class:`tests.endurance.reader.Reader`."""

from __future__ import annotations

import importlib
from typing import cast

from tests.endurance.reader import Reader

# Each has a tuple READERS.
REGISTRIES = (
    "tests.endurance.picture_readers",
    "tests.endurance.metadata_readers",
    "tests.endurance.clip_readers",
    "tests.endurance.weight_readers",
    "tests.endurance.record_readers",
    "tests.endurance.table_readers",
    "tests.endurance.service_readers",
)


def all_readers() -> list[Reader]:
    """Return all readers, in the order of the table."""
    return [
        reader for name in REGISTRIES for reader in cast("tuple[Reader, ...]", importlib.import_module(name).READERS)
    ]


def find_reader(name: str) -> Reader:
    """Return a reader by its name.

    Raises:
        ValueError: if there is none.
    """
    found = {reader.name: reader for reader in all_readers()}
    if name not in found:
        raise ValueError(f"no reader {name!r}; there are {', '.join(found)}")
    return found[name]

"""What a user is told about the files of a data set before training."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from zero_dce.data.index import Index, printable
from zero_dce.data.split import Split, outside, shared_scenes
from zero_dce.data.survey import Record

log = logging.getLogger(__name__)
# More rows than this would bury the rest of the log.
MOST_ROWS = 50


class BadImagesError(ValueError):
    """Files of a data set cannot be used; the message names them."""


def left_out(index: Index, split: Split, records: Sequence[Record]) -> dict[str, str]:
    """Return what cannot be used, with the reason: bad files and folders, and paths that only a manifest has."""
    missing = dict.fromkeys(outside(split, index.entries), "named by the manifest, but no image of the data set")
    return index.unreadable | missing | {record.path: record.bad for record in records if record.bad}


def notes(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Return (path, what is unusual) of files that are used nevertheless."""
    return [(record.path, "; ".join(record.notices)) for record in records if record.notices]


def report_unusual(root: Path, unusual: Sequence[tuple[str, str]], bad: Mapping[str, str], on_bad: str) -> None:
    """Log one table of all files that are unusual, from :func:`notes`, and one of the bad ones, from :func:`left_out`.

    Raises:
        BadImagesError: with the table, if any file cannot be used and ``on_bad`` is ``error``.
    """
    if unusual:
        log.warning("%d images of %s are unusual, and used:\n%s", len(unusual), root, format_rows(unusual))
    if not bad:
        return
    table = f"{len(bad)} files of {root} cannot be used:\n{format_rows([*bad.items()])}"
    if on_bad == "error":
        raise BadImagesError(
            f"{table}\nRepair them or take them out, or train without them: data.on_bad=skip. "
            f"Each bad file by its name: python -m zero_dce.data.inspect {root}"
        )
    log.warning("%s\nThey are left out (data.on_bad=skip); split.json lists them", table)


def format_rows(rows: Sequence[tuple[str, str]], most: int = MOST_ROWS) -> str:
    """Format (path, remark) as an aligned table; of more than ``most`` rows, one per remark with its count."""
    shown = [(printable(path), remark) for path, remark in rows]
    if len(rows) > most:
        first: dict[str, str] = {}
        for path, remark in shown:
            first.setdefault(remark, path)
        counts = Counter(remark for _, remark in rows).most_common()
        shown = [(f"{count} as {first[remark]}", remark) for remark, count in counts[:most]]
        shown += [("...", f"{len(counts) - most} more kinds")] if len(counts) > most else []
    width = max((len(path) for path, _ in shown), default=0)
    return "\n".join(f"  {path:{width}}  {remark}" for path, remark in shown)


def check_split_sides(before: Split, after: Split, root: Path) -> None:
    """Raise BadImagesError unless a training image is left; warn where no validation image is left."""
    if not after.train:
        raise BadImagesError(f"of {root} no image is left for training: {len(before.train)} cannot be used")
    if before.val and not after.val:
        log.warning("No image is left for validation: all %d cannot be used", len(before.val))


def describe_counts(index: Index, before: Split, after: Split) -> str:
    """Say how many images were found and how many are used, and how many test images share a scene with training.

    The split ``before`` is as drawn or read, ``after`` is without files that cannot be used.
    """
    sides = ", ".join(f"{count} {side}" for side, count in after.counts().items())
    named, used = sum(before.counts().values()), sum(after.counts().values())
    text = f"{len(index.entries)} images found, {used} used ({sides})"
    if named > used:
        text += f", {named - used} left out"
    unlisted = len({entry.path for entry in index.entries}.difference(before.train, before.val, before.test))
    if unlisted:
        text += f", {unlisted} on no side of the manifest"
    shared = shared_scenes(after, index.entries)
    text += f"; {shared} of {len(after.test)} test images share a scene with the training side"
    if index.passed_over:
        text += "; ".join([f"; passed over: {index.what_else()}", *index.without_reader()])
    return text

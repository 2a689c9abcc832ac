"""What a person is told about the files of a data set before training."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from zero_dce.data.index import Index, printable
from zero_dce.data.split import Split, shared_scenes
from zero_dce.data.survey import Record

log = logging.getLogger(__name__)
# More rows than this would bury what else the log says.
MOST_ROWS = 50


class BadImagesError(ValueError):
    """Files of a data set cannot be used; the message names them."""


def left_out(records: Sequence[Record]) -> dict[str, str]:
    """Return the files that cannot be used, with the reason."""
    return {record.path: record.bad for record in records if record.bad}


def report_unusual(root: Path, records: Sequence[Record], on_bad: str) -> None:
    """Log one table of all files that are unusual or cannot be used.

    Args:
        root: folder of the data set, for the message.
        records: what reading has shown.
        on_bad: ``error`` or ``skip``.

    Raises:
        BadImagesError: with the table, if any file cannot be used and ``on_bad`` is ``error``.
    """
    bad = list(left_out(records).items())
    noted = [(record.path, "; ".join(record.notices)) for record in records if record.notices]
    if noted:
        log.warning("%d images of %s are unusual, and used:\n%s", len(noted), root, format_rows(noted))
    if not bad:
        return
    table = f"{len(bad)} files of {root} cannot be used:\n{format_rows(bad)}"
    if on_bad == "error":
        raise BadImagesError(f"{table}\nRepair them or take them out, or train without them: data.on_bad=skip")
    log.warning("%s\nThey are left out (data.on_bad=skip)", table)


def format_rows(rows: Sequence[tuple[str, str]], most: int = MOST_ROWS) -> str:
    """Lay out (path, remark) as an aligned table of so many lines."""
    shown = [(printable(path), remark) for path, remark in rows[:most]]
    width = max((len(path) for path, _ in shown), default=0)
    lines = [f"  {path:{width}}  {remark}" for path, remark in shown]
    return "\n".join(lines + ([f"  ... and {len(rows) - most} more"] if len(rows) > most else []))


def describe_counts(index: Index, before: Split, after: Split) -> str:
    """Say how many images were found and how many are used, and how many test images share a scene with training.

    Args:
        index: what was found.
        before: the split as drawn or read.
        after: the split without files that cannot be used.
    """
    sides = ", ".join(f"{len(paths)} {side}" for side, paths in vars(after).items())
    used, named = (sum(map(len, vars(split).values())) for split in (after, before))
    text = f"{len(index.entries)} images found, {used} used ({sides})"
    if named > used:
        text += f", {named - used} left out"
    outside = len({entry.path for entry in index.entries}.difference(before.train, before.val, before.test))
    if outside:
        text += f", {outside} on no side of the manifest"
    text += f"; {shared_scenes(after, index.entries)} of {len(after.test)} test images share a scene with training"
    if index.passed_over:
        text += "; passed over: " + ", ".join(f"{count} {kind}" for kind, count in sorted(index.passed_over.items()))
    return text

"""What a logger offers that shows runs on a dashboard: pictures, resumed runs, and how a run ended."""

from __future__ import annotations

import logging
import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import Logger
from PIL import Image

from zero_dce.files import atomic
from zero_dce.images.decode import Pixels
from zero_dce.images.sheets import side_by_side
from zero_dce.records.configuration import leaves_of
from zero_dce.records.run import CAPTION, Rows, pictures_folder, saved_steps

log = logging.getLogger(__name__)
# Services make folders and addresses of ids, and W&B's files are found by a pattern with the id in it. W&B takes any
# other characters.
RUN_ID = re.compile(r"(?!.*\.\.)[^/\\#?%:*\[\]]{1,128}")
MOST_ID_BYTES = 100_000
IDS = r"expected at most 128 characters, without .. and / \ # ? % : * [ ]"


@dataclass(frozen=True)
class Picture:
    """A picture for a dashboard.

    Attributes:
        pixels: uint8, H x W x 3, RGB.
        caption: what stands below it.
    """

    pixels: Pixels
    caption: str


class Tracker(Logger):
    """A logger that takes pictures, learns what an earlier part of a run has logged, and how the run ended."""

    @abstractmethod
    def log_pictures(self, step: int, pictures: Mapping[str, Picture]) -> None:
        """Show pictures, by their keys, at a training step."""

    @abstractmethod
    def replay(self, rows: Rows, run: Path, until: int) -> None:
        """Log what an earlier part of a resumed run has logged, as far as it is not there, so that each step is once.

        Args:
            rows: of ``metrics.csv``; further ones are added to it as they are logged.
            run: the run's folder, for the sample pictures.
            until: the last step to log: where the resumed run continues; 0 for a new run.
        """

    @abstractmethod
    def close(self, state: str) -> None:
        """End what was begun, if anything was; the state is ``finished``, ``interrupted`` or ``failed``."""


class StepRows(Tracker):
    """A tracker that gets one row a training step, with all of its losses, measures and pictures, in rising order.

    Rows that the service has already are left out: it keeps what it has.

    Attributes:
        service: its name in messages.
        keeps_rows: a later part of the run cannot add to a row, or replace it.
    """

    service: str
    keeps_rows = True
    _step = 0
    _row: Mapping[str, Any] = {}
    _first = 0

    @property
    def starting_step(self) -> int:
        """The first step that the service lacked when the run was started or resumed."""
        return self._first

    @abstractmethod
    def send_row(self, step: int, row: Mapping[str, Any]) -> None:
        """Send the numbers and the :class:`Picture` objects of a step, by their keys."""

    @abstractmethod
    def end(self, state: str) -> None:
        """End the service's run; does nothing where it was not started."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Add to the row of a training step, unless the service has that step from before the run was resumed."""
        step = step or 0
        if step != self._step:
            self._flush()
            self._step = step
        if step >= self.starting_step:
            self._row = {**self._row, **metrics}

    @rank_zero_only
    def log_pictures(self, step: int, pictures: Mapping[str, Picture]) -> None:
        """Add pictures to the row of a training step."""
        self.log_metrics(pictures, step)

    @rank_zero_only
    def replay(self, rows: Rows, run: Path, until: int) -> None:
        """Send what an earlier part of a resumed run has logged; see :meth:`Tracker.replay`."""
        first = self.starting_step
        if first > until + 1:
            log.warning(
                "%s has steps %d to %d from before the run was stopped, and keeps them as they were",
                self.service,
                until + 1,
                first - 1,
            )
        for step in logged_steps(rows, run):
            if first <= step <= until:
                self.log_metrics({**rows.get(step, {}), **saved_pictures(run, step)}, step)

    def close(self, state: str) -> None:
        """End the run with its last row.

        A row that a stop may have left without its validation is not sent where it could not be completed: it comes
        with the resumed run.
        """
        if state != "finished" and self.keeps_rows:
            self._row = {}
        self._flush()
        self.end(state)

    def _flush(self) -> None:
        row, self._row = self._row, {}
        if row:
            self.send_row(self._step, row)


def logged_steps(rows: Rows, run: Path) -> list[int]:
    """Return the steps that a run's files have numbers or pictures of, in rising order."""
    return sorted({*rows, *saved_steps(run)})


def sample_key(number: str) -> str:
    """Return the key under which a sample picture is logged, by its number in file names: ``samples/00``."""
    return f"samples/{number}"


def saved_pictures(run: Path, step: int) -> dict[str, Picture]:
    """Read the sample pictures of a step from a run's folder, as they were logged first; empty where it has none."""
    pictures = {}
    for file in sorted(pictures_folder(run, step).glob("*_output.png")):
        number = file.name.partition("_")[0]
        with Image.open(file) as after, Image.open(file.with_name(f"{number}_input.png")) as before:
            pixels = side_by_side(np.asarray(before), np.asarray(after))
            pictures[sample_key(number)] = Picture(pixels, str(after.info.get(CAPTION, f"step {step}")))
    return pictures


def read_id(file: Path) -> str | None:
    """Return the id that a service knows a run by, from the run's folder; ``None`` where it has none yet.

    Raises:
        ValueError: if the file holds something else; the message names it.
    """
    ids = read_ids(file)
    if len(ids) > 1:
        raise ValueError(f"{file} holds {len(ids)} ids of a run; expected one: restore it, or take it away")
    return ids[0] if ids else None


def read_ids(file: Path) -> list[str]:
    """Return the ids that a service has known a run by, from the run's folder; none where there is no file.

    Raises:
        ValueError: if the file holds something else; the message names it.
    """
    if not file.is_file():
        return []
    with file.open("rb") as stream:
        lines = stream.read(MOST_ID_BYTES).decode(errors="surrogateescape").split("\n")
    ids = [line.strip() for line in lines if line.strip()]
    if not ids or not all(map(is_id, ids)):
        raise ValueError(
            f"{file} holds no id of a run; {IDS}: restore it, or take it away, and the run is a new one there"
        )
    return ids


def is_id(text: str) -> bool:
    """Tell whether a text may be the id of a run: no service's files or addresses lead elsewhere by it.

    >>> is_id("exp.1"), is_id("low light"), is_id("../1"), is_id("*")
    (True, True, False, False)
    """
    return RUN_ID.fullmatch(text) is not None and text.isprintable() and text == text.strip() != "."


def write_id(file: Path, run_id: str) -> None:
    """Keep the id that a service knows a run by, so that a resumed run is the same one there."""
    with atomic(file) as unfinished:
        unfinished.write_text(run_id + "\n", encoding="utf-8")


def flat(settings: Mapping[str, Any]) -> dict[str, str]:
    """Write a configuration as texts by the names that its options have on the command line.

    >>> flat({"loss": {"weights": {"exp": 10}, "name": None}, "tags": ["a", "b"]})
    {'loss.weights.exp': '10', 'loss.name': 'null', 'tags': '[a, b]'}
    """
    return {name: _text(value) for name, value in leaves_of(settings)}


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)

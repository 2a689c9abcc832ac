"""A sweep's folder as a page follows it: what it holds now, and what has changed since the page last asked."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zero_dce.review.cells import CellReader
from zero_dce.review.collect import ReviewPlan, Sweep, find_plan
from zero_dce.review.report import describe_sweep
from zero_dce.review.watched import WatchedRun
from zero_dce.terminal import explain

LOOK_EVERY_SECONDS = 2.0
GOING_ON = ("unfinished", "not started")


class LiveSweep:
    """The folder of a sweep or of a single run, also one that does not exist yet.

    One thread calls :meth:`follow` or :meth:`look`; any may ask for the rest.

    Attributes:
        folder: the folder.
        id: tells this object's versions from those of another one, as of a server that was started again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.id = secrets.token_hex(8)
        self._reader = CellReader()
        self._runs: dict[int, WatchedRun] = {}
        self._lock = threading.Lock()
        self._version = 0
        # By a run's number, or by None for what is said of all: the version of the last change, and the content.
        self._published: dict[int | None, tuple[int, dict[str, Any]]] = {}
        self._publish(ReviewPlan(self.folder, None), [], waiting="The folder is being read.")

    def follow(self, stop: threading.Event) -> None:
        """Look at the folder again and again until ``stop`` is set. An error is shown on the page, and tried again."""
        while True:
            try:
                self.look()
            except (OSError, ValueError) as error:
                self._say_trouble(explain(error))
            except Exception as error:
                self._say_trouble(f"{type(error).__name__}: {error}")
            if stop.wait(LOOK_EVERY_SECONDS):
                return

    def look(self) -> None:
        """Read what has changed: first numbers and states of all runs, then their new pictures, run by run.

        Raises:
            OSError: if the folder cannot be read.
            ValueError: if the sweep's plan holds something else than is written to it; the message names the file.
        """
        try:
            plan = find_plan(self.folder)
        except FileNotFoundError as error:
            if self._runs:
                # As while a network drive is away: what was there stays on the page.
                self._say_trouble(f"{error}.")
                return
            self._publish(ReviewPlan(self.folder, None), [], waiting=f"Nothing to show yet: {error}.")
            return
        self._watch(plan)
        troubles = []
        for run in self._runs.values():
            try:
                run.look(plan)
            except (OSError, ValueError) as error:
                troubles.append(explain(error))
        self._publish(plan, troubles)
        known = len(troubles)
        # One after the other: a training beside it needs the other cores.
        for run in self._runs.values():
            try:
                if run.read_pictures():
                    self._publish_pictures(run, plan)
            except (OSError, ValueError) as error:
                troubles.append(explain(error))
        if len(troubles) > known:
            self._publish(plan, troubles)

    def content(self) -> dict[str, Any]:
        """Return all that the page reads when it is opened."""
        return self.changes("", 0)

    def changes(self, id_: str, since: int) -> dict[str, Any]:
        """Return what has changed since a version: of all runs together, where that changed, and of single runs.

        Args:
            id_: the id of the object that the version is of; all is returned where it is another one's.
            since: the version.
        """
        since = since if id_ == self.id else 0
        with self._lock:
            published = dict(self._published)
            answer: dict[str, Any] = {"id": self.id, "version": self._version}
        of_all, content = published.pop(None)
        if of_all > since:
            answer |= content
        answer["runs"] = [content for version, content in published.values() if version > since]
        return answer

    def thumbnail(self, run: int, step: int, number: str) -> bytes | None:
        """Return a picture's thumbnail as WebP; ``None`` where there is none."""
        watched = self._runs.get(run)
        return watched.thumbnail(step, number) if watched else None

    def picture(self, path: str) -> Path | None:
        """Return a picture that the page shows, by its path in the folder; ``None`` for any other file."""
        for run in list(self._runs.values()):
            if not run.folder.is_relative_to(self.folder):
                continue
            prefix = "" if run.folder == self.folder else run.folder.relative_to(self.folder).as_posix() + "/"
            if path.startswith(prefix):
                found = run.picture(path.removeprefix(prefix))
                if found:
                    return found
        return None

    def _watch(self, plan: ReviewPlan) -> None:
        """Take over the plan's runs; those that are known stay as they are."""
        runs = {}
        for number, folder in plan.run_folders().items():
            known = self._runs.get(number)
            same = known is not None and known.folder == folder
            runs[number] = known if known and same else WatchedRun(number, folder, self.folder, self._reader)
        self._runs = runs

    def _publish(self, plan: ReviewPlan, troubles: Iterable[str], waiting: str = "") -> None:
        sweep = plan.join([watched.run for watched in self._runs.values() if watched.run])
        contents: dict[int | None, dict[str, Any]] = {
            run.number: self._runs[run.number].describe(run.pareto, sweep.single) for run in sweep.runs
        }
        contents[None] = {**describe_sweep(sweep), "live": _describe_state(sweep, troubles, waiting)}
        self._put(contents)

    def _publish_pictures(self, watched: WatchedRun, plan: ReviewPlan) -> None:
        """Publish one run, whose pictures have come or gone; all else is as it was published last."""
        _, before = self._published[watched.number]
        self._update(watched.number, watched.describe(before["pareto"], single=plan.plan is None))

    def _say_trouble(self, trouble: str) -> None:
        _, of_all = self._published[None]
        self._update(None, {**of_all, "live": {**of_all["live"], "trouble": trouble}})

    def _update(self, key: int | None, content: dict[str, Any]) -> None:
        """Publish one content, and leave the others: with a thousand runs, all take much longer than one."""
        with self._lock:
            if self._published[key][1] != content:
                self._version += 1
                self._published[key] = self._version, content

    def _put(self, contents: Mapping[int | None, dict[str, Any]]) -> None:
        """Publish contents together; those that differ from what was published get a new version."""
        with self._lock:
            before = self._published
            changed = {key for key, content in contents.items() if key not in before or before[key][1] != content}
            self._version += bool(changed)
            self._published = {
                key: (self._version if key in changed else before[key][0], content) for key, content in contents.items()
            }


def _describe_state(sweep: Sweep, troubles: Iterable[str], waiting: str) -> dict[str, Any]:
    states = [run.row["state"] for run in sweep.runs]
    return {
        "waiting": waiting,
        "trouble": " ".join(troubles),
        "ended": bool(states) and not any(state in GOING_ON for state in states),
        # A plan that is changed may have fewer runs than before.
        "numbers": [run.number for run in sweep.runs],
    }

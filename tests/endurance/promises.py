"""What is promised of the files that a loss of power leaves."""

from __future__ import annotations

import csv
import functools
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import torch

from tests.endurance.disk import Image
from tests.endurance.trials import passes
from tests.endurance.whole import find_mixed

# Hydra and the libraries of logs and studies write these where they lie; those of .hydra are checked with a run.
LIBRARIES = r"\.log$|\.lock$|/lock$|/multirun\.yaml$|/hparams\.yaml$|/events\.out|(^|/)wandb/"
IN_PLACE = re.compile(rf"{LIBRARIES}|/\.hydra/|/optuna/journal")
# What is not on the disk at the end of a command.
NOT_DURABLE = re.compile(LIBRARIES)
RUN_FILES = (".hydra/config.yaml", ".hydra/overrides.yaml", ".hydra/hydra.yaml", "split.json", "environment.json")


@functools.cache
def load(content: bytes) -> dict[str, Any]:
    """Return a checkpoint; it raises if that cannot be read."""
    loaded: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True)
    return loaded


@functools.cache
def read_rows(content: bytes) -> dict[int, dict[str, str]]:
    """Return the rows of a metrics.csv by their step, without empty cells."""
    rows = csv.DictReader(io.StringIO(content.decode()))
    return {int(row["step"]): {key: value for key, value in row.items() if value} for row in rows}


class Promises:
    """Says what of an image of a disk is not as promised.

    Args:
        final: what the undisturbed command leaves.
        named: the contents with which files got their names by now.
        before: what was there before the command.
        artifacts: files that belong together, see :func:`tests.endurance.whole.find_mixed`.
    """

    def __init__(
        self,
        final: Image,
        named: Mapping[str, set[bytes]],
        before: Image,
        artifacts: Sequence[tuple[str, ...]] = (),
    ) -> None:
        self.final, self.named, self.before, self.artifacts = final, named, before, artifacts
        self.kept = {name: content for name, content in before.items() if content is not None and name in final}

    def describe_broken(self, image: Image) -> str:
        """Say what is wrong with what is left; empty where nothing is."""
        kept = {name: content for name, content in image.items() if not passes(name)}
        mixed = find_mixed(self.artifacts, self.before, self.final, kept)
        parts = [*self._torn(image), *self._replaced(image), *self._runs(image), *self._sweeps(image)]
        return "; ".join([*parts, *([f"{mixed} is of two times"] if mixed else [])])

    def describe_lost(self, image: Image) -> str:
        """Say what is not there once the command has ended."""
        lost = [
            name
            for name, content in self.final.items()
            if not NOT_DURABLE.search(name) and (name not in image or image[name] != content)
        ]
        return f"lost: {', '.join(lost)}" if lost else ""

    def _torn(self, image: Image) -> Iterator[str]:
        """What has a name is whole: it was written under another one."""
        for name, content in image.items():
            if content is None or IN_PLACE.search(name) or passes(name):
                continue
            if content not in self.named.get(name, ()):
                yield f"{name} is torn: {len(content)} bytes, {content.count(0)} of them 0"

    def _replaced(self, image: Image) -> Iterator[str]:
        """Of a file that is replaced there is the new one, or the earlier one by whatever name."""
        for name, content in self.kept.items():
            if name not in image and content not in image.values():
                yield f"{name} is lost, and so is the one that it replaces"

    def _runs(self, image: Image) -> Iterator[str]:
        for name in image:
            path = PurePosixPath(name)
            if path.name == "last.ckpt":
                yield from self._checkpoint(image, str(path.parent.parent), image[name] or b"")
            elif path.name == "result.json" and not passes(name):
                yield from self._result(image, str(path.parent), image[name] or b"")

    def _checkpoint(self, image: Image, run: str, content: bytes) -> Iterator[str]:
        """Up to the step that a run goes on from, all is there: rows, pictures, checkpoints, configuration."""
        try:
            step = load(content)["global_step"]
            rows, expected = (
                read_rows(image[f"{run}/metrics.csv"] or b""),
                read_rows(self.final[f"{run}/metrics.csv"] or b""),
            )
        except Exception as error:
            yield f"{run} cannot go on: {type(error).__name__}: {error}"
            return
        yield from (
            f"{run} has last.ckpt of step {step} and not the row of step {one}"
            for one, row in expected.items()
            if one <= step and rows.get(one) != row
        )
        for name, whole in self.final.items():
            inner = name.removeprefix(f"{run}/")
            found = re.match(r"(?:checkpoints|samples)/step-(\d+)", inner)
            due = inner in RUN_FILES or (found and int(found[1]) <= step)
            if name != inner and due and (name not in image or image[name] != whole):
                yield f"{run} has last.ckpt of step {step} and not {inner}"

    def _result(self, image: Image, run: str, content: bytes) -> Iterator[str]:
        """A run that says that it has finished has its last checkpoint."""
        try:
            result = json.loads(content)
        except ValueError as error:
            yield f"{run}/result.json is no JSON: {error}"
            return
        if result["state"] != "finished":
            return
        for name in (f"{run}/checkpoints/step-{result['last_step']:06d}.ckpt", f"{run}/checkpoints/last.ckpt"):
            if name not in image or image[name] != self.final[name]:
                yield f"{run} has finished and not {name}"

    def _sweeps(self, image: Image) -> Iterator[str]:
        """A sweep that has a run to go on with has its plan."""
        for name in self.final:
            path = PurePosixPath(name)
            if path.name == "sweep.json":
                runs = [other for other in image if re.match(rf"{path.parent}/[^/]+/checkpoints/", other)]
                if runs and name not in image:
                    yield f"{name} is not there, and {runs[0]} is"

"""Folders of runs and sweeps, of which one file is replaced by what is to be read."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.endurance.reader import scratch
from tests.helpers.paths import ROOT
from tests.helpers.sweeps import SweepMaker, make_pictures

# A sweep that an earlier version has written, and its first run.
BEFORE = ROOT / "tests" / "fixtures" / "version_before" / "sweep"
RUN = BEFORE / "0"
JSON_TOKENS = (
    *(b"null", b"1e999", b"NaN", b"-1", b'"\\ud800"', b"[[[[[[[[", b'{"a":{}}', b"99999999999999999999", b"../"),
    *(b"\\u0000", b'""', b"true", b"0.5"),
)
YAML_TOKENS = (
    *(b"&a ", b"*a", b"<<: ", b"- ", b"? ", b"!!python/name:os.system", b"${oc.env:HOME}", b"${a}", b".inf", b"null"),
    *(b"---\n", b"{", b"[", b"!!binary ", b"2001-01-01"),
)


@functools.cache
def sweep_template() -> Path:
    """Return the folder of a sweep of two runs, one of which is finished."""
    maker = SweepMaker(scratch() / "template", [{"exp": 3}, {"exp": 10}], make_pictures(1))
    maker.run(0, [0, 10], washout=None, training_began=1.0, training_ended=2.0, peak_memory_mb={"host": 1.0})
    maker.run(1, [0], state=None)
    return maker.folder


@functools.cache
def kept(name: str, template: Path) -> Path:
    """Return a copy of a folder in which one file is written again and again."""
    return Path(shutil.copytree(template, scratch() / name, dirs_exist_ok=True))


def of(*files: Path) -> Callable[[], Iterable[bytes]]:
    """Return what reads files that were written by an earlier version of the package."""
    return lambda: [file.read_bytes() for file in files]


def of_sweep(place: str) -> Callable[[], Iterable[bytes]]:
    """Return what reads a file of :func:`sweep_template`."""
    return lambda: [(sweep_template() / place).read_bytes()]

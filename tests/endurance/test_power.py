"""A sample of ``make power-test``, and its models of a disk by themselves."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.endurance.disk import Disk, Image
from tests.endurance.promises import Promises
from tests.helpers.paths import ROOT

# Kind, name, other name or note, offset, size, and what is written; names are below the root.
Step = tuple[str, str, str, int, int, bytes]
# A file is written beside another one, and takes its place.
REPLACED: list[Step] = [
    ("open", "work/a.new", "new", 0, 0, b""),
    ("write", "work/a.new", "", 0, 3, b"new"),
    ("rename", "work/a", "work/a.new", 0, 0, b""),
]
SYNC_FILE: Step = ("fsync", "work/a.new", "", 0, 0, b"")
SYNC_FOLDER: Step = ("fsync", "work", "", 0, 0, b"")


def disk_after(root: Path, steps: list[Step]) -> Disk:
    """A disk on which there was a file ``a``, after calls."""
    (root / "work").mkdir(parents=True)
    (root / "work" / "a").write_bytes(b"old")
    disk = Disk(root, "work")
    for kind, path, other, offset, size, data in steps:
        disk.apply(kind, str(root / path), str(root / other) if kind == "rename" else other, offset, size, data)
    return disk


ORDERS = {
    "nothing": (REPLACED, {"a": b"old"}, {"a": b""}, {"a": b"\0\0\0"}),
    "the file": ([*REPLACED[:2], SYNC_FILE, REPLACED[2]], {"a": b"old"}, {"a": b"new"}, {"a": b"new"}),
    "the folder": ([*REPLACED, SYNC_FOLDER], {"a": b""}, {"a": b""}, {"a": b"\0\0\0"}),
    "both": ([*REPLACED[:2], SYNC_FILE, REPLACED[2], SYNC_FOLDER], {"a": b"new"}, {"a": b"new"}, {"a": b"new"}),
}


@pytest.mark.parametrize("durable", ORDERS)
def test_what_each_model_leaves(durable: str, tmp_path: Path) -> None:
    steps, strict, names, lengths = ORDERS[durable]
    disk, chance = disk_after(tmp_path, steps), random.Random(0)
    assert disk.now() == {"a": b"new"}
    assert (disk.strict(chance), disk.delayed(chance), disk.zeros(chance)) == (strict, names, lengths)


def test_any_order_leaves_what_may_be_left(tmp_path: Path) -> None:
    """Half a write too; and never the name before the file that it is given to."""
    disk, chance = disk_after(tmp_path, REPLACED), random.Random(0)
    images = [disk.random(chance) for _ in range(1000)]
    assert {image["a"] for image in images} == {b"old", b"", b"n", b"ne", b"new", b"\0\0\0"}
    assert all((image["a"] == b"old") or "a.new" not in image for image in images)
    whole = disk_after(tmp_path / "whole", [*REPLACED[:2], SYNC_FILE, REPLACED[2], SYNC_FOLDER])
    assert all(whole.random(chance) == {"a": b"new"} for _ in range(100))


def test_a_rename_between_folders_is_never_half(tmp_path: Path) -> None:
    moved: list[Step] = [("mkdir", "work/b", "", 0, 0, b""), ("rename", "work/b/a", "work/a", 0, 0, b"")]
    disk, chance = disk_after(tmp_path, moved), random.Random(0)
    images: list[Image] = [disk.random(chance) for _ in range(100)]
    assert {frozenset(image) for image in images} == {frozenset("a"), frozenset({"a", "b"}), frozenset({"b", "b/a"})}
    disk.apply("fsync", str(tmp_path / "work"), "", 0, 0, b"")
    assert disk.strict(chance) == {"b": None, "b/a": b"old"}


def test_broken_promises_are_told() -> None:
    final: Image = {
        "run/result.json": b'{"state": "finished", "last_step": 4}',
        "run/checkpoints/step-000004.ckpt": b"4",
    }
    final |= {"run/checkpoints/last.ckpt": b"4", "run/a.png": b"picture"}
    named = {name: {content or b""} for name, content in final.items()}
    promises = Promises(final | {"replaced": b"new"}, named, {"replaced": b"old"})
    left: Image = {**final, "run/a.png": b""}
    del left["run/checkpoints/step-000004.ckpt"]
    told = promises.describe_broken(left)
    assert "run/a.png is torn: 0 bytes" in told
    assert "run has finished and not run/checkpoints/step-000004.ckpt" in told
    assert "run cannot go on" in told, "a checkpoint that cannot be read"
    assert "replaced is lost, and so is the one that it replaces" in told
    assert "is lost" not in promises.describe_broken({**left, "aside.unfinished": b"old"})
    two: Image = {"a.param": b"new", "a.bin": b"old"}
    pair = Promises({"a.param": b"new", "a.bin": b"new"}, {"a.param": {b"new"}, "a.bin": {b"old"}}, {}, [tuple(two)])
    assert "a.param and a.bin is of two times" in pair.describe_broken(two)
    assert promises.describe_lost(left) == "lost: run/checkpoints/step-000004.ckpt, run/a.png, replaced"


def test_an_export_of_two_times_is_told() -> None:
    """Each file is an earlier one or a new one, but they do not belong together."""
    before: Image = {"a.param": b"old", "a.bin": b"old weights"}
    final: Image = {"a.param": b"new", "a.bin": b"new weights"}
    named = {name: {before[name] or b"", final[name] or b""} for name in final}
    promises = Promises(final, named, before, [("a.param", "a.bin")])
    aside: Image = {"a.unfinished/earlier/a.param": b"old"}
    for kept in (before, final, {**aside, "a.bin": b"old weights"}, {**before, **aside}):
        assert promises.describe_broken(kept) == ""
    mixed = promises.describe_broken({**aside, "a.param": b"new", "a.bin": b"old weights"})
    assert mixed == "a.param and a.bin is of two times"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler, gcc")
def test_a_sample_of_all() -> None:
    """The promises are kept; and where fsync does nothing, they are not."""
    command = [sys.executable, "-m", "tests.endurance.power", "--scenario", "run, a checkpoint each step"]
    options = ["--subsets", "1", "--resumes", "1"]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith("| run,"))
    gone_on, broken, without_fsync = map(int, row.strip("| ").split(" | ")[-3:])
    assert (gone_on, broken) == (1, 0)
    assert without_fsync > 100

"""A sample of ``make crash-test``, and the shim by itself: what it counts, kills and lets fail."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.endurance import faults
from tests.endurance.faults import Action, Fault
from tests.endurance.trials import ERRORS, describe_difference
from tests.endurance.whole import find_torn
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler, gcc")

# Each kind of call once, and unlinking three times; the folder is its argument.
PROGRAM = """
import os, sys
os.chdir("/")
name = sys.argv[1] + "/"
with open(name + "file", "wb", buffering=0) as file:
    file.write(b"0123456789")
    os.fsync(file.fileno())
    file.truncate(4)
os.mkdir(name + "folder")
os.rename(name + "file", name + "folder/other")
os.link(name + "folder/other", name + "link")
os.unlink(name + "link")
os.unlink(name + "folder/other")
os.rmdir(name + "folder")
"""
KINDS = ["open", "write", "fsync", "truncate", "mkdir", "rename", "link", "unlink", "unlink", "unlink"]
# The system calls that these are.
TRACED = "openat,write,fsync,ftruncate,mkdir,rename,link,unlink,rmdir"


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return faults.variables(tmp_path_factory.mktemp("shim"))


def disturb(
    shim: dict[str, str], folder: Path, fault: Fault
) -> tuple[subprocess.CompletedProcess[str], faults.Control]:
    """Run the program with a fault; returns how it ended, and the count."""
    control = faults.open_control(Path(shim[faults.CONTROL]))
    faults.configure(control, str(folder), fault, 0)
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    done = subprocess.run(command, env={**os.environ, **shim}, capture_output=True, text=True, check=False, timeout=60)
    return done, control


def test_the_shim_counts_each_call(shim: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    done, control = disturb(shim, tmp_path / "work", Fault(journal=str(tmp_path / "journal"), keep_content=True))
    assert done.returncode == 0, done.stderr
    calls = list(faults.read_journal(tmp_path / "journal"))
    assert [call[0] for call in calls] == KINDS
    assert control.count == len(KINDS)
    assert calls[1][1:] == (str(tmp_path / "work" / "file"), "", 0, 10, b"0123456789")


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_the_shim_counts_what_strace_does(tmp_path: Path) -> None:
    traced = tmp_path / "trace"
    (tmp_path / "work").mkdir()
    command = ["strace", "-f", "-y", "-e", f"trace={TRACED}", "-o", str(traced)]
    subprocess.run([*command, sys.executable, "-c", PROGRAM, str(tmp_path / "work")], check=True, timeout=60)
    below = [line for line in traced.read_text().splitlines() if f"{tmp_path}/work/" in line]
    assert len(below) == len(KINDS), below


def test_a_kill_leaves_half_of_a_write(shim: dict[str, str], tmp_path: Path) -> None:
    for at, left in ((1, []), (2, ["file"]), (6, ["file", "folder"])):
        folder = tmp_path / str(at)
        folder.mkdir()
        done, control = disturb(shim, folder, Fault(Action.KILL, at))
        assert (done.returncode, control.count) == (-9, at)
        assert sorted(path.name for path in folder.iterdir()) == left
    assert (tmp_path / "2" / "file").read_bytes() == b"01234"


@pytest.mark.parametrize(
    ("fault", "name", "reached"),
    [
        (Fault(Action.FAIL_ONCE, 2, errno.ENOSPC), "file", 2),
        (Fault(Action.FAIL_ON, 1, errno.EACCES, ("mkdir",)), "folder", 5),
        (Fault(Action.FAIL_ONCE, 3, errno.EIO), "file", 3),
    ],
)
def test_calls_fail(fault: Fault, name: str, reached: int, shim: dict[str, str], tmp_path: Path) -> None:
    done, control = disturb(shim, tmp_path, fault)
    assert done.returncode == 1
    assert f"[Errno {fault.error}] {os.strerror(fault.error)}" in done.stderr
    assert (control.count, os.fsdecode(control.place)) == (reached, str(tmp_path / name))


def test_calls_of_other_kinds_do_not_fail(shim: dict[str, str], tmp_path: Path) -> None:
    done, control = disturb(shim, tmp_path, Fault(Action.FAIL_ONCE, 2, errno.EMFILE, ("open",)))
    assert (done.returncode, control.place) == (0, b"")


@pytest.mark.parametrize(
    ("name", "content", "is_torn"),
    [
        ("a.json", b'{"a": 1}', False),
        ("a.json", b'{"a": ', True),
        ("a.json.unfinished", b'{"a": ', False),
        ("a.csv", b"a,b\n1,2\n", False),
        ("a.csv", b"a,b\n1,2", True),
        ("a.csv", b"a,b\n1\n", True),
        ("a.yaml", b"a: 1\n", False),
        ("a.yaml", b"a: 1", True),
        ("a.yaml", b"", True),
        ("a.png", b"\x89PNG\r\n", True),
        ("a.ckpt", b"PK", True),
        ("a.html", b"<html></html>\n", False),
        ("a.html", b"<html>", True),
    ],
)
def test_half_written_files_are_found(name: str, content: bytes, is_torn: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert bool(find_torn(tmp_path)) == is_torn


def test_differences_are_named() -> None:
    assert describe_difference({"a": "1", "b": "2"}, {"b": "3", "c": "4"}) == "missing: a; left over: c; other: b"
    assert describe_difference({"a": "1"}, {"a": "1"}) == ""


@pytest.mark.slow
def test_a_sample_of_all() -> None:
    """A sweep killed at ten of its calls, and in each way of failing at one."""
    command = [sys.executable, "-m", "tests.endurance.crash", "--scenario", "sweep", "--seed", "7"]
    for more in (["--fault", "kill", "--most", "10"], [*(f"--fault={name}" for name in ERRORS), "--most", "1"]):
        done = subprocess.run([*command, *more], cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr

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
from tests.endurance.crash import FAULTS, PLANNED, Result, add_up, describe, read_results
from tests.endurance.faults import Action, Fault, Outcome
from tests.endurance.trials import KILL, KILL_ALONE, KILL_TWICE, describe_difference, describe_untold
from tests.endurance.whole import find_mixed, find_torn
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


def test_a_disk_that_runs_full_takes_half_a_write(shim: dict[str, str], tmp_path: Path) -> None:
    """The write that is cut short tells how much it took; from then on all fail."""
    done, control = disturb(shim, tmp_path, Fault(Action.FAIL_ON, 2, errno.ENOSPC, ("write", "mkdir")))
    assert f"[Errno {errno.ENOSPC}]" in done.stderr
    assert (control.count, os.fsdecode(control.place)) == (5, str(tmp_path / "file"))
    assert (tmp_path / "file").read_bytes() == b"0123"


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


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"a.xml": "old", "a.bin": "old"}, ""),
        ({"a.xml": "new", "a.bin": "new", "in/a": "new"}, ""),
        ({"a.bin": "new"}, ""),
        ({}, ""),
        ({"a.xml": "new", "a.bin": "old"}, "a.xml and a.bin"),
        ({"in/a": "new", "in/b": "old"}, "in/"),
        ({"in/a": "half"}, "in/"),
    ],
)
def test_files_that_belong_together_are_of_one_time(found: dict[str, str], told: str) -> None:
    names = ("a.xml", "a.bin", "in/a", "in/b")
    before, after = dict.fromkeys(names, "old"), dict.fromkeys(names, "new")
    assert find_mixed([("a.xml", "a.bin"), ("in/",)], before, after, found) == told


@pytest.mark.parametrize(
    ("place", "line", "is_told"),
    [
        ("run/metrics.csv", "Error in the run: No space left on device", False),
        ("run/metrics.csv", "run/metrics.csv: No space left on device", True),
        ("run/metrics.csv", "run/metrics.csv.gz2/x: no reason", False),
        ("run/metrics.csv", "[Errno 28] No space left on device: 'run'", True),
        ("run/metrics.csv", "run: No space left on device", True),
        ("run/metrics.csv", "/base/run: No space left on device", True),
        ("run/metrics.csv", "overrun/metrics.csv: No space left on device", False),
        ("picked.unfinished/a.json", "picked/a.json: No space left on device", True),
        ("a.bin.unfinished", "a.bin: No space left on device", True),
        ("", "something: No space left on device", False),
        ("", "/base: No space left on device", True),
        ("", "cannot write a.xml: No space left on device", True),
        ("", "cannot write: No space left on device", False),
        ("in", "cannot write in/a.xml: No space left on device", True),
        ("in", "/base/in/a.xml: No space left on device", True),
        ("in", "/base/in/program: No space left on device", True),
        (
            "in/a.db-journal",
            "storage=sqlite:///in/a.db cannot be used: (sqlite3.OperationalError) disk I/O error",
            True,
        ),
        ("in/a.db", "in/a.db cannot be made: (sqlite3.OperationalError) database or disk is full", True),
        ("in", "cannot write in/side/a.xml: No space left on device", False),
    ],
)
def test_a_failure_is_told_by_the_name_of_the_file(place: str, line: str, is_told: bool) -> None:
    outcome = Outcome(1, 1, f"{line}\n", str(Path("/base") / place))
    assert (describe_untold(outcome, errno.ENOSPC, Path("/base")) == "") == is_told


def test_a_lasting_cause_is_told_by_any_file() -> None:
    outcome = Outcome(1, 1, "/base/b.csv: No space left on device\n", "/base/a.csv")
    assert describe_untold(outcome, errno.ENOSPC, Path("/base"), lasting=True) == ""
    assert describe_untold(outcome, errno.ENOSPC, Path("/base")) != ""
    assert describe_untold(outcome, errno.EIO, Path("/base"), lasting=True) != ""


def test_results_of_several_calls_add_up(tmp_path: Path) -> None:
    """A failure stays one; what was not tried is in the table too; and other code's results are replaced."""
    failed, passed = Result("run", KILL, 9, 3, "lost", "c1"), Result("run", KILL, 9, 3, "", "c1")
    assert add_up([passed, failed, passed]) == [failed]
    failed = failed._replace(wrong="lost: /tmp/crash-1a_b/run/work/metrics.csv\nand more")
    page = describe([failed, passed._replace(at=4), Result("run", KILL_TWICE, 8, PLANNED, "", "c1")], 0, True)
    assert "2 trials, 1 passed" in page
    assert "- run, kill at 3: lost: run/work/metrics.csv\n" in page
    (row,) = [line for line in page.splitlines() if line.startswith("| run |")]
    assert row == f"| run | 1/2 of 9 | ? | 0/0 of 8 |{' ? |' * (len(FAULTS) - 3)}"
    assert f"| sweep |{' ? |' * len(FAULTS)}" in page
    assert "| sweep |" not in describe([failed], 0, False)
    file = tmp_path / "results.jsonl"
    file.write_text('["run", "kill", 9, 3, "lost", "c1"]\n["run", "kill", 9, 4, "", "c2"]\n')
    first, second = Result("run", "kill", 9, 3, "lost", "c1"), Result("run", "kill", 9, 4, "", "c2")
    assert read_results(file) == [first, second]
    other = second._replace(fault=KILL_TWICE, commit="c1")
    assert add_up([first, other, second]) == [other, second]
    assert "Trials by commit: c1 1, c2 1; " in describe([other, second], 0, True)


@pytest.mark.slow
def test_a_sample_of_all() -> None:
    """A run killed in each way at one of its calls, and failing in two ways."""
    chosen = [f"--fault={name}" for name in (KILL, KILL_ALONE, KILL_TWICE, "disk full", "one I/O error")]
    command = [sys.executable, "-m", "tests.endurance.crash", "--scenario", "run", "--seed", "7", *chosen]
    done = subprocess.run([*command, "--most", "1"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 trials, 5 passed" in done.stdout

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.endurance import isolated
from tests.endurance.fuzz import Search, check_kept, executions_of, shorten, sift
from tests.endurance.fuzz_table import TABLE, Row, read_table, write_table
from tests.endurance.isolated import run_all, run_isolated
from tests.endurance.reader import CORPORA, BrokenPropertyError, Reader, documented, scratch
from tests.helpers.paths import ROOT

MOST_CORPORA_BYTES, MOST_FILE_BYTES = 600_000, 20_000


@pytest.mark.slow
def test_no_file_of_the_corpora_breaks_its_reader() -> None:
    """Found by search: inputs that reach much of the code, and those that once failed; and each reader's own files.

    They are read in a process that has no thread but one.
    """
    command = [sys.executable, "-W", "ignore", "-m", "tests.endurance.fuzz", "--replay"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=600)
    rows = [tuple(line.split("\t")) for line in done.stdout.splitlines()]
    assert [row for row in rows if row[2] != "passed"] == [], done.stderr
    assert {row[0] for row in rows} == {row.reader for row in read_table()}, "every reader, and each was searched"
    committed = {(file.parent.name, file.name) for file in CORPORA.glob("*/*")}
    assert committed - {row[:2] for row in rows} == set()


def test_the_table_has_each_reader_once_and_no_path_of_a_machine() -> None:
    readers = [row.reader for row in read_table()]
    assert readers == sorted(set(readers))
    assert re.findall(r"(?<![\w./])/\w\S*", TABLE.read_text()) == []


def test_the_corpora_are_small() -> None:
    sizes = [file.stat().st_size for file in CORPORA.rglob("*") if file.is_file()]
    assert sum(sizes) < MOST_CORPORA_BYTES
    assert max(sizes) < MOST_FILE_BYTES


def crash(content: bytes) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(content: bytes) -> None:
    while True:
        pass


def wait(content: bytes) -> None:
    time.sleep(100)


def allocate(content: bytes) -> None:
    # More than the allocator may serve from what this process freed, which is counted before the check.
    bytearray(b"x") * (100 << 20)


def leave(content: bytes) -> None:
    os._exit(3)


def fail_on_x(content: bytes) -> None:
    if b"x" in content:
        raise KeyError(content)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_what_a_check_does_to_its_process_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "MOST_SECONDS", 1)
    monkeypatch.setattr(isolated, "WALL_SECONDS", 60)
    monkeypatch.setattr(isolated, "MOST_MEGABYTES", 50)
    assert run_isolated(crash, b"").problem == "crash: SIGSEGV"
    assert run_isolated(hang, b"").problem == "hang: processor time"
    assert run_isolated(allocate, b"").problem == "memory"
    monkeypatch.setattr(isolated, "WALL_SECONDS", 1)
    assert run_isolated(wait, b"").problem == "hang: waiting"
    assert run_isolated(leave, b"").problem == "crash: exit status 3"
    assert run_isolated(fail_on_x, b"").problem == ""
    outcome = run_isolated(fail_on_x, b"x")
    assert outcome.problem == "KeyError in tests/endurance/test_fuzz.py:fail_on_x"
    assert "raise KeyError(content)" in outcome.report


def fill_scratch(content: bytes) -> None:
    (scratch() / "a").write_bytes(content)
    crash(content)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_what_a_check_leaves_behind_goes_with_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert run_isolated(fill_scratch, b"").problem == "crash: SIGSEGV"
    assert list(tmp_path.iterdir()) == []


seen: list[bytes] = []


def fail_after_another(content: bytes) -> None:
    seen.append(content)
    if len(seen) > 1:
        raise KeyError(content)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_each_input_of_several_has_its_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "BATCH", 2)
    failed = [bool(outcome.problem) for outcome in run_all(fail_on_x, [b"a", b"b", b"c", b"x", b"e"])]
    assert failed == [False, False, False, True, False]
    failed = [bool(outcome.problem) for outcome in run_all(fail_after_another, [b"a", b"b", b"c"])]
    assert failed == [True, True, False], "what is wrong only after other inputs is told of them all"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_what_ended_the_search_is_kept_whether_it_fails_again_or_not(tmp_path: Path) -> None:
    found = Search(Reader("a", fail_on_x, lambda: (), ()), tmp_path)
    for name in ("ended", "failed", "not-repeated", "corpus"):
        (tmp_path / name).mkdir()
    for name, content in {"crash-1": b"x", "crash-2": b"a", "crash-3": b"b", "timeout-1": b"c"}.items():
        (tmp_path / "ended" / name).write_bytes(content)
    sift(found)
    assert list(found.failed) == ["KeyError in tests/endurance/test_fuzz.py:fail_on_x"]
    assert found.not_repeated == {"crash": 2, "timeout": 1}
    assert found.failures == 3
    assert sorted(file.name for file in (tmp_path / "not-repeated").iterdir()) == ["crash-2", "crash-3", "timeout-1"]
    found.failed.clear()
    (tmp_path / "corpus" / "1").write_bytes(b"ax")
    check_kept(found)
    assert [file.read_bytes() for file in found.failed.values()] == [b"x"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_failing_input_is_shortened() -> None:
    reader = Reader("a", fail_on_x, lambda: (), ())
    problem = run_isolated(fail_on_x, b"x").problem
    assert shorten(reader, b"abcdefghijxklmnop", problem) == b"x"


def test_only_documented_errors_that_name_the_file_pass() -> None:
    with documented("a.png", ValueError):
        raise ValueError("cannot read a.png")
    with pytest.raises(BrokenPropertyError, match=r"does not name a\.png: of no use"), documented("a.png", ValueError):
        raise ValueError("of no use")
    with pytest.raises(KeyError), documented("a.png", ValueError):
        raise KeyError("a.png")


def test_executions_are_read_from_the_log() -> None:
    assert executions_of("#12\tNEW cov: 3\nstat::number_of_executed_units: 40\n") == 40
    assert executions_of("#12\tNEW cov: 3\n#17 REDUCE\n") == 17
    assert executions_of("Traceback") == 0


def test_rows_of_other_readers_stay_in_the_table(tmp_path: Path) -> None:
    file = tmp_path / "fuzz.md"
    write_table(
        [Row("png", "1.0", "10", "3", "none", "none", "0"), Row("jpeg", "2.0", "20", "4", "memory", "1 oom", "1")], file
    )
    write_table([Row("jpeg", "5.0", "50", "6", "none", "none", "2")], file)
    assert [row[:7] for row in read_table(file)] == [
        ("jpeg", "5.0", "50", "6", "none", "none", "2"),
        ("png", "1.0", "10", "3", "none", "none", "0"),
    ]

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.endurance import isolated
from tests.endurance.fuzz import executions_of, shorten
from tests.endurance.fuzz_table import Row, read_table, write_table
from tests.endurance.isolated import run_isolated
from tests.endurance.reader import CORPORA, BrokenPropertyError, Reader, documented
from tests.helpers.paths import ROOT

READERS = sorted(folder.name for folder in CORPORA.iterdir())
MOST_CORPORA_BYTES, MOST_FILE_BYTES = 600_000, 20_000


@pytest.fixture(scope="module")
def replayed() -> list[list[str]]:
    """Reader, file and what is wrong, of each file of the committed corpora; the process has no thread but one."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.endurance.fuzz", "--replay"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    print(done.stderr)
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_no_file_of_the_corpus_breaks_its_reader(reader: str, replayed: list[list[str]]) -> None:
    """Found by search: inputs that reach much of the code, and those that once failed."""
    outcomes = {name: problem for folder, name, problem in replayed if folder == reader}
    assert outcomes == dict.fromkeys((file.name for file in (CORPORA / reader).iterdir()), "passed")


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
    bytearray(b"x") * (30 << 20)


def leave(content: bytes) -> None:
    os._exit(3)


def fail_on_x(content: bytes) -> None:
    if b"x" in content:
        raise KeyError(content)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_what_a_check_does_to_its_process_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "MOST_SECONDS", 1)
    monkeypatch.setattr(isolated, "WALL_SECONDS", 60)
    monkeypatch.setattr(isolated, "MOST_MEGABYTES", 20)
    assert run_isolated(crash, b"").problem == "crash: SIGSEGV"
    assert run_isolated(hang, b"").problem == "hang: processor time"
    assert run_isolated(allocate, b"").problem == "memory"
    monkeypatch.setattr(isolated, "WALL_SECONDS", 1)
    assert run_isolated(wait, b"").problem == "hang: waiting"
    assert run_isolated(leave, b"").problem == "crash: exit status 3"
    assert run_isolated(fail_on_x, b"").problem == ""
    outcome = run_isolated(fail_on_x, b"x")
    assert outcome.problem.startswith("KeyError in ")
    assert "raise KeyError(content)" in outcome.report


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
    write_table([Row("png", "1.0", "10", "3", "none", "0"), Row("jpeg", "2.0", "20", "4", "memory", "1")], file)
    write_table([Row("jpeg", "5.0", "50", "6", "none", "2")], file)
    assert [row[:6] for row in read_table(file)] == [
        ("jpeg", "5.0", "50", "6", "none", "2"),
        ("png", "1.0", "10", "3", "none", "0"),
    ]

"""Output for a terminal or a log file."""

from __future__ import annotations

import ast
import errno
import sys
from pathlib import Path

import pytest

import zero_dce
from zero_dce.terminal import (
    align,
    chain_of,
    errors_as_messages,
    explain,
    first_failure,
    minutes,
    plain_text,
    say,
    tell,
)
from zero_dce.train.failures import release_memory

PACKAGE = Path(zero_dce.__file__).parent


def test_cells_stand_in_columns() -> None:
    assert align([["run", "state"], ["10", "finished"], ["", "x"]]) == ["run  state", "10   finished", "     x"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (90000, "25.0 h")]
)
def test_durations_are_said_as_a_person_says_them(seconds: float, text: str) -> None:
    assert minutes(seconds) == text


# It clears the screen, sets the window's title, turns the order of letters, and goes back to the line's beginning.
HOSTILE = "a\x1b[2J\x1b]0;title\x07\x9b1m\u202egpj.\rb\x7f"
SHOWN = r"a\x1b[2J\x1b]0;title\x07\x9b1m\u202egpj.\rb\x7f"


def test_names_command_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert plain_text(f"{HOSTILE}\n\tNächte 夜 🌙") == f"{SHOWN}\n\tNächte 夜 🌙"
    for error in (FileNotFoundError(2, "No such file", HOSTILE), ValueError(f"{HOSTILE} is wrong")):
        assert SHOWN in explain(error)
        assert HOSTILE not in explain(error)
    say(HOSTILE)
    tell(HOSTILE)
    tell(Path(HOSTILE), file=sys.stderr)
    told = capsys.readouterr()
    assert (told.out, told.err) == (f"\n{SHOWN}\n{SHOWN}\n", f"{SHOWN}\n")


def test_commands_print_by_what_escapes_names() -> None:
    """Only a text that stands in the code is printed as it is."""
    plain = [
        f"{file.relative_to(PACKAGE)}:{call.lineno}"
        for file in PACKAGE.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print"
        if not all(isinstance(argument, ast.Constant) for argument in call.args)
    ]
    assert [place.partition(":")[0] for place in plain] == ["terminal.py"], plain


@pytest.mark.parametrize("error", [ValueError(HOSTILE), RuntimeError(f"Symlink loop from {HOSTILE}")])
def test_an_error_that_ends_a_command_commands_no_terminal(error: Exception) -> None:
    with pytest.raises(SystemExit, match="title") as ended, errors_as_messages():
        raise error
    assert str(ended.value.code).endswith(SHOWN)


def raised(first: OSError, then: OSError, *, from_first: bool = False) -> BaseException:
    """An error that came while another one was handled."""
    try:
        try:
            raise first
        except OSError as error:
            if from_first:
                raise then from error
            raise then  # noqa: B904
    except OSError as error:
        return error


def test_the_first_of_several_failures_is_told() -> None:
    full, also = OSError(errno.ENOSPC, "full", "last.ckpt"), OSError(errno.ENOSPC, "full", "metrics.csv")
    assert explain(raised(full, also)) == "last.ckpt: full"
    # Both get the names that the files will have.
    named, unfinished = raised(OSError(28, "full", "a.unfinished"), OSError(28, "full", "a"), from_first=True), also
    assert isinstance(named, OSError)

    def close_after_an_error() -> None:
        try:
            raise named
        except OSError:
            try:
                raise unfinished
            except OSError as error:
                raise OSError(28, "full", "metrics.csv") from error

    with pytest.raises(OSError, match="metrics") as caught:
        close_after_an_error()
    assert first_failure(caught.value) is named


def test_errors_that_lead_in_a_circle_end() -> None:
    """As where a thread's error is raised once more by the main thread, while that handles one that came of it."""
    first, then = OSError(errno.EDQUOT, "quota", "a"), OSError(errno.EDQUOT, "quota", "b")
    first.__context__, then.__context__ = then, first
    assert list(chain_of(first)) == [first, then]
    assert first_failure(first) is then
    release_memory(first)


def test_a_failure_that_followed_of_none_is_told_itself() -> None:
    full, missing = OSError(errno.ENOSPC, "full", "a"), FileNotFoundError(errno.ENOENT, "missing", "b")
    for first, then in (
        (missing, full),
        (full, OSError("b: of our own words")),
        (missing, FileNotFoundError(2, "no", "c")),
    ):
        assert first_failure(raised(first, then)) is then
    assert first_failure(raised(full, then := OSError(errno.ENOSPC, "full", "c"), from_first=True)) is then
    assert first_failure(raised(OSError(errno.ENOSPC, "full"), then := OSError(errno.ENOSPC, "full", "d"))) is then


def test_streams_stay_those_of_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Bars and colours of other libraries are theirs to write."""
    streams = sys.stdout, sys.stderr
    with errors_as_messages():
        assert (sys.stdout, sys.stderr) == streams
        print("\r\x1b[A\x1b[32mbar", file=sys.stderr)
    assert capsys.readouterr().err == "\r\x1b[A\x1b[32mbar\n"

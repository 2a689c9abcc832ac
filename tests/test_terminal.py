"""Output for a terminal or a log file."""

from __future__ import annotations

import sys

import pytest

from zero_dce.terminal import align, errors_as_messages, explain, minutes, plain_text, say


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
    streams = sys.stdout, sys.stderr
    with errors_as_messages():
        print(HOSTILE)
        print(f"\rbar: {HOSTILE}", file=sys.stderr)
    assert (sys.stdout, sys.stderr) == streams
    told = capsys.readouterr()
    assert told.out == f"\n{SHOWN}\n{SHOWN}\n"
    assert told.err == f"\rbar: {SHOWN}\n", "a bar goes back to its beginning"

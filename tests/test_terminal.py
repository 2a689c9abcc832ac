"""Output for a terminal or a log file."""

from __future__ import annotations

import pytest

from zero_dce.terminal import align, minutes


def test_cells_stand_in_columns() -> None:
    assert align([["run", "state"], ["10", "finished"], ["", "x"]]) == ["run  state", "10   finished", "     x"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (90000, "25.0 h")]
)
def test_durations_are_said_as_a_person_says_them(seconds: float, text: str) -> None:
    assert minutes(seconds) == text

"""Running the command that measures."""

from __future__ import annotations

import pytest

from zero_dce.evaluate.__main__ import main


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run the command; returns what it printed."""
    main([str(argument) for argument in arguments])
    return capsys.readouterr().out


def refused(*arguments: object) -> str:
    """Run the command, which refuses; returns its message."""
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert isinstance(stop.value.code, str), "a message, and with it exit code 1"
    return stop.value.code


def run_partly(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[str, str]:
    """Run the command, which leaves pictures out; returns what it printed, and its messages."""
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert stop.value.code == 1
    return capsys.readouterr()

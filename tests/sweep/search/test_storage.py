"""A journal that a killed worker has left half-written."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from zero_dce.sweep.search.storage import mend_journal


@pytest.mark.parametrize(
    ("content", "left"),
    [(b"", b""), (b"{1}\n", b"{1}\n"), (b"{1}\n{2", b"{1}\n"), (b"{1", b""), (b"{1}\n{2}\n{", b"{1}\n{2}\n")],
)
def test_only_half_a_line_goes(content: bytes, left: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "optuna"
    folder.mkdir()
    for name, text in (("journal.log", content), ("journal.log.lock", b""), ("lock", b"")):
        (folder / name).write_bytes(text)
    with caplog.at_level(logging.WARNING):
        mend_journal(tmp_path)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {"journal.log": left, "lock": b""}
    assert (f"{folder / 'journal.log'} ends in half a line" in caplog.text) == (content != left)


def test_without_a_journal(tmp_path: Path) -> None:
    mend_journal(tmp_path)
    assert list(tmp_path.iterdir()) == []

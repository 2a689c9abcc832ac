"""What is refused before a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.runs import run_here, tiny


def test_a_used_folder_is_not_overwritten(
    finished: Path, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (finished / "result.json").read_text()
    assert run_here(monkeypatch, tmp_path, *tiny(sice, f"hydra.run.dir={finished}")) == 1
    assert "already holds a run" in capsys.readouterr().err
    assert (finished / "result.json").read_text() == before

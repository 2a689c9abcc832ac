from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.runs import read_metrics
from zero_dce.train.loggers.metrics_file import MetricsFile
from zero_dce.train.loggers.step_wandb import _supersede


def test_a_row_a_step_and_new_columns_later(tmp_path: Path) -> None:
    logger = MetricsFile(str(tmp_path))
    logger.log_metrics({"train/exp": 1.0}, step=10)
    logger.log_metrics({"train/exp": 2.0}, step=20)
    logger.log_metrics({"val/exp": 3.0}, step=20)
    logger.finalize("success")
    assert read_metrics(tmp_path) == [
        {"step": "10", "train/exp": "1.0", "val/exp": ""},
        {"step": "20", "train/exp": "2.0", "val/exp": "3.0"},
    ]


def test_a_resumed_run_has_each_step_once(tmp_path: Path) -> None:
    first = MetricsFile(str(tmp_path))
    for step in (1, 2, 3):
        first.log_metrics({"a": step}, step=step)
    first.finalize("failed")
    second = MetricsFile(str(tmp_path), from_step=2)
    second.log_metrics({"a": 30, "b": 1}, step=3)
    second.finalize("success")
    assert [(row["step"], row["a"], row["b"]) for row in read_metrics(tmp_path)] == [
        ("1", "1.0", ""),
        ("2", "2.0", ""),
        ("3", "30", "1"),
    ]


def test_saving_is_rationed_but_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("zero_dce.train.loggers.metrics_file.time.monotonic", lambda: now)
    logger = MetricsFile(str(tmp_path))
    for step in (1, 2):
        logger.log_metrics({"a": step}, step=step)
        logger.save()
    assert len(read_metrics(tmp_path)) == 1
    now += 10
    logger.save()
    assert len(read_metrics(tmp_path)) == 2


def test_a_file_that_cannot_be_replaced_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As on Windows, where a spreadsheet has it open: the run goes on, and writes it when it can."""
    logger = MetricsFile(str(tmp_path))
    with monkeypatch.context() as patch:
        refused = PermissionError(13, "Permission denied", str(logger.file))
        patch.setattr(MetricsFile, "write", lambda _: (_ for _ in ()).throw(refused))
        for step in (1, 2):
            logger.log_metrics({"a": step}, step=step)
            logger.save()
    expected = f"{logger.file}: Permission denied. It is written as soon as that is possible"
    assert caplog.messages == [expected]
    logger.save()
    assert len(read_metrics(tmp_path)) == 2


def test_on_a_slow_disk_it_is_a_minute_old_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a write takes 10 s."""
    times = iter([100.0, 110.0, 169.0, 171.0, 171.0, 181.0])
    logger = MetricsFile(str(tmp_path))
    monkeypatch.setattr("zero_dce.train.loggers.metrics_file.time.monotonic", lambda: next(times))
    logger.log_metrics({"a": 1}, step=1)
    logger.write()
    logger.log_metrics({"a": 2}, step=2)
    logger.save()
    assert len(read_metrics(tmp_path)) == 1
    logger.save()
    assert len(read_metrics(tmp_path)) == 2


def test_parts_that_began_in_the_same_second_are_all_kept(tmp_path: Path) -> None:
    """W&B's folders are named by the second, and a short part of a run takes less."""
    for content in ("first", "second", "third"):
        (tmp_path / "offline-run-20300101_120000-abc").mkdir()
        (tmp_path / "offline-run-20300101_120000-abc" / "run").write_text(content)
        (tmp_path / "offline-run-20300101_120000-other").mkdir(exist_ok=True)
        _supersede(tmp_path, "abc")
    kept = sorted(tmp_path.glob("superseded-*"))
    assert [(file / "run").read_text() for file in kept] == ["first", "second", "third"]
    assert [file.name for file in tmp_path.glob("offline-run-*")] == ["offline-run-20300101_120000-other"]

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.trackers import assert_whole, read_tensorboard
from tests.train.loggers.conftest import Resumed
from zero_dce.train.ending import _tell_thread_error
from zero_dce.train.loggers.step_tensorboard import StepTensorBoardLogger
from zero_dce.train.loggers.tracker import Picture


@pytest.mark.slow
def test_a_resumed_run_is_whole(resumed: Resumed) -> None:
    assert_whole(read_tensorboard(resumed.run), resumed.run, [0, 2, 4, 6])
    files = sorted(file.name.partition(".1")[0] for file in (resumed.run / "tensorboard").iterdir())
    assert files == ["events.out.tfevents", "hparams.yaml", "superseded.events"]


def test_the_configuration_without_a_made_up_measure(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = StepTensorBoardLogger(str(tmp_path), name="", version="", default_hp_metric=False)
    logger.log_hyperparams({"loss": {"weights": {"exp": 10}}})
    logger.finalize("success")
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["scalars"] == []
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert b"loss.weights.exp" in content


def test_what_the_writer_was_refused_is_told_with_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard's thread fails, and the next calls raise its error, which has no file's name."""
    logger = StepTensorBoardLogger(str(tmp_path), name="", version="", default_hp_metric=False)
    logger.log_hyperparams({"seed": 1})
    refused = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(threading, "excepthook", _tell_thread_error)
    writer = logger.experiment._get_file_writer().event_writer._async_writer
    monkeypatch.setattr(writer._worker._record_writer, "write", lambda _: (_ for _ in ()).throw(refused))
    logger.log_metrics({"a": 1.0}, 1)
    writer._worker.join(10)
    for call in (
        lambda: logger.log_metrics({"a": 2.0}, 2),
        lambda: logger.log_pictures(2, {"b": Picture(np.zeros((2, 2, 3), np.uint8), "")}),
        lambda: logger.finalize("failed"),
    ):
        with pytest.raises(OSError, match="No space left on device") as caught:
            call()
        assert caught.value.filename == str(tmp_path)

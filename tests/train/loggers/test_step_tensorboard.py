from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.trackers import assert_whole, read_tensorboard
from tests.train.loggers.conftest import Resumed
from zero_dce.train.loggers.step_tensorboard import StepTensorBoardLogger


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

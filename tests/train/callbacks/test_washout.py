from __future__ import annotations

import logging
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lightning.pytorch.trainer.states import TrainerFn
from omegaconf import OmegaConf

from tests.helpers.processes import free_port, ranks
from tests.helpers.runs import read_metrics, read_result, run_here, tiny
from zero_dce.train.callbacks.washout import WATCHED, WashOutAlarm
from zero_dce.train.loggers.metrics_file import MetricsFile
from zero_dce.train.resuming import find_start

Values = tuple[float, float, float]


class Trainer(SimpleNamespace):
    """What the alarm asks a Trainer for."""

    def __init__(self, folder: Path, step: int = 0) -> None:
        super().__init__(
            global_step=step,
            loggers=[MetricsFile(str(folder), step)],
            callback_metrics={},
            state=SimpleNamespace(fn=TrainerFn.FITTING),
            sanity_checking=False,
            is_global_zero=True,
            should_stop=False,
            strategy=SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision),
        )


def play(alarm: WashOutAlarm, trainer: Any, sequence: list[Values], first: int = 1) -> list[int]:
    """Validate every 100 steps; returns the steps at which the run was told to stop."""
    stops = []
    for number, (ratio, tv, brightness) in enumerate(sequence, start=first):
        trainer.global_step = 100 * number
        trainer.callback_metrics = {
            "val/saturation_ratio": ratio,
            "val/tv": tv,
            "val/brightness_out": brightness,
            "val/exp": 0.1,
        }
        alarm.on_validation_end(trainer, None)  # type: ignore[arg-type]
        if trainer.should_stop:
            stops.append(trainer.global_step)
    return stops


def alarm_after(sequence: list[Values], folder: Path, **options: Any) -> WashOutAlarm:
    alarm = WashOutAlarm(str(folder), **options)
    play(alarm, Trainer(folder), sequence)
    return alarm


# Saturation ratio, smoothness loss and brightness of validations.
FADES = [
    (0.90, 1e-4, 0.40),
    (0.70, 3e-4, 0.60),
    (0.72, 4e-4, 0.61),
    (0.60, 6e-4, 0.61),
    (0.55, 8e-4, 0.62),
    (0.50, 9e-4, 0.62),
    (0.40, 1e-3, 0.62),
]
# The table of sweeps/official_10000, which did not wash out.
HEALTHY = [
    (0.691, 0.00035, 0.627),
    (0.662, 0.000638, 0.647),
    (0.686, 0.000604, 0.64),
    (0.723, 0.000677, 0.628),
    (0.722, 0.000464, 0.614),
    (0.729, 0.000693, 0.615),
    (0.713, 0.000589, 0.608),
    (0.7, 0.000623, 0.624),
    (0.732, 0.000681, 0.612),
    (0.739, 0.000772, 0.603),
    (0.682, 0.000639, 0.638),
]


def test_marks_the_first_of_the_faded_validations(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "step-000300.ckpt").touch()
    with caplog.at_level(logging.WARNING):
        alarm = alarm_after(FADES, tmp_path)
    # 0.60 is within a fifth of 0.72; 0.55 is not.
    assert alarm.mark == {
        "from_step": 500,
        "saturation_ratio": 0.55,
        "tv": 8e-4,
        "best_step": 300,
        "best_saturation_ratio": 0.72,
        "best_tv": 4e-4,
        "noticed_at_step": 600,
    }
    (message,) = [record.getMessage() for record in caplog.records]
    assert "fade from step 500 on" in message
    assert "0.550 after 0.720 at step 300" in message
    assert str(tmp_path / "samples" / "step-000300") in message
    assert str(tmp_path / "checkpoints" / "step-000300.ckpt") in message


@pytest.mark.parametrize("goes_on", [0, 1])
def test_the_rows_of_a_run_that_has_ended_have_the_same_mark(goes_on: int, tmp_path: Path) -> None:
    """Also where it trained on after the alarm; rows without a validation say nothing."""
    sequence = [*FADES, *FADES[:1] * goes_on]
    rows = {
        100 * number: {f"val/{name}": value for name, value in zip(WATCHED, values, strict=True)}
        for number, values in enumerate(sequence, start=1)
    }
    expected = alarm_after(sequence, tmp_path).mark
    assert expected is not None
    assert WashOutAlarm(str(tmp_path)).mark_in({**rows, 50: {"train/exp": 0.1}}) == expected
    assert WashOutAlarm(str(tmp_path)).mark_in({}) is None


def test_a_healthy_run_is_left_alone(tmp_path: Path) -> None:
    assert alarm_after(HEALTHY, tmp_path).mark is None
    # Nor where the best of all came first, and with half the margin.
    assert alarm_after(HEALTHY[::-1], tmp_path, drop=0.11).mark is None
    assert alarm_after(HEALTHY, tmp_path, drop=0.01, validations=1).mark is not None, "this can fail"


def test_saturation_lost_while_brightening_is_none(tmp_path: Path) -> None:
    """Each state is brighter than those before: there is nothing to compare it with."""
    steps = [(0.95 - 0.05 * n, 1e-4 * (n + 1), 0.2 + 0.06 * n) for n in range(8)]
    assert alarm_after(steps, tmp_path).mark is None
    # The same loss at one brightness is a fade.
    assert alarm_after([(ratio, tv, 0.6) for ratio, tv, _ in steps], tmp_path).mark is not None


def test_an_early_dip_is_none(tmp_path: Path) -> None:
    dip = [(0.95, 1e-4, 0.30), (0.50, 5e-4, 0.62), (0.55, 4e-4, 0.61), (0.70, 4e-4, 0.60), (0.72, 5e-4, 0.60)]
    assert alarm_after(dip, tmp_path).mark is None


def test_one_faded_validation_is_not_enough(tmp_path: Path) -> None:
    once = [(0.72, 4e-4, 0.6), (0.50, 6e-4, 0.6), (0.71, 5e-4, 0.6), (0.50, 6e-4, 0.6), (0.70, 6e-4, 0.6)]
    assert alarm_after(once, tmp_path).mark is None
    mark = alarm_after(once, tmp_path, validations=1).mark
    assert mark is not None
    assert mark["from_step"] == mark["noticed_at_step"] == 200


def test_the_smoothness_loss_must_rise(tmp_path: Path) -> None:
    falling = [(ratio, 1e-3 - tv / 2, brightness) for ratio, tv, brightness in FADES]
    assert alarm_after(falling, tmp_path).mark is None
    assert alarm_after(FADES, tmp_path, tv_rise=2).mark is None, "it rose to 2.5 times what it was"
    assert alarm_after(FADES, tmp_path, tv_rise=0.9).mark is not None


def test_grey_data_is_none(tmp_path: Path) -> None:
    assert alarm_after([(math.nan, tv, brightness) for _, tv, brightness in FADES], tmp_path).mark is None
    # One such validation in between breaks the row and hides nothing else.
    broken = [*FADES[:5], (math.nan, 9e-4, 0.62), *FADES[5:]]
    mark = alarm_after(broken, tmp_path).mark
    assert mark is not None
    assert (mark["from_step"], mark["best_step"]) == (700, 300)


@pytest.mark.parametrize("stop", [True, False])
def test_tells_the_run_to_stop_only_where_asked(stop: bool, tmp_path: Path) -> None:
    alarm, trainer = WashOutAlarm(str(tmp_path), stop=stop), Trainer(tmp_path)
    assert play(alarm, trainer, FADES) == ([600, 700] if stop else [])


def test_only_the_validations_of_a_training_count(tmp_path: Path) -> None:
    alarm, trainer = WashOutAlarm(str(tmp_path)), Trainer(tmp_path)
    trainer.state.fn = TrainerFn.VALIDATING
    play(alarm, trainer, FADES)
    assert alarm.history == []


@pytest.mark.parametrize("cut", range(1, 7))
def test_a_resumed_run_marks_the_same_step(cut: int, tmp_path: Path) -> None:
    """The checkpoint of a step is written before its validation, which metrics.csv has."""
    whole = alarm_after(FADES, tmp_path)
    first, trainer = WashOutAlarm(str(tmp_path)), Trainer(tmp_path)
    play(first, trainer, FADES[: cut - 1])
    kept = first.state_dict()
    play(first, trainer, FADES[cut - 1 : cut], first=cut)
    trainer.loggers[0].log_metrics(trainer.callback_metrics, 100 * cut)
    trainer.loggers[0].log_metrics({"train/exp": 0.2}, 100 * cut - 10)
    trainer.loggers[0].write()
    second, trainer = WashOutAlarm(str(tmp_path), stop=True), Trainer(tmp_path, 100 * cut)
    second.load_state_dict(kept)
    second.on_train_start(trainer, None)  # type: ignore[arg-type]
    assert not trainer.should_stop, "who resumes wants to go on"
    assert second.history == first.history
    play(second, trainer, FADES[cut:], first=cut + 1)
    assert second.mark == whole.mark
    assert second.history == whole.history


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drop": 0}, r"callbacks\.washout\.drop is 0"),
        ({"drop": 1}, r"callbacks\.washout\.drop is 1"),
        ({"tv_rise": -1}, r"callbacks\.washout\.tv_rise is -1"),
        ({"validations": 0}, r"callbacks\.washout\.validations is 0"),
        ({"settled": 2}, r"callbacks\.washout\.settled is 2"),
        ({"stop": "yes"}, r"callbacks\.washout\.stop is 'yes'; expected true or false"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WashOutAlarm("run", **options)


# Colours are pulled to grey, curves may be as uneven as they like, and there is nothing to brighten.
RIGGED = [
    "every_n_steps=10",
    "model.learning_rate=0.002",
    "trainer.gradient_clip_val=null",
    "loss.weights.col=1000",
    "loss.weights.tv=0",
    "loss.exp.target=0.35",
    "logger=csv",
    "callbacks.samples=null",
]


@pytest.mark.slow
def test_a_rigged_run_stops_and_a_resumed_one_marks_the_same(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = tiny(sice, *RIGGED, "callbacks.washout.stop=true", "hydra.run.dir=whole/0", "trainer.max_steps=200")
    assert run_here(monkeypatch, tmp_path, *whole) == 0
    result = read_result(tmp_path / "whole" / "0")
    mark, last = result["washout"], result["last_step"]
    assert result["state"] == "finished"
    assert last == mark["noticed_at_step"] == mark["from_step"] + 10 < 200
    assert (tmp_path / "whole" / "0" / "checkpoints" / f"step-{last:06d}.ckpt").is_file()
    rows = {int(row["step"]): row for row in read_metrics(tmp_path / "whole" / "0")}
    assert float(rows[mark["from_step"]]["val/saturation_ratio"]) == mark["saturation_ratio"]
    assert float(rows[mark["best_step"]]["val/tv"]) == mark["best_tv"] < mark["tv"]
    assert max(rows) == last

    # Interrupted right after the first faded validation, which no checkpoint knows of.
    part = tiny(sice, *RIGGED, "hydra.run.dir=part/0", f"trainer.max_steps={mark['from_step']}")
    assert run_here(monkeypatch, tmp_path, *part) == 0
    assert read_result(tmp_path / "part" / "0")["washout"] is None
    assert run_here(monkeypatch, tmp_path, "resume=part/0", f"trainer.max_steps={last}") == 0
    assert read_result(tmp_path / "part" / "0")["washout"] == mark
    # One that was killed before its result was written has ended there too.
    (tmp_path / "whole" / "0" / "result.json").unlink()
    assert run_here(monkeypatch, tmp_path, "resume=whole/0") == 0
    ended = read_result(tmp_path / "whole" / "0")
    for name in ("state", "last_step", "measures", "washout"):
        assert ended[name] == result[name]
    # To go on it wants to be told, in the same words whatever becomes of it then; it keeps its mark.
    capsys.readouterr()
    longer = ["resume=whole/0", f"trainer.max_steps={last + 10}"]
    assert run_here(monkeypatch, tmp_path, *longer) == 1
    assert "because pictures fade: give callbacks.washout.stop=false to train on" in capsys.readouterr().err
    assert read_result(tmp_path / "whole" / "0")["state"] == "finished"
    # Other processes may look while the first is writing the result: they never ask, and have nothing to do.
    alarm = {"_target_": "zero_dce.train.callbacks.washout.WashOutAlarm", "folder": "run", "drop": 0.2, "stop": True}
    steps = {"resume": "whole/0", "trainer": {"max_steps": last + 10}}
    config = OmegaConf.create({**steps, "callbacks": {"washout": alarm}})
    with pytest.raises(ValueError, match="to train on"):
        find_start(config, tmp_path / "whole" / "0", in_sweep=False)
    with monkeypatch.context() as second:
        for name, value in ranks(free_port())[1].items():
            second.setenv(name, value)
        assert find_start(config, tmp_path / "whole" / "0", in_sweep=False).has_ended
    assert run_here(monkeypatch, tmp_path, *longer, "callbacks.washout.stop=false") == 0
    result = read_result(tmp_path / "whole" / "0")
    assert (result["last_step"], result["washout"]) == (last + 10, mark)

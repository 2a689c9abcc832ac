"""What a run will take."""

from __future__ import annotations

import csv
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, open_dict

from tests.helpers.pictures import make_sice
from tests.helpers.runs import only_run, read_result, run_here, tiny
from zero_dce.data.dataset import Fit
from zero_dce.module import ZeroDCE
from zero_dce.sweep import estimate as module
from zero_dce.sweep.estimate import MEASURED_STEPS, Schedule, estimate_run, first_device, plan_schedule
from zero_dce.train.callbacks import samples
from zero_dce.train.configuration import VERSION_BASE, config_folder, find_targets, register_resolvers, targets_allowed

PARAMETERS = 79416


def composed(*overrides: str) -> DictConfig:
    register_resolvers()
    with initialize_config_dir(str(config_folder()), **VERSION_BASE):
        return compose("config", [*overrides], return_hydra_config=True)


@pytest.fixture
def config() -> DictConfig:
    small = ("data=sample", "data.size=16", "trainer.accelerator=cpu", "trainer.max_steps=100", "every_n_steps=50")
    return composed(*small)


def test_disk_is_checkpoints_and_pictures(config: DictConfig) -> None:
    """Three sets of pictures; two checkpoints and last.ckpt, each of the weights and Adam's two moments."""
    estimate = estimate_run(config, timed=False)
    assert (estimate.seconds, estimate.basis) == (None, "not measured")
    checkpoints = 3 * 3 * 4 * PARAMETERS
    pictures = 3 * 8 * 512 * 384 * 3 * (2 * 0.6 + 0.13)
    assert estimate.megabytes == pytest.approx((checkpoints + pictures) / 1e6)
    with open_dict(config):
        config.callbacks.samples = None
    assert estimate_run(config, timed=False).megabytes == pytest.approx(checkpoints / 1e6)


def test_a_run_without_an_end_has_no_estimate(config: DictConfig) -> None:
    config.trainer.max_steps = -1
    with pytest.raises(ValueError, match=r"trainer\.max_steps=-1 and trainer\.max_epochs=-1 do not say"):
        plan_schedule(config, 5)


@pytest.mark.parametrize(
    ("devices", "measured"), [(1, 1), (4, 1), ("auto", 1), (-1, 1), ("2", 1), ("3,1", [3]), ([2, 0], [2])]
)
def test_the_first_of_a_runs_devices_is_measured(devices: object, measured: object) -> None:
    assert first_device(devices) == measured


@pytest.mark.slow
def test_time_is_measured_also_in_another_process(config: DictConfig) -> None:
    """Which gets the configuration pickled and unresolved."""
    estimate = estimate_run(pickle.loads(pickle.dumps(config)))
    assert estimate.seconds is not None
    assert estimate.seconds > 0
    assert estimate.basis.startswith("a run: 100 steps of 8 images at ")
    assert estimate.basis.endswith("; measured, without start-up and loggers")


class StandInClock:
    """It goes on only by what the parts of training are said to take."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        self.monkeypatch = monkeypatch
        monkeypatch.setattr(module, "now", lambda device: self.seconds)
        monkeypatch.setattr("time.perf_counter", lambda: self.seconds)

    def takes(self, seconds: float | Callable[[Any], float], owner: Any, name: str) -> None:
        """Let a function take so long, which may depend on its first argument."""
        function = getattr(owner, name)

        def timed(*arguments: Any, **options: Any) -> Any:
            self.seconds += seconds(arguments[0]) if callable(seconds) else seconds
            return function(*arguments, **options)

        self.monkeypatch.setattr(owner, name, timed)


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize(("cache", "workers"), [("disk", 0), ("none", 0), ("none", 1)])
def test_the_parts_add_up(
    accumulate: int, cache: str, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that training does is in it as often as it is done."""
    data = make_sice(tmp_path / "data", scenes=8, frames=4)
    config = composed(
        *tiny(data, f"trainer.accumulate_grad_batches={accumulate}", f"data.cache={cache}", "data.batch_size=1"),
        *("trainer.max_steps=100", "every_n_steps=40", "trainer.log_every_n_steps=10", "callbacks.samples.count=3"),
        f"data.num_workers={workers}",
    )
    # Whatever is cached is cached now.
    train, val = split_sizes(config)
    clock = StandInClock(monkeypatch)
    clock.takes(seconds_of_batch, ZeroDCE, "training_step")
    clock.takes(0.5, torch.nn.utils, "clip_grads_with_norm_")
    clock.takes(0.0625, ZeroDCE, "optimizer_step")
    clock.takes(10, ZeroDCE, "validation_step")
    clock.takes(3, L.Trainer, "save_checkpoint")
    clock.takes(100, samples, "enhance_sample")
    clock.takes(7, samples, "decode_within")
    # In a worker the stand-in is not seen by the process that trains, as real decoding is not in its way.
    clock.takes(4, Fit, "read")
    decoded = 4 if cache == "none" else 0
    step = accumulate * 1.0 + 0.5 + 0.0625
    validation = 10
    if workers:
        step = max(step, accumulate * decoded)
    else:
        step += accumulate * decoded
        # A picture and its reference.
        validation += 2 * decoded
    log = 0.25 * accumulate
    expected = 100 * step + 10 * log + 3 * val * validation + 3 * 3 + 4 * 3 * 100 + 3 * 7
    assert train > 2 * MEASURED_STEPS, "the measured steps are of one epoch"
    assert estimate_run(config).seconds == pytest.approx(expected)


def seconds_of_batch(model: ZeroDCE) -> float:
    logs = (model.global_step + 1) % model.trainer.log_every_n_steps == 0  # type: ignore[attr-defined]
    return 1.25 if logs else 1.0


def split_sizes(config: DictConfig) -> tuple[int, int]:
    from hydra.utils import instantiate

    with targets_allowed(find_targets(config.data)):
        data = instantiate(config.data)
    data.setup()
    return len(data.split.train), len(data.split.val)


@pytest.mark.parametrize(
    ("overrides", "steps_per_epoch"),
    [
        (["trainer.max_steps=4", "every_n_steps=2"], 6),
        (["trainer.max_steps=5", "every_n_steps=2", "trainer.log_every_n_steps=2"], 6),
        (["trainer.max_steps=-1", "trainer.max_epochs=2", "trainer.accumulate_grad_batches=4", "every_n_steps=3"], 2),
        (["trainer.max_steps=3", "every_n_steps=9", "callbacks.samples=null", "callbacks.validation=null"], 6),
    ],
)
def test_a_run_does_as_often_as_planned(
    overrides: list[str], steps_per_epoch: int, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tiny(sice, "logger=csv", *overrides)
    assert run_here(monkeypatch, tmp_path, *given) == 0
    run = only_run(tmp_path)
    with (run / "metrics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    done = Schedule(
        steps=read_result(run)["last_step"],
        logs=sum(bool(row["train/exp"]) for row in rows),
        validations=sum(bool(row.get("val/exp")) for row in rows),
        checkpoints=len(list((run / "checkpoints").glob("step-*.ckpt"))),
        picture_sets=len(list((run / "samples").glob("step-*"))),
    )
    assert plan_schedule(composed(*given), steps_per_epoch) == done

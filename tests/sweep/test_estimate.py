"""What a run will take."""

from __future__ import annotations

import pickle

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, open_dict

from zero_dce.sweep.estimate import estimate_run
from zero_dce.train.configuration import config_folder, register_resolvers

PARAMETERS = 79416


@pytest.fixture
def config() -> DictConfig:
    register_resolvers()
    small = ["data=sample", "data.size=16", "trainer.accelerator=cpu", "trainer.max_steps=100", "every_n_steps=50"]
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return compose("config", small, return_hydra_config=True)


def test_disk_is_checkpoints_and_pictures(config: DictConfig) -> None:
    """Three sets of pictures; as many checkpoints and last.ckpt, each of the weights and Adam's two moments."""
    estimate = estimate_run(config, timed=False)
    assert (estimate.seconds, estimate.basis) == (None, "not measured")
    checkpoints = 4 * 3 * 4 * PARAMETERS
    pictures = 3 * 8 * 512 * 384 * 3 * (2 * 0.6 + 0.13)
    assert estimate.megabytes == pytest.approx((checkpoints + pictures) / 1e6)
    with open_dict(config):
        config.callbacks.samples = None
    assert estimate_run(config, timed=False).megabytes == pytest.approx(checkpoints / 1e6)


def test_time_is_measured_also_in_another_process(config: DictConfig) -> None:
    """Which gets the configuration pickled and unresolved."""
    estimate = estimate_run(pickle.loads(pickle.dumps(config)))
    assert estimate.seconds is not None
    assert estimate.seconds > 0
    assert estimate.basis.endswith("ms a step of 8 images, measured, without decoding")

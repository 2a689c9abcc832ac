"""A stored configuration makes only what a run consists of."""

from __future__ import annotations

import os
import re

import pytest
from omegaconf import OmegaConf

from tests.helpers.paths import ROOT
from zero_dce.train.command_line import take_allowed
from zero_dce.train.configuration import ALLOW_VARIABLE, find_targets
from zero_dce.train.targets import check_targets


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "torch.load",
        "lightning.fabric.utilities.cloud_io._load",
        "zero_dcex.A",
        # What modules of allowed packages have imported.
        "zero_dce.train.ending.subprocess.Popen",
        "zero_dce.sweep.launching.processes.multiprocessing.Process",
        "torch.optim.Optimizer.__init__.__globals__",
        "lightning.pytorch.callbacks.Path",
        # It makes whatever its arguments name.
        "lightning.pytorch.cli.LightningCLI",
        "zero_dce.nothing.Here",
        "zero_dce..A",
        "${a}",
        # What the package's own configuration does not make may take a path, an address or a class.
        "lightning.pytorch.callbacks.ModelCheckpoint",
        "lightning.pytorch.profilers.SimpleProfiler",
        "zero_dce.enhance.enhancer.Enhancer",
    ],
)
def test_what_is_made(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ALLOW_VARIABLE, raising=False)
    check_targets(["zero_dce.module.ZeroDCE", "zero_dce.train.trainer.StepTrainer"])
    with pytest.raises(ValueError, match=rf"makes '{re.escape(target)}', which may run any code"):
        check_targets([target])
    assert take_allowed(["seed=1", f"allow_targets=[{target.partition('.')[0]}, mine]"]) == ["seed=1"]
    assert os.environ[ALLOW_VARIABLE] == f"{target.partition('.')[0]},mine"
    check_targets([target, "mine.Callback"])


def test_all_that_the_package_itself_configures_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what only some choice of a group makes, as trainer=ddp does."""
    monkeypatch.delenv(ALLOW_VARIABLE, raising=False)
    targets = [target for file in (ROOT / "conf").rglob("*.yaml") for target in find_targets(OmegaConf.load(file))]
    assert {"datetime.timedelta", "zero_dce.train.trainer.StepTrainer", "zero_dce.module.ZeroDCE"} <= set(targets)
    check_targets(targets)

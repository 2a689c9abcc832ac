"""Commands during which the power fails, and how a user goes on afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tests.endurance.disk import Image as Disk
from tests.endurance.promises import describe_other_measures, describe_unlike
from tests.helpers.networks import make_weights
from tests.helpers.pictures import make_sice
from tests.helpers.processes import run_module
from tests.helpers.runs import tiny
from tests.helpers.searches import search
from zero_dce.networks import make_network, save_weights
from zero_dce.records.run import has_checkpoint

# A module and its arguments.
Call = tuple[str, list[str]]


@dataclass(frozen=True)
class PowerScenario:
    """One command.

    Attributes:
        prepare: makes what the command reads, in a folder for inputs and in the working folder; returns the call.
        again: what a user runs once the power is back, given the working folder and the first call.
        artifacts: files that belong together, of which never some are new beside others of before.
        unlike: says how what comes out then differs from the undisturbed command's, given both and what was printed.
    """

    prepare: Callable[[Path, Path], Call]
    again: Callable[[Path, Call], Call]
    unlike: Callable[[Disk, Disk, str], str] = describe_unlike
    artifacts: Sequence[tuple[str, ...]] = ()


def _sice(inputs: Path) -> Path:
    return make_sice(inputs / "sice", scenes=3, frames=4)


def _sweep(inputs: Path, _: Path) -> Call:
    weights = ["loss.weights.exp=3,10", "loss.weights.tv=200"]
    options = ["--multirun", "+sweep=loss_weights", *weights, "logger=tensorboard", "hydra.sweep.dir=sweep"]
    return "zero_dce.train", tiny(_sice(inputs), *options, "data.cache=disk", "report_page=true")


def _resume(folder: Path, call: Call) -> Call:
    name = "study" if any("+sweep=optuna" in word for word in call[1]) else "sweep"
    return ("zero_dce.train", [f"resume={name}"]) if (folder / name / "sweep.json").is_file() else call


def _run(inputs: Path, _: Path) -> Call:
    """A checkpoint out of turn at each step."""
    often = "callbacks.checkpoints.every_n_minutes=0.00001"
    return "zero_dce.train", tiny(_sice(inputs), "logger=csv", often, "every_n_steps=3", "hydra.run.dir=run")


def _resume_run(folder: Path, call: Call) -> Call:
    """Resume the run; without a checkpoint that is refused, and it is started again in an empty folder."""
    if has_checkpoint(folder / "run"):
        return "zero_dce.train", ["resume=run"]
    shutil.rmtree(folder / "run", ignore_errors=True)
    return call


def _search(inputs: Path, _: Path) -> Call:
    return "zero_dce.train", [*search(_sice(inputs)), "hydra.sweeper.n_trials=2"]


def _pick(inputs: Path, folder: Path) -> Call:
    """A pick that replaces another one."""
    ended = run_module("zero_dce.train", tiny(_sice(inputs), "logger=csv", "hydra.run.dir=run"), folder)
    assert ended.returncode == 0, ended.stderr
    arguments = ["pick", "run", "--output", "picked", "--step"]
    assert run_module("zero_dce.review", [*arguments, "2"], folder).returncode == 0
    return "zero_dce.review", [*arguments, "4", "--overwrite"]


def _same(_: Path, call: Call) -> Call:
    return call


def _enhance(inputs: Path, folder: Path) -> Call:
    """New results, with all their files, and one of an earlier time that is replaced."""
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 90, (40, 60, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(inputs / f"{number}.{('jpg', 'png', 'tif')[number]}")
    (folder / "out").mkdir()
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / "out" / "0.jpg")
    more = ["--output", "out", "--overwrite", "--compare", "--maps", "--backend", "torch"]
    return "zero_dce.enhance", [os.fspath(inputs), *more]


def _export(name: str, file: str) -> Callable[[Path, Path], Call]:
    """A file that is replaced by that of other weights."""

    def prepare(inputs: Path, folder: Path) -> Call:
        for seed in (1, 2):
            save_weights(make_network(make_weights(seed=seed)), inputs / f"{seed}.safetensors", seed)
        arguments = ["--format", name, "--output", file, "--overwrite", "--weights"]
        ended = run_module("zero_dce.export", [*arguments, f"{inputs}/1.safetensors"], folder)
        assert ended.returncode == 0, ended.stderr
        return "zero_dce.export", [*arguments, f"{inputs}/2.safetensors"]

    return prepare


SCENARIOS = {
    "sweep": PowerScenario(_sweep, _resume),
    "run, a checkpoint each step": PowerScenario(_run, _resume_run),
    # The number of a run may be left unused.
    "search": PowerScenario(_search, _resume, describe_other_measures),
    "pick": PowerScenario(_pick, _same, artifacts=[("picked/",)]),
    "enhance": PowerScenario(_enhance, _same),
    "export onnx": PowerScenario(_export("onnx", "a.onnx"), _same),
    "export ncnn": PowerScenario(_export("ncnn", "a.param"), _same, artifacts=[("a.param", "a.bin")]),
}

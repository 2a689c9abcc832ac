"""Commands during which the power fails: some of those that are killed, with more that they write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.endurance import scenarios
from tests.endurance.scenarios import Call, Scenario
from tests.endurance.scenarios_commands import COMMANDS
from tests.endurance.scenarios_runs import RUNS

IN_PLACE = "a library's own, which it writes where it lies; nothing reads it, and resuming does not write it again"
OF_LIBRARIES = dict.fromkeys((".log", "multirun.yaml", "hparams.yaml", "tensorboard", ".lock"), IN_PLACE)


def _run(inputs: Path) -> Call:
    """A checkpoint out of turn at each step."""
    module, arguments = scenarios.SCENARIOS["run"].prepare(inputs)
    return module, [*arguments, "callbacks.checkpoints.every_n_minutes=0.00001", "every_n_steps=3"]


def _sweep(inputs: Path) -> Call:
    module, arguments = scenarios.SCENARIOS["sweep"].prepare(inputs)
    arguments = [argument.replace("logger=csv", "logger=tensorboard") for argument in arguments]
    return module, [*arguments, "data.cache=disk", "report_page=true"]


SCENARIOS: dict[str, Scenario] = {
    "sweep": replace(scenarios.SCENARIOS["sweep"], prepare=_sweep, ignored=OF_LIBRARIES),
    "run, a checkpoint each step": replace(scenarios.SCENARIOS["run"], prepare=_run, ignored=OF_LIBRARIES),
    "search": replace(RUNS["study"], ignored={**RUNS["study"].ignored, **OF_LIBRARIES}),
    "pick": COMMANDS["pick"],
    "enhance": COMMANDS["enhance_again"],
    "export onnx": COMMANDS["export_onnx"],
    "export openvino": COMMANDS["export_openvino"],
    "export ncnn": COMMANDS["export_ncnn"],
}

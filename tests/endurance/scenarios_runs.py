"""Searches, and runs with trackers, that are disturbed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from tests.endurance.equal import OF_RUNS
from tests.endurance.scenarios import Call, Scenario
from tests.endurance.whole import PASSING
from tests.helpers.paths import ROOT
from tests.helpers.pictures import make_sice
from tests.helpers.runs import tiny
from tests.helpers.searches import search
from zero_dce.records.run import run_state

STUDY = {"study/optuna": "read", "study.db": "read", "sweep.json": "read"}


def search_scenario(name: str, *options: str) -> Scenario:
    def prepare(inputs: Path) -> Call:
        sice = make_sice(inputs / "sice", scenes=3, frames=4)
        short = ["trainer.max_steps=1", "every_n_steps=1", "hydra.sweeper.n_trials=2", "hydra.sweeper.seed=1"]
        return "zero_dce.train", search(sice, *short, *options)

    return Scenario(
        name,
        prepare,
        _go_on_searching,
        STUDY,
        OF_RUNS,
        renamed=_runs_of_study,
        check=_check_study,
        leftover=_left_in_study,
    )


def _trials_of_study(folder: Path) -> list[optuna.trial.FrozenTrial]:
    storage: Any = f"sqlite:///{folder / 'study.db'}"
    if not (folder / "study.db").exists():
        storage = JournalStorage(JournalFileBackend(str(folder / "study" / "optuna" / "journal.log")))
    # A disturbed one may have no study yet.
    names = optuna.get_all_study_names(storage)
    return optuna.load_study(storage=storage, study_name=names[0]).trials if names else []


def _go_on_searching(folder: Path, call: Call) -> Call:
    """The same command, with what has failed."""
    begun = (folder / "study.db").exists() or (folder / "study" / "optuna" / "journal.log").exists()
    failed = begun and any(trial.state == TrialState.FAIL for trial in _trials_of_study(folder))
    return call[0], [*call[1], *(["hydra.launcher.retry_failed=true"] if failed else [])]


def _check_study(folder: Path) -> str:
    """Both runs have a trial that was told, the last one where there are several, with the values of the run."""
    study, trials = folder / "study", _trials_of_study(folder)
    wrong = [f"trial {trial.number} still runs" for trial in trials if trial.state == TrialState.RUNNING]
    last = {trial.user_attrs["run"]: trial for trial in trials if "run" in trial.user_attrs}
    told = [trial.user_attrs.get("run") for trial in trials if trial.state == TrialState.COMPLETE]
    if len(last) != 2 or sorted(told) != sorted(last):
        wrong.append(f"the trials have the runs {sorted(last)}, and values for {told}")
    objectives = json.loads((study / "sweep.json").read_text())["objectives"]
    for run, trial in last.items():
        measures = json.loads((study / str(run) / "result.json").read_text())["measures"]
        if trial.values != [measures[name] for name in objectives]:
            wrong.append(f"trial {trial.number} has other values than its run")
    return "; ".join(wrong)


def _left_in_study(folder: Path) -> str:
    left = [
        *folder.glob("study/optuna/worker-*"),
        *(file for file in folder.rglob("*") if file.name.endswith(PASSING[:2])),
    ]
    return ", ".join(sorted(file.name for file in left))


def _runs_of_study(folder: Path) -> dict[str, str]:
    """A run by what its trial chose: one that was killed right after it was asked for leaves its number unused."""
    files = folder.glob("study/*/.hydra/overrides.yaml")
    return {
        f"study/{file.parent.parent.name}": f"study/{OF_RUNS['.yaml'](file.read_bytes()).decode()}" for file in files
    }


def tracker_scenario(name: str) -> Scenario:
    def prepare(inputs: Path) -> Call:
        sice = make_sice(inputs / "sice", scenes=3, frames=4)
        return "zero_dce.train", tiny(sice, f"logger={name}", "hydra.run.dir=runs/today/0")

    def again(folder: Path, call: Call) -> Call:
        run = folder / "runs" / "today" / "0"
        if not (run / "checkpoints" / "last.ckpt").is_file():
            shutil.rmtree(run, ignore_errors=True)
            return call
        if run_state(run) == "finished":
            return "zero_dce.review", ["report", "runs/today/0", "--output", "report.html"]
        return "zero_dce.train", ["resume=runs/today/0"]

    def check(folder: Path) -> str:
        variables = {**os.environ, "TRACKIO_DIR": str(folder / "trackio"), "LD_PRELOAD": ""}
        command = [sys.executable, "-m", "tests.endurance.tracked", name, str(folder / "runs" / "today" / "0")]
        done = subprocess.run(
            command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=100, check=False
        )
        return done.stderr[-500:] if done.returncode else ""

    own = "the tracker's own, which is read instead"
    ignored = {
        name: own,
        "report.html": "of a run that has finished",
        "id.txt": "an id is a random one",
        "mlflow.lock": own,
    }
    return Scenario(
        f"logger_{name}",
        prepare,
        again,
        ignored,
        OF_RUNS,
        environment=lambda folder: {"TRACKIO_DIR": str(folder / "trackio")},
        check=check,
        # Trackio ends no run because of a picture.
        gives_up="trackio.log() skipped" if name == "trackio" else "",
    )


RUNS = {
    scenario.name: scenario
    for scenario in [
        search_scenario("study"),
        search_scenario("study_sqlite", "hydra.sweeper.storage=sqlite:///study.db"),
        *(tracker_scenario(name) for name in ("tensorboard", "mlflow", "trackio")),
    ]
}

"""A search by several workers, which survives them, from the command line."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
import torch
from optuna.trial import TrialState

from tests.helpers.processes import Command, changed, wait_for
from tests.helpers.runs import read_metrics, read_result, run_here
from tests.helpers.searches import search, trials_of
from zero_dce.files import write_json
from zero_dce.module import ZeroDCE
from zero_dce.records.sweep import read_plan
from zero_dce.sweep.search.study import MOST_ATTEMPTS, Study
from zero_dce.train import result

# Optuna's codes in its journal, of a trial's begin and end.
ASKED, TOLD = 4, 6


def test_search_and_go_on(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = search(sice)
    assert run_here(monkeypatch, tmp_path, *arguments, "hydra.sweeper.n_trials=2") == 0
    printed = capsys.readouterr().out
    assert "Search optuna: 2 runs of 4 steps, in" in printed
    assert "Objectives: maximize val/entropy_out, maximize val/saturation_ratio\n" in printed
    assert "Run 2 of 2 ended" in printed
    assert "(2 of 2 runs have values)" in printed
    folder = tmp_path / "study"
    first = trials_of(folder)
    assert [trial.state for trial in first] == [TrialState.COMPLETE] * 2
    for number, trial in enumerate(first):
        assert trial.user_attrs["run"] == number
        result = read_result(folder / str(number))
        assert trial.values == [result["measures"][name] for name in read_plan(folder)["objectives"]]
        assert result["weights"]["exp"] == pytest.approx(trial.params["loss.weights.exp"], rel=1e-3)
        assert result["weights"]["col"] == 5
    assert {*first[0].params} == {"loss.weights.exp", "loss.weights.tv"}, "the others were given one value"
    assert (folder / "report.html").is_file()
    assert (folder / "multirun.yaml").is_file()
    before = (folder / "0" / "result.json").read_bytes()
    assert run_here(monkeypatch, tmp_path, "resume=study", "hydra.sweeper.n_trials=3") == 0
    assert "3 runs of 4 steps, of which 2 are there" in capsys.readouterr().out
    assert (folder / "0" / "result.json").read_bytes() == before
    assert [trial.user_attrs["run"] for trial in trials_of(folder)] == [0, 1, 2]
    assert read_plan(folder)["swept"] == ["loss.weights.exp", "loss.weights.tv"]
    assert len(read_plan(folder)["jobs"]) == 3
    assert run_here(monkeypatch, tmp_path, *arguments, "hydra.sweeper.n_trials=3") == 0, "nothing left to do"
    assert len(read_plan(folder)["jobs"]) == 3
    # The same seed is the same study, also in one piece.
    apart = [*arguments, "hydra.sweep.dir=again", "hydra.sweeper.n_trials=3"]
    assert run_here(monkeypatch, tmp_path, *apart) == 0
    assert read_plan(tmp_path / "again")["jobs"] == read_plan(folder)["jobs"]
    assert run_here(monkeypatch, tmp_path, *arguments, "loss.weights.exp=interval(1,2)") == 1
    assert "holds a search with other search space" in capsys.readouterr().err
    assert run_here(monkeypatch, tmp_path, *arguments, "trainer.max_steps=5") == 1
    assert "holds a search with other overrides" in capsys.readouterr().err
    assert len(read_plan(folder)["jobs"]) == 3


@pytest.mark.parametrize("sampler", ["nsgaii", "random"])
def test_samplers_and_batches_and_a_database(
    sampler: str, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = search(sice, f"hydra.sweeper.sampler={sampler}", f"hydra.sweeper.storage=sqlite:///{tmp_path}/all.db")
    arguments += ["hydra.sweeper.n_trials=3", "hydra.sweeper.batch_size=2", "hydra.sweeper.seed=null"]
    assert run_here(monkeypatch, tmp_path, *arguments) == 0
    assert [len(job) for job in read_plan(tmp_path / "study")["jobs"]] == [
        len(read_plan(tmp_path / "study")["jobs"][0])
    ] * 3
    assert all((tmp_path / "study" / str(number) / "result.json").is_file() for number in range(3))
    assert not (tmp_path / "study" / "optuna" / "journal.log").exists()
    name = read_plan(tmp_path / "study")["search"]["study_name"]
    study = optuna.load_study(storage=f"sqlite:///{tmp_path}/all.db", study_name=name)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 3
    capsys.readouterr()
    elsewhere = [*arguments, "hydra.sweep.dir=other", f"hydra.sweeper.study_name={name}"]
    assert run_here(monkeypatch, tmp_path, *elsewhere) == 1
    assert "whose runs are elsewhere" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "other")
    (tmp_path / "all.db").unlink()
    assert run_here(monkeypatch, tmp_path, *arguments) == 1
    assert "does not hold: restore it" in capsys.readouterr().err


@pytest.mark.usefixtures("not_estimated")
def test_faded_and_failed_runs(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second run fades, the third fails, the fourth has no value for an objective."""
    end, step, validated = ZeroDCE.on_validation_epoch_end, ZeroDCE.training_step, {"runs": -1}

    def start(self: ZeroDCE) -> None:
        validated["runs"] += 1

    def on_validation_epoch_end(self: ZeroDCE) -> None:
        end(self)
        run, faded = validated["runs"], self.global_step > 2
        if run == 1:
            self.log("val/saturation_ratio", 0.1 if faded else 0.9)
            self.log("val/tv", 1.0 if faded else 0.1)
            self.log("val/brightness_out", 0.5)
        if run == 3:
            self.log("val/loe", torch.nan)

    def training_step(self: ZeroDCE, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        if validated["runs"] == 2:
            raise ValueError("no")
        return step(self, batch, batch_idx)

    monkeypatch.setattr(ZeroDCE, "setup", lambda self, stage: start(self))
    monkeypatch.setattr(ZeroDCE, "on_validation_epoch_end", on_validation_epoch_end)
    monkeypatch.setattr(ZeroDCE, "training_step", training_step)
    options = ["callbacks.washout.validations=1", "hydra.sweeper.n_trials=5", "trainer.max_steps=6"]
    options.append("++hydra.sweeper.objectives={val/loe:minimize}")
    assert run_here(monkeypatch, tmp_path, *search(sice, *options)) == 1
    captured = capsys.readouterr()
    complete, failed = TrialState.COMPLETE, TrialState.FAIL
    states = [trial.state for trial in trials_of(tmp_path / "study")]
    assert states == [complete, TrialState.PRUNED, failed, failed, complete]
    assert read_result(tmp_path / "study" / "1")["last_step"] == 4, "it ended there"
    assert "Run 3 gives the search no values: it has no value for val/loe" in captured.out
    assert "Run 2 failed: no" in captured.out
    assert "(2 of 5 runs have values, 1 faded and do not count)" in captured.out
    assert "Without values for the search: run 2, run 3" in captured.err
    monkeypatch.setattr(ZeroDCE, "training_step", step)
    assert run_here(monkeypatch, tmp_path, *search(sice, *options)) == 0
    assert "1 failed runs stay so; hydra.launcher.retry_failed=true" in capsys.readouterr().out
    assert run_here(monkeypatch, tmp_path, *search(sice, *options, "hydra.launcher.retry_failed=true")) == 0
    assert "Run 2, which had failed, is carried out again" in capsys.readouterr().out
    states = [trial.state for trial in trials_of(tmp_path / "study")]
    assert states == [complete, TrialState.PRUNED, failed, failed, complete, complete], "run 3 has finished"


@pytest.mark.usefixtures("not_estimated")
def test_why_a_run_failed_is_told_before_the_study(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a full disk the run fails, its result cannot be written, and then the study can be told nothing."""
    refused = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "metrics.csv")
    monkeypatch.setattr(ZeroDCE, "training_step", lambda *_: (_ for _ in ()).throw(refused))
    monkeypatch.setattr(result, "write_json", lambda *_: (_ for _ in ()).throw(refused))
    monkeypatch.setattr(Study, "tell", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full", "journal.log")))
    assert run_here(monkeypatch, tmp_path, *search(sice, "hydra.sweeper.n_trials=1", "trainer.max_steps=1")) == 1
    captured = capsys.readouterr()
    assert "Run 0: the disk that holds metrics.csv is full" in captured.out
    assert "journal.log" in captured.err


class Workers:
    """Processes of one search, ended with the test."""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        self.folder, self.arguments = folder, arguments
        self.started: list[Command] = []

    def start(self, *overrides: str) -> Command:
        command = [*self.arguments, *overrides]
        self.started.append(Command("zero_dce.train", command, self.folder, {"OMP_NUM_THREADS": "1"}))
        return self.started[-1]

    def outputs(self) -> str:
        return "\n".join(process.output() + process.errors() for process in self.started)

    def kill_when(self, process: Command, reached: Callable[[], bool]) -> None:
        """Kill -9 a process once something is so."""
        wait_for(reached, [process])
        process.kill()


@pytest.fixture
def workers(sice: Path, tmp_path: Path) -> Iterator[Workers]:
    made = Workers(tmp_path, search(sice))
    yield made
    for process in made.started:
        process.kill()


@pytest.mark.slow
def test_two_workers_share_a_study(workers: Workers, tmp_path: Path) -> None:
    both = [workers.start("hydra.sweeper.n_trials=6") for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0], workers.outputs()
    folder = tmp_path / "study"
    trials = trials_of(folder)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 6
    assert sorted(trial.user_attrs["run"] for trial in trials) == list(range(6))
    assert len({trial.params["loss.weights.exp"] for trial in trials}) == 6, "no two of them drew the same point"
    jobs = read_plan(folder)["jobs"]
    assert len(jobs) == 6
    for trial in trials:
        run = trial.user_attrs["run"]
        weights = read_result(folder / str(run))["weights"]
        assert f"loss.weights.exp={weights['exp']}" in jobs[run]
        assert weights["exp"] == pytest.approx(trial.params["loss.weights.exp"], rel=1e-3)
    assert [file.name for file in (folder / "optuna").iterdir() if file.name.startswith("worker")] == []


@pytest.mark.slow
def test_as_many_at_a_time_as_the_launcher_runs(workers: Workers, tmp_path: Path) -> None:
    process = workers.start("hydra.sweeper.n_trials=3", "hydra/launcher=local", "hydra.launcher.slots=2")
    assert process.wait() == 0, workers.outputs()
    trials = trials_of(tmp_path / "study")
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 3
    lines = (tmp_path / "study" / "optuna" / "journal.log").read_text().splitlines()
    order = [json.loads(line)["op_code"] for line in lines]
    order = [code for code in order if code in (ASKED, TOLD)]
    assert order == [ASKED, ASKED, TOLD, TOLD, ASKED, TOLD]


@pytest.mark.slow
def test_a_killed_workers_run_goes_on(workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "study"
    long = ["trainer.max_steps=2000", "every_n_steps=5", "hydra.sweeper.n_trials=2"]
    first = workers.start(*long)
    last = folder / "0" / "checkpoints" / "last.ckpt"
    workers.kill_when(first, last.exists)
    (trial,) = trials_of(folder)
    assert trial.state == TrialState.RUNNING
    step = int(torch.load(last, weights_only=True)["global_step"])
    # The run goes on with what it was begun with, to its end; here the end is made near.
    plan = read_plan(folder)
    plan["search"]["fixed"]["trainer.max_steps"] = str(step + 10)
    jobs = [[text.replace("max_steps=2000", f"max_steps={step + 10}") for text in job] for job in plan["jobs"]]
    write_json(folder / "sweep.json", {**plan, "jobs": jobs})
    ends = [*workers.arguments, *long, f"trainer.max_steps={step + 10}"]
    assert run_here(monkeypatch, tmp_path, *ends) == 0
    trials = trials_of(folder)
    assert [(trial.state, trial.user_attrs["run"]) for trial in trials] == [(TrialState.COMPLETE, n) for n in range(2)]
    assert trials[0].user_attrs["attempts"] == 2
    assert len(read_plan(folder)["jobs"]) == 2, "it kept its number"
    steps = [int(row["step"]) for row in read_metrics(folder / "0")]
    assert steps == list(range(1, step + 11)), "it went on, and did not begin anew"


@pytest.mark.slow
def test_a_run_without_checkpoint_begins_anew_and_is_given_up_at_last(
    workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    long = ["trainer.max_steps=2000", "every_n_steps=2000", "hydra.sweeper.n_trials=1"]
    environment = folder / "0" / "environment.json"
    for attempt in range(MOST_ATTEMPTS):
        begun = changed(environment)
        workers.kill_when(workers.start(*long), begun)
        (trial,) = trials_of(folder)
        assert trial.state == TrialState.RUNNING
        assert trial.user_attrs.get("attempts", 1) == attempt + 1
    assert run_here(monkeypatch, tmp_path, *workers.arguments, *long) == 0
    (trial,) = trials_of(folder)
    assert trial.state == TrialState.FAIL


def test_an_ended_run_of_a_killed_worker_is_told(
    workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the worker was killed between its run's end and telling the study."""
    folder = tmp_path / "study"
    assert run_here(monkeypatch, tmp_path, *workers.arguments, "hydra.sweeper.n_trials=1") == 0
    journal = folder / "optuna" / "journal.log"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:-1]))
    assert [trial.state for trial in trials_of(folder)] == [TrialState.RUNNING]
    assert run_here(monkeypatch, tmp_path, *workers.arguments, "hydra.sweeper.n_trials=1") == 0
    (trial,) = trials_of(folder)
    assert trial.state == TrialState.COMPLETE
    assert trial.values == [read_result(folder / "0")["measures"][name] for name in read_plan(folder)["objectives"]]

"""A search with Optuna: its space, its objectives, and studies that several processes share and survive."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from tests.helpers.paths import ROOT
from tests.helpers.processes import Command, changed, wait_for
from tests.helpers.runs import read_metrics, read_result, run_here, tiny
from zero_dce.files import write_json
from zero_dce.module import ZeroDCE
from zero_dce.records.outcome import judge
from zero_dce.records.sweep import read_sweep
from zero_dce.sweep.search import study as study_module
from zero_dce.sweep.search.front import describe_front
from zero_dce.sweep.search.objectives import NAMES, check_objectives
from zero_dce.sweep.search.plan import Search, open_plan
from zero_dce.sweep.search.space import read_space
from zero_dce.sweep.search.study import MOST_ATTEMPTS, Study, Trial
from zero_dce.sweep.search.workers import Worker

# Optuna's codes in its journal, of a trial's begin and end.
ASKED, TOLD = 4, 6
LOG = "tag(log, interval(1, 100))"
# The search that the tests run: two weights, and fewer pictures on disk.
SEARCH = ("+sweep=optuna", "logger=csv", "loss.weights.col=5", "loss.exp.target=0.6", "hydra.sweep.dir=study")


def search(sice: Path, *overrides: str) -> list[str]:
    """The command line of a quick search."""
    options = [option for option in tiny(sice, *SEARCH, *overrides) if not option.startswith("callbacks.samples.")]
    return [*options, "callbacks.samples=null"]


def trials_of(folder: Path) -> list[FrozenTrial]:
    """What Optuna knows of a study."""
    storage = JournalStorage(JournalFileBackend(str(folder / "optuna" / "journal.log")))
    return optuna.load_study(storage=storage, study_name=None).trials


def plan_of(folder: Path) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads((folder / "sweep.json").read_text())
    return plan


def test_values_are_given_as_in_other_sweeps() -> None:
    params = {
        "loss.weights.exp": LOG,
        "loss.exp.target": "interval(0.4, 0.7)",
        "every_n_steps": "int(interval(1, 8))",
        "data.size": "range(64, 257, 64)",
        "model.learning_rate": "range(0.1, 0.5, 0.1)",
        "model": "choice(zero_dce, zero_dce_pp)",
    }
    expected: dict[str, BaseDistribution] = {
        "loss.weights.exp": FloatDistribution(1, 100, log=True),
        "loss.exp.target": FloatDistribution(0.4, 0.7),
        "every_n_steps": IntDistribution(1, 8),
        "data.size": IntDistribution(64, 256, step=64),
        "model.learning_rate": FloatDistribution(0.1, 0.4, step=0.1),
        "model": CategoricalDistribution(["zero_dce", "zero_dce_pp"]),
    }
    assert read_space(params, []).swept == expected
    given = [f"{key}={value}" for key, value in params.items()]
    assert read_space(None, given).swept == expected, "the same on the command line"
    assert read_space(None, ["seed=1,2"]).swept == {"seed": CategoricalDistribution(["1", "2"])}
    shuffled = [read_space(None, ["seed=shuffle(choice(3,1,2))"]).swept for _ in range(20)]
    assert shuffled == [{"seed": CategoricalDistribution(["1", "2", "3"])}] * 20, "the same in every process"


def test_one_value_fixes_a_key_and_others_go_to_every_run() -> None:
    space = read_space({"a": LOG, "b": "interval(0, 1)"}, ["b=0.25", "seed=3", "+sweep=optuna"])
    assert [*space.swept] == ["a"]
    assert space.overrides({"a": 12.345678}) == ["a=12.35", "b=0.25", "seed=3", "+sweep=optuna"]


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("interval(0.4, 0.7)", 0.512345678, "0.5123"),
        ("interval(1000.0, 1000.1)", 1000.0123456, "1000.0123"),
        ("interval(0.40003, 0.40004)", 0.400030000001, "0.40003"),
        ("tag(log, interval(0.00123444, 100))", 0.00123444, "0.00123444"),
        ("tag(log, interval(0.001, 5000))", 1234.567, "1235.0"),
        ("range(0.1, 0.5, 0.1)", 0.30000000000000004, "0.3"),
        ("int(interval(1, 8))", 3, "3"),
        ("choice({exp:2.5,tv:200},{exp:3})", "{exp:2.5,tv:200}", "{exp:2.5,tv:200}"),
    ],
)
def test_values_are_short_and_never_outside(text: str, value: Any, expected: str) -> None:
    assert read_space({"a": text}, []).overrides({"a": value}) == [f"a={expected}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("interval(5, 1)", r"from 5\.0 to 1\.0; expected finite LOW < HIGH"),
        ("interval(2, 2)", "LOW < HIGH"),
        ("interval(0, inf)", "expected finite"),
        ("tag(log, interval(0, 1))", r"begins at 0\.0; expected more than 0"),
        ("tag(log, interval(-1, 1))", "expected more than 0"),
        ("tag(log, range(1, 9))", "the tag log does not go with it"),
        ("tag(lig, interval(1, 9))", "the tag lig does not go with it"),
        ("tag(log, choice(1, 10))", "the tag log does not go with it"),
        ("range(5, 1)", "is empty"),
        ("range(1, 5, 0)", "is empty"),
        ("glob(*)", "expected values by name"),
        ("interval(1", "cannot read the search space"),
        ("3", "nothing to search"),
    ],
)
def test_what_cannot_be_searched_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        read_space({"loss.weights.exp": text}, [])


def test_objectives() -> None:
    given = {"val/entropy_out": "maximize", "val/loe": None, "val/noise_out": "minimize"}
    assert check_objectives(given) == {"val/entropy_out": "maximize", "val/noise_out": "minimize"}
    for wrong, expected in (
        ({}, "is empty"),
        (None, "is empty"),
        ({"val/loe": None}, "is empty"),
        ({"val/entropi_out": "maximize"}, r"Did you mean val/entropy_out\?"),
        ({"val/total": "minimize"}, "under other weights cannot be compared"),
        ({"val/loe": "minimise"}, "'minimise'; expected maximize or minimize"),
    ):
        with pytest.raises(ValueError, match=expected):
            check_objectives(wrong)


def test_every_objective_is_a_measure_of_a_real_run(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=csv", "hydra.run.dir=run/0")) == 0
    measured = {name for name in read_result(tmp_path / "run" / "0")["measures"] if name.startswith("val/")}
    left_out = {name for name in measured - {*NAMES} if not name.startswith("val/share/")}
    assert left_out == {"val/total", "val/psnr_input", "val/psnr_gain_se"}
    assert {*NAMES} <= measured


def test_what_a_result_means() -> None:
    objectives = {"val/loe": "minimize", "val/entropy_out": "maximize"}
    result = {"state": "finished", "washout": None, "measures": {"val/entropy_out": 6.0, "val/loe": 100.0}}
    assert judge(result, objectives).values == [100.0, 6.0]
    faded = judge({**result, "washout": {"from_step": 600}}, objectives)
    assert (faded.values, faded.faded) == (None, True)
    for bad, reason in (
        (None, "no result.json"),
        ({**result, "state": "failed"}, "it failed"),
        ({**result, "state": "interrupted"}, "it interrupted"),
        ({**result, "measures": {"val/loe": 1.0}}, "no value for val/entropy_out"),
        ({**result, "measures": {"val/loe": None, "val/entropy_out": 6.0}}, "no value for val/loe"),
        ({**result, "measures": {"val/loe": float("nan"), "val/entropy_out": 6.0}}, "no value for val/loe"),
    ):
        outcome = judge(bad, objectives)
        assert (outcome.values, outcome.faded) == (None, False)
        assert reason in outcome.reason


def test_front_in_words(tmp_path: Path) -> None:
    """Of four finished runs one is beaten; a faded and a failed one do not count."""
    values = [(6.0, 100.0), (6.5, 200.0), (6.4, 300.0), (7.0, 400.0), (9.0, 1.0), (9.0, 1.0)]
    jobs = [[f"loss.weights.exp={number}"] for number in range(len(values))]
    write_json(tmp_path / "sweep.json", {"jobs": jobs, "swept": ["loss.weights.exp"]})
    for number, (entropy, loe) in enumerate(values):
        (tmp_path / str(number)).mkdir()
        result = {"state": "failed" if number == 5 else "finished", "last_step": 1, "weights": None}
        result |= {"measures": {"val/entropy_out": entropy, "val/loe": loe}}
        result["washout"] = {"from_step": 1} if number == 4 else None
        write_json(tmp_path / str(number) / "result.json", result)
    objectives = {"val/entropy_out": "maximize", "val/loe": "minimize"}
    text = describe_front(read_sweep(tmp_path), objectives)
    first, header, *lines = text.splitlines()
    assert "3 runs that none beats in everything (4 of 6 runs have values, 1 faded and do not count)" in first
    assert header.split() == ["run", "val/entropy_out", "(maximize)", "val/loe", "(minimize)", "point"]
    assert [line.split() for line in lines] == [
        ["3", "7", "400", "exp=3"],
        ["1", "6.5", "200", "exp=1"],
        ["0", "6", "100", "exp=0"],
    ]
    assert describe_front([], objectives) == "No Pareto front: 0 of 0 runs have values."


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
        assert trial.values == [result["measures"][name] for name in plan_of(folder)["objectives"]]
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
    assert plan_of(folder)["swept"] == ["loss.weights.exp", "loss.weights.tv"]
    assert len(plan_of(folder)["jobs"]) == 3
    assert run_here(monkeypatch, tmp_path, *arguments, "hydra.sweeper.n_trials=3") == 0, "nothing left to do"
    assert len(plan_of(folder)["jobs"]) == 3
    # The same seed is the same study, also in one piece.
    apart = [*arguments, "hydra.sweep.dir=again", "hydra.sweeper.n_trials=3"]
    assert run_here(monkeypatch, tmp_path, *apart) == 0
    assert plan_of(tmp_path / "again")["jobs"] == plan_of(folder)["jobs"]
    assert run_here(monkeypatch, tmp_path, *arguments, "loss.weights.exp=interval(1,2)") == 1
    assert "holds a search with other search space" in capsys.readouterr().err
    assert run_here(monkeypatch, tmp_path, *arguments, "trainer.max_steps=5") == 1
    assert "holds a search with other overrides" in capsys.readouterr().err
    assert len(plan_of(folder)["jobs"]) == 3


@pytest.mark.parametrize("sampler", ["nsgaii", "random"])
def test_samplers_and_batches_and_a_database(
    sampler: str, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = search(sice, f"hydra.sweeper.sampler={sampler}", f"hydra.sweeper.storage=sqlite:///{tmp_path}/all.db")
    arguments += ["hydra.sweeper.n_trials=3", "hydra.sweeper.batch_size=2", "hydra.sweeper.seed=null"]
    assert run_here(monkeypatch, tmp_path, *arguments) == 0
    assert [len(job) for job in plan_of(tmp_path / "study")["jobs"]] == [
        len(plan_of(tmp_path / "study")["jobs"][0])
    ] * 3
    assert all((tmp_path / "study" / str(number) / "result.json").is_file() for number in range(3))
    assert not (tmp_path / "study" / "optuna" / "journal.log").exists()
    name = plan_of(tmp_path / "study")["search"]["study_name"]
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


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("loss.weights.exp=interval(5,1)", "expected finite LOW < HIGH"),
        ("loss.weights.foo=interval(1,2)", "Could not override 'loss.weights.foo'"),
        ("model=choice(zero_dce,zero_dce_qq)", "Could not find 'model/zero_dce_qq'"),
        ("++hydra.sweeper.objectives={val/entropi_out:maximize}", "Did you mean val/entropy_out?"),
        ("~hydra.sweeper.objectives", "hydra.sweeper.objectives is empty"),
        ("hydra.sweeper.sampler=cma", "'cma'; expected one of tpe, nsgaii, random"),
        ("hydra.sweeper.n_trials=0", "n_trials is 0; expected a whole number of at least 1"),
        ("hydra.sweeper.batch_size=0.5", "batch_size is 0.5; expected a whole number"),
        ("hydra.sweeper.seed=-1", "seed is -1; expected"),
        ("hydra.sweeper.storage=study.db", "'study.db'; expected null"),
        ("hydra.sweeper.storage=nosql:///x", "hydra.sweeper.storage=nosql:///x cannot be opened"),
    ],
)
def test_what_is_wrong_is_said_before_the_first_run(
    override: str,
    expected: str,
    sice: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_here(monkeypatch, tmp_path, *search(sice, override)) == 1
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "study" / "0").exists()
    if "nosql" not in override:
        assert list(tmp_path.iterdir()) == []


def test_a_grids_folder_is_refused(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study").mkdir()
    write_json(tmp_path / "study" / "sweep.json", {"jobs": [["seed=1"]], "swept": ["seed"]})
    assert run_here(monkeypatch, tmp_path, *search(sice)) == 1
    assert "already holds a sweep, and no search" in capsys.readouterr().err


def test_without_optuna(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    for name in [name for name in sys.modules if name.startswith(("optuna.", "zero_dce.sweep.search.space"))]:
        monkeypatch.delitem(sys.modules, name)
    assert run_here(monkeypatch, tmp_path, *search(sice)) == 1
    assert "pip install 'zero_dce[optuna]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_plugin_imports_nothing_heavy() -> None:
    """Hydra imports it at each start, also where Optuna is not installed."""
    code = "import sys, hydra_plugins.zero_dce.optuna_sweeper; print(sorted({'optuna', 'torch'} & {*sys.modules}))"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip() == "[]"


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
    assert "Run 2 failed: ValueError: no" in captured.out
    assert "(2 of 5 runs have values, 1 faded and do not count)" in captured.out
    assert "Without values for the search: run 2, run 3" in captured.err


def end_run(folder: Path, trial: Trial, state: str = "finished", **measures: float) -> None:
    """Leave a run's folder as one does that has ended."""
    (folder / str(trial.run)).mkdir()
    result = {"state": state, "measures": {f"val/{name}": value for name, value in measures.items()}}
    write_json(folder / str(trial.run) / "result.json", result)


def one_weight(n_trials: int) -> Search:
    """A search for one weight by one objective."""
    return Search(
        read_space({"loss.weights.exp": LOG}, []),
        {"val/loe": "minimize"},
        data="sample",
        n_trials=n_trials,
        sampler="tpe",
        seed=0,
        study_name=None,
        storage=None,
        batch_size=None,
    )


@pytest.mark.parametrize("planned", [False, True])
def test_killed_while_asking(planned: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the run is in the plan, and after: no number is used twice, and the total is right."""
    asked = one_weight(2)
    open_plan(tmp_path, asked)
    with Worker(tmp_path) as worker, monkeypatch.context() as patch:
        killed = Study(tmp_path, asked, worker)
        target = (optuna.Trial, "set_user_attr") if planned else (study_module, "write_json")
        patch.setattr(*target, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            killed.ask(1)
    with Worker(tmp_path) as worker:
        study = Study(tmp_path, asked, worker)
        assert [trial.run for trial in study.ask(5)] == [int(planned), 1 + planned]
        assert study.ask(5) == []
    assert [trial.state for trial in trials_of(tmp_path)] == [TrialState.FAIL, TrialState.RUNNING, TrialState.RUNNING]


def test_workers_take_turns_and_take_over(tmp_path: Path) -> None:
    asked = one_weight(6)
    assert open_plan(tmp_path, asked) == 0
    with Worker(tmp_path) as here, Worker(tmp_path) as there:
        one, two = Study(tmp_path, asked, here), Study(tmp_path, asked, there)
        (first,), others, (last,) = one.ask(1), two.ask(2), one.ask(1)
        assert [first.run, *(trial.run for trial in others), last.run] == [0, 1, 2, 3]
        assert plan_of(tmp_path)["jobs"] == [trial.overrides for trial in (first, *others, last)]
        assert len({*map(tuple, plan_of(tmp_path)["jobs"])}) == 4, "with one seed, each its own point"
        end_run(tmp_path, others[0], loe=3.0)
        end_run(tmp_path, first, loe=2.0)
        assert one.tell(first).values == [2.0]
        # As a signal leaves a run: it may go on, however often.
        end_run(tmp_path, others[1], state="interrupted")
        there.__exit__()
        # Its ended run is told, the other one goes on here, with its number.
        assert one.ask(5) == [others[1]]
        assert [trial.value for trial in trials_of(tmp_path)] == [2.0, 3.0, None, None]
        assert [trial.run for trial in one.ask(5)] == [4, 5]
        assert one.ask(5) == [], "six in all"
        there.__enter__()
        assert all("attempts" not in trial.user_attrs for trial in trials_of(tmp_path))


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
    jobs = plan_of(folder)["jobs"]
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
    plan = plan_of(folder)
    plan["search"]["fixed"]["trainer.max_steps"] = str(step + 10)
    jobs = [[text.replace("max_steps=2000", f"max_steps={step + 10}") for text in job] for job in plan["jobs"]]
    write_json(folder / "sweep.json", {**plan, "jobs": jobs})
    ends = [*workers.arguments, *long, f"trainer.max_steps={step + 10}"]
    assert run_here(monkeypatch, tmp_path, *ends) == 0
    trials = trials_of(folder)
    assert [(trial.state, trial.user_attrs["run"]) for trial in trials] == [(TrialState.COMPLETE, n) for n in range(2)]
    assert trials[0].user_attrs["attempts"] == 2
    assert len(plan_of(folder)["jobs"]) == 2, "it kept its number"
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
    assert trial.values == [read_result(folder / "0")["measures"][name] for name in plan_of(folder)["objectives"]]

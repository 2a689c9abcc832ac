"""Studies that several workers share: none of their trials is lost or carried out twice."""

from __future__ import annotations

import errno
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from tests.helpers.searches import LOG, trials_of
from zero_dce.files import write_json
from zero_dce.records.sweep import read_plan
from zero_dce.sweep.search import study as study_module
from zero_dce.sweep.search.plan import Search, open_plan
from zero_dce.sweep.search.space import read_space
from zero_dce.sweep.search.study import Study, Trial
from zero_dce.sweep.search.workers import Worker


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
        trials = study.ask(5)
        assert [trial.run for trial in trials] == [0, 1]
        assert read_plan(tmp_path)["jobs"] == [trial.overrides for trial in trials]
        assert study.ask(5) == []
    assert [trial.state for trial in trials_of(tmp_path)] == [TrialState.FAIL, TrialState.RUNNING, TrialState.RUNNING]


def test_a_failed_run_is_retried_once_when_asked_for(tmp_path: Path) -> None:
    """At its point and under its number, by one worker, without a place of another run; and the rest stays the same."""
    asked = one_weight(3)
    open_plan(tmp_path, asked)
    with Worker(tmp_path) as worker:
        study = Study(tmp_path, asked, worker)
        first, second = study.ask(2)
        end_run(tmp_path, first, state="failed")
        end_run(tmp_path, second, loe=1.0)
        assert [study.tell(trial).values for trial in (first, second)] == [None, [1.0]]
        assert [trial.run for trial in Study(tmp_path, asked, worker).ask(1)] == [2], "unless it is asked for"
    with Worker(tmp_path) as here, Worker(tmp_path) as there:
        one, two = Study(tmp_path, asked, here, retry_failed=True), Study(tmp_path, asked, there, retry_failed=True)
        last, (again,) = one.ask(1), one.ask(1)
        assert ([trial.run for trial in last], again.run, again.overrides) == ([2], first.run, first.overrides)
        assert two.ask(5) == [], "it is carried out already"
        assert one.tell(again).values is None
        assert one.ask(5) == two.ask(5) == [], "and not again and again"
    with Worker(tmp_path) as worker:
        study = Study(tmp_path, asked, worker, retry_failed=True)
        # What the one before left, without a result.
        assert [trial.run for trial in study.ask(5)] == [2]
        (again,) = study.ask(5)
        write_json(tmp_path / str(again.run) / "result.json", {"state": "finished", "measures": {"val/loe": 2.0}})
        assert study.tell(again).values == [2.0]
    fail, complete = TrialState.FAIL, TrialState.COMPLETE
    assert [trial.state for trial in trials_of(tmp_path)] == [fail, complete, TrialState.RUNNING, fail, complete]


def test_what_the_journal_was_refused_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = one_weight(2)
    open_plan(tmp_path, asked)
    with Worker(tmp_path) as worker:
        study = Study(tmp_path, asked, worker)
        monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "I/O error")))
        with pytest.raises(OSError, match="I/O error") as caught:
            study.ask(1)
    assert caught.value.filename == str(tmp_path / "optuna" / "journal.log")


def test_what_a_database_was_refused_names_it(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    asked = replace(one_weight(2), storage=storage)
    open_plan(tmp_path, asked)
    with Worker(tmp_path) as worker:
        study = Study(tmp_path, asked, worker)
        with sqlite3.connect(tmp_path / "study.db") as database:
            database.execute("DROP TABLE trial_user_attributes")
        with pytest.raises(ValueError, match=f"{storage} cannot be used: .*no such table: trial_user_attributes$"):
            study.ask(1)


@pytest.mark.parametrize("retry_failed", [False, True])
def test_points_do_not_depend_on_what_went_wrong(retry_failed: bool, tmp_path: Path) -> None:
    asked = one_weight(3)
    for folder in (tmp_path / "undisturbed", tmp_path / "disturbed"):
        open_plan(folder, asked)
    with Worker(tmp_path / "undisturbed") as worker:
        expected = Study(tmp_path / "undisturbed", asked, worker).ask(3)
    with Worker(tmp_path / "disturbed") as worker:
        study = Study(tmp_path / "disturbed", asked, worker)
        # As a worker leaves a trial that is killed right after asking.
        study.study.ask(asked.space.swept)
        (first,) = study.ask(1)
        end_run(tmp_path / "disturbed", first, state="failed")
        study.tell(first)
    with Worker(tmp_path / "disturbed") as worker:
        study = Study(tmp_path / "disturbed", asked, worker, retry_failed)
        found = [first, *(study.ask(1) if retry_failed else []), *study.ask(2)]
    assert {(trial.run, *trial.overrides) for trial in found} == {(trial.run, *trial.overrides) for trial in expected}


def test_workers_take_turns_and_take_over(tmp_path: Path) -> None:
    asked = one_weight(6)
    assert open_plan(tmp_path, asked) == 0
    with Worker(tmp_path) as here, Worker(tmp_path) as there:
        one, two = Study(tmp_path, asked, here), Study(tmp_path, asked, there)
        (first,), others, (last,) = one.ask(1), two.ask(2), one.ask(1)
        assert [first.run, *(trial.run for trial in others), last.run] == [0, 1, 2, 3]
        assert read_plan(tmp_path)["jobs"] == [trial.overrides for trial in (first, *others, last)]
        assert len({*map(tuple, read_plan(tmp_path)["jobs"])}) == 4, "with one seed, each its own point"
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


def test_a_damaged_journal_is_named_and_blamed_for_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = one_weight(6)
    open_plan(tmp_path, asked)
    journal = tmp_path / "optuna" / "journal.log"
    with Worker(tmp_path) as worker:
        study = Study(tmp_path, asked, worker)
        study.ask(1)
        with monkeypatch.context() as patch:
            patch.setattr(study_module, "_make_sampler", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                study.ask(1)
        whole = journal.read_text()
        journal.write_text(whole.replace('"directions":[1]', '"directions":[7]'))
        with pytest.raises(ValueError, match=r"journal\.log cannot be read \(ValueError: 7 is not a valid "):
            Study(tmp_path, asked, worker)
        journal.write_text(whole.replace('"op_code":', '"op_code'))
        with pytest.raises(ValueError, match=r"journal\.log cannot be read \(JSONDecodeError"):
            Study(tmp_path, asked, worker).ask(1)


@pytest.mark.parametrize("reopened", [False, True])
def test_half_a_line_of_a_killed_worker_is_none(reopened: bool, tmp_path: Path) -> None:
    """Also for a worker that goes on meanwhile; and it does not wait for the lock of the dead one."""
    asked = one_weight(6)
    open_plan(tmp_path, asked)
    journal = tmp_path / "optuna" / "journal.log"
    with Worker(tmp_path) as worker:
        study = Study(tmp_path, asked, worker)
        (first,) = study.ask(1)
        with journal.open("a") as file:
            file.write('{"op_code":4,"worker_id":"dead","stu')
        journal.with_name("journal.log.lock").touch()
        if reopened:
            study = Study(tmp_path, asked, worker)
        (second,) = study.ask(1)
        assert (first.run, second.run) == (0, 1)
        assert not journal.with_name("journal.log.lock").exists()
    assert [trial.state for trial in trials_of(tmp_path)] == [TrialState.RUNNING] * 2


def test_a_database_with_other_trials_is_named(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'studies.db'}"
    asked = replace(one_weight(6), storage=storage, study_name="night")
    open_plan(tmp_path / "sweep", asked)
    with Worker(tmp_path / "sweep") as worker:
        study = Study(tmp_path / "sweep", asked, worker)
        study.ask(1)
        study.study.ask().set_user_attr("run", "first")
        with pytest.raises(ValueError, match=rf"^{storage}: trial 1 has run=.first.; restore it"):
            Study(tmp_path / "sweep", asked, worker)

"""An Optuna study in a sweep's folder, shared by several workers, which ask it for trials and tell it the outcomes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from json import JSONDecodeError
from pathlib import Path

import numpy as np
import optuna
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from zero_dce.checks import find_misfit
from zero_dce.files import write_json
from zero_dce.records.outcome import TrialOutcome, judge
from zero_dce.records.run import JUDGED, read_result, run_state
from zero_dce.records.sweep import PLAN, SEARCH_FOLDER, read_plan
from zero_dce.sweep.search.plan import Search, lock_folder
from zero_dce.sweep.search.storage import JOURNAL, explain_storage, mend_journal, open_storage
from zero_dce.sweep.search.workers import Worker

log = logging.getLogger(__name__)
# A run that was killed with its worker is begun at most so often: it may be what kills them.
MOST_ATTEMPTS = 3
# The attributes that this package adds to a trial of Optuna.
RUN, WORKER, ATTEMPTS = "run", "worker", "attempts"


@dataclass(frozen=True)
class Trial:
    """A trial, by Optuna's number, whose run is to be carried out; the run's number is its folder's name."""

    number: int
    run: int
    overrides: list[str]


class Study:
    """An Optuna study and the plan of its runs, kept in step under the lock of the sweep's folder.

    The folder must have its plan, by :func:`zero_dce.sweep.search.plan.open_plan`; the worker is this process. With
    ``retry_failed``, runs that had failed when it was opened are carried out again, each as a further trial.

    Raises:
        ValueError: if the storage cannot be opened, or holds a study of that name that is not this folder's.
    """

    def __init__(self, folder: Path, search: Search, worker: Worker, retry_failed: bool = False) -> None:
        self.folder, self.search, self.worker = folder, search, worker
        self.lock = lock_folder(folder)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with self.lock:
            plan = read_plan(folder)
            name = plan["search"]["study_name"]
            with explain_storage(folder, search.storage, Exception):
                self.storage = open_storage(folder, search.storage)
                self.study = optuna.create_study(
                    storage=self.storage,
                    study_name=name,
                    directions=[StudyDirection[direction.upper()] for direction in search.objectives.values()],
                    load_if_exists=True,
                )
                trials = self._trials()
            self._check_own(name, len(plan["jobs"]), trials)
            _check_attributes(search.storage or str(folder / SEARCH_FOLDER / JOURNAL), trials, len(plan["jobs"]))
        # A trial that fails again is not among them.
        self._retried = {trial.number for trial in trials if retry_failed and trial.state == TrialState.FAIL}

    def ask(self, most: int) -> list[Trial]:
        """Return at most so many trials to carry out; none if the study has all its trials.

        Trials that a dead worker left running come first, then runs to retry. The runs of the trials have consecutive
        numbers.
        """
        with self._locked():
            left = self._left_running()
            if left:
                return [self._take_over(trial) for trial in _consecutive(left)[:most]]
            failed = self._failed_before()
            if failed:
                return [self._retry(trial) for trial in _consecutive(failed)[:most]]
            return [self._begin() for _ in range(min(most, self.search.n_trials - len(self._last_trials())))]

    def tell(self, trial: Trial) -> TrialOutcome:
        """Tell the study the outcome of a trial, and return it."""
        with self._locked():
            return self._tell(trial.number, trial.run)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self.lock, explain_storage(self.folder, self.search.storage, JSONDecodeError):
            # Another worker may have been killed while it wrote.
            mend_journal(self.folder)
            yield

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _check_own(self, name: str, jobs: int, trials: Sequence[FrozenTrial]) -> None:
        # A trial without a run was asked for by a worker that was killed right then.
        if not jobs and any(RUN in trial.user_attrs for trial in trials):
            raise ValueError(
                f"{self.search.storage} already holds a study {name!r}, whose runs are elsewhere: give the folder that "
                "it was begun in as hydra.sweep.dir to go on with it, or another hydra.sweeper.study_name"
            )
        if jobs and not trials:
            raise ValueError(
                f"{self.folder} has {jobs} runs of the study {name!r}, which {self.search.storage or JOURNAL} does not "
                "hold: restore it, or choose another hydra.sweep.dir"
            )

    def _last_trials(self) -> dict[int, FrozenTrial]:
        """Return each run's trial, by the run's number; the last one where it was retried."""
        return {trial.user_attrs[RUN]: trial for trial in self._trials() if RUN in trial.user_attrs}

    def _begin(self) -> Trial:
        """Ask Optuna for a new trial and give it the next run number."""
        runs = self._last_trials()
        # Trials that were asked for in vain, or retried, have no seed of their own: the points stay the same.
        self.study.sampler = _make_sampler(self.search.sampler, _seed(self.search.seed, len(runs)))
        trial = self.study.ask(self.search.space.swept)
        plan = read_plan(self.folder)
        run, overrides = max(runs, default=-1) + 1, self.search.space.overrides(trial.params)
        # In this order a worker that is killed in between leaves a number that no trial has, and the next one takes it.
        write_json(self.folder / PLAN, {**plan, "jobs": [*plan["jobs"][:run], overrides]})
        trial.set_user_attr(WORKER, self.worker.name)
        trial.set_user_attr(RUN, run)
        return Trial(trial.number, run, overrides)

    def _failed_before(self) -> list[FrozenTrial]:
        """Return the trials to retry; a run that has finished gives the search no values however often it is asked."""
        last = self._last_trials()
        failed = [run for run in last if last[run].number in self._retried]
        return [last[run] for run in failed if run_state(self.folder / str(run)) != "finished"]

    def _retry(self, failed: FrozenTrial) -> Trial:
        """Give a failed trial's run and point to a new trial; Optuna never changes one that has ended."""
        run = failed.user_attrs[RUN]
        trial = create_trial(
            state=TrialState.RUNNING,
            params=failed.params,
            distributions=failed.distributions,
            user_attrs={RUN: run, WORKER: self.worker.name},
        )
        self.study.add_trial(trial)
        log.info("Run %d, which had failed, is carried out again", run)
        return Trial(self._last_trials()[run].number, run, read_plan(self.folder)["jobs"][run])

    def _left_running(self) -> list[FrozenTrial]:
        """Return the trials whose run goes on here because their worker died; tell the outcome of those that ended."""
        left = []
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if RUN not in trial.user_attrs:
                # Its worker was killed right after asking, so the trial never had a run.
                self.study.tell(trial.number, state=TrialState.FAIL)
            elif not self.worker.is_alive(trial.user_attrs[WORKER]):
                if self._can_go_on(trial):
                    left.append(trial)
                else:
                    self._tell(trial.number, trial.user_attrs[RUN])
        return left

    def _can_go_on(self, trial: FrozenTrial) -> bool:
        """Return whether the run of a dead worker goes on: not if it has ended, or was killed too often."""
        run, attempts = trial.user_attrs[RUN], trial.user_attrs.get(ATTEMPTS, 1)
        state = run_state(self.folder / str(run))
        if state in ("finished", "failed"):
            return False
        if state == "interrupted" or attempts < MOST_ATTEMPTS:
            return True
        log.warning("Run %d was killed %d times with its worker and is given up", run, attempts)
        return False

    def _take_over(self, trial: FrozenTrial) -> Trial:
        run = trial.user_attrs[RUN]
        log.info("Run %d goes on: its worker %s is gone", run, trial.user_attrs[WORKER])
        study_id = self.storage.get_study_id_from_name(self.study.study_name)
        trial_id = self.storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)
        self.storage.set_trial_user_attr(trial_id, WORKER, self.worker.name)
        if run_state(self.folder / str(run)) != "interrupted":
            self.storage.set_trial_user_attr(trial_id, ATTEMPTS, trial.user_attrs.get(ATTEMPTS, 1) + 1)
        return Trial(trial.number, run, read_plan(self.folder)["jobs"][run])

    def _tell(self, number: int, run: int) -> TrialOutcome:
        outcome = judge(read_result(self.folder / str(run), JUDGED), self.search.objectives)
        if outcome.values is not None:
            self.study.tell(number, outcome.values)
            return outcome
        log.warning("Run %d gives the search no values: %s", run, outcome.reason)
        self.study.tell(number, state=TrialState.PRUNED if outcome.faded else TrialState.FAIL)
        return outcome


def _make_sampler(name: str, seed: int | None) -> BaseSampler:
    """Return the sampler of that name, one of :data:`zero_dce.sweep.search.plan.SAMPLERS`."""
    if name == "nsgaii":
        return NSGAIISampler(seed=seed)
    if name == "random":
        return RandomSampler(seed=seed)
    # The constant liar counts running trials as bad ones, so that workers keep away from each other's points.
    return TPESampler(seed=seed, constant_liar=True)


def _check_attributes(storage: str, trials: Iterable[FrozenTrial], jobs: int) -> None:
    """Raise ValueError, which names the storage, unless trials have only such attributes as this package gives them."""
    for trial in trials:
        given = trial.user_attrs
        fault = find_misfit(given, {f"{RUN}?": int, f"{WORKER}?": str, f"{ATTEMPTS}?": int})
        if not fault and RUN in given and not (WORKER in given and 0 <= given[RUN] < jobs):
            fault = f"has the run {given[RUN]} without a worker, or one that is not in {PLAN}"
        if fault:
            raise ValueError(f"{storage}: trial {trial.number} {fault}; restore it")


def _seed(seed: int | None, number: int) -> int | None:
    """Return a trial's own seed: with the search's seed in each worker, all would draw the same points."""
    return None if seed is None else int(np.random.SeedSequence((seed, number)).generate_state(1)[0])


def _consecutive(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return the first trials whose runs have consecutive numbers, because a launcher numbers its runs so."""
    ordered = sorted(trials, key=lambda trial: trial.user_attrs[RUN])
    first = ordered[0].user_attrs[RUN]
    return [trial for place, trial in enumerate(ordered) if trial.user_attrs[RUN] == first + place]

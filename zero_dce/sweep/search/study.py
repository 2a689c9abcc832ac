"""A study in a sweep's folder, which several processes share: they ask it for runs and tell it what became of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from zero_dce.files import read_json, write_json
from zero_dce.records.outcome import Outcome, judge
from zero_dce.records.run import read_result, run_state
from zero_dce.records.sweep import PLAN
from zero_dce.sweep.search.plan import FOLDER, Search, lock_folder
from zero_dce.sweep.search.workers import Worker

log = logging.getLogger(__name__)
JOURNAL = "journal.log"
# A run that was killed with its worker is begun at most so often: it may be what kills them.
MOST_ATTEMPTS = 3
# What a trial keeps beside Optuna's own.
RUN, WORKER, ATTEMPTS = "run", "worker", "attempts"
Make = Callable[[int | None], BaseSampler]
SAMPLERS: dict[str, Make] = {
    # Runs that go on count as bad ones: workers keep away from each other's points.
    "tpe": lambda seed: TPESampler(seed=seed, constant_liar=True),
    "nsgaii": lambda seed: NSGAIISampler(seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
}


@dataclass(frozen=True)
class Trial:
    """A run to carry out.

    Attributes:
        number: Optuna's number of the trial.
        run: the run's number, and its folder's name.
        overrides: of the run.
    """

    number: int
    run: int
    overrides: list[str]


class Study:
    """An Optuna study and the plan of its runs, kept in step under the lock of the sweep's folder.

    Args:
        folder: the sweep's, with a plan by :func:`zero_dce.sweep.search.plan.open_plan`.
        search: what is searched.
        worker: this process.

    Raises:
        ValueError: if the storage cannot be opened, or holds a study of that name that is not this folder's.
    """

    def __init__(self, folder: Path, search: Search, worker: Worker) -> None:
        self.folder, self.search, self.worker = folder, search, worker
        self.lock = lock_folder(folder)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with self.lock:
            plan = read_json(folder / PLAN)
            name = plan["search"]["study_name"]
            self.storage = _open_storage(folder, search.storage)
            self.study = optuna.create_study(
                storage=self.storage,
                study_name=name,
                directions=[StudyDirection[direction.upper()] for direction in search.objectives.values()],
                load_if_exists=True,
            )
            self._check_own(name, len(plan["jobs"]))

    def ask(self, most: int) -> list[Trial]:
        """Return runs to carry out, with numbers that follow each other; none where the study has all it was to have.

        Runs that a worker left unfinished when it died come first.

        Args:
            most: how many.
        """
        with self.lock:
            left = self._left_behind()
            if left:
                return [self._take_over(trial) for trial in _consecutive(left)[:most]]
            begun = sum(RUN in trial.user_attrs for trial in self.study.get_trials(deepcopy=False))
            return [self._begin() for _ in range(min(most, self.search.n_trials - begun))]

    def tell(self, trial: Trial) -> Outcome:
        """Tell the study what became of a run; return it."""
        with self.lock:
            return self._tell(trial.number, trial.run)

    def _check_own(self, name: str, jobs: int) -> None:
        trials = self.study.get_trials(deepcopy=False)
        # A trial without a run was asked for by a process that was killed right then.
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

    def _begin(self) -> Trial:
        """Ask Optuna for a point and give it the next run number."""
        number = len(self.study.get_trials(deepcopy=False))
        self.study.sampler = SAMPLERS[self.search.sampler](_seed(self.search.seed, number))
        trial = self.study.ask(self.search.space.swept)
        plan = read_json(self.folder / PLAN)
        run, overrides = len(plan["jobs"]), self.search.space.overrides(trial.params)
        # In this order: a process killed in between leaves a number unused, and none used twice.
        write_json(self.folder / PLAN, {**plan, "jobs": [*plan["jobs"], overrides]})
        trial.set_user_attr(WORKER, self.worker.name)
        trial.set_user_attr(RUN, run)
        return Trial(trial.number, run, overrides)

    def _left_behind(self) -> list[FrozenTrial]:
        """Return the trials whose run was going on when its worker died; those that ended are told."""
        left = []
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if RUN not in trial.user_attrs:
                # Its worker was killed right after asking: it never had a run.
                self.study.tell(trial.number, state=TrialState.FAIL)
            elif not self.worker.is_alive(trial.user_attrs[WORKER]):
                if self._can_go_on(trial):
                    left.append(trial)
                else:
                    self._tell(trial.number, trial.user_attrs[RUN])
        return left

    def _can_go_on(self, trial: FrozenTrial) -> bool:
        """Tell whether a run whose worker is gone is carried on: unless it ended, or was killed too often."""
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
        study = self.storage.get_study_id_from_name(self.study.study_name)
        kept = self.storage.get_trial_id_from_study_id_trial_number(study, trial.number)
        self.storage.set_trial_user_attr(kept, WORKER, self.worker.name)
        if run_state(self.folder / str(run)) != "interrupted":
            self.storage.set_trial_user_attr(kept, ATTEMPTS, trial.user_attrs.get(ATTEMPTS, 1) + 1)
        return Trial(trial.number, run, read_json(self.folder / PLAN)["jobs"][run])

    def _tell(self, number: int, run: int) -> Outcome:
        outcome = judge(read_result(self.folder / str(run)), self.search.objectives)
        if outcome.values is not None:
            self.study.tell(number, outcome.values)
            return outcome
        log.warning("Run %d gives the search no values: %s", run, outcome.reason)
        self.study.tell(number, state=TrialState.PRUNED if outcome.faded else TrialState.FAIL)
        return outcome


def _open_storage(folder: Path, storage: str | None) -> BaseStorage:
    if storage is None:
        journal = str(folder / FOLDER / JOURNAL)
        # Optuna's usual lock is a symbolic link, which Windows allows few users.
        return JournalStorage(JournalFileBackend(journal, JournalFileOpenLock(journal)))
    try:
        return RDBStorage(storage)
    except Exception as error:
        # SQLAlchemy's and each driver's errors have nothing in common.
        raise ValueError(f"hydra.sweeper.storage={storage} cannot be opened: {error}") from error


def _seed(seed: int | None, number: int) -> int | None:
    """Return a trial's own seed: workers that share the search's would all draw the same points."""
    return None if seed is None else int(np.random.SeedSequence((seed, number)).generate_state(1)[0])


def _consecutive(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return the first trials whose runs follow each other: a launcher numbers its runs so."""
    ordered = sorted(trials, key=lambda trial: trial.user_attrs[RUN])
    first = ordered[0].user_attrs[RUN]
    return [trial for place, trial in enumerate(ordered) if trial.user_attrs[RUN] == first + place]

"""The command line of a quick search, and what Optuna knows of it."""

from __future__ import annotations

from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from tests.helpers.runs import tiny

# The search that the tests run: two weights, and fewer pictures on disk.
SEARCH = ("+sweep=optuna", "logger=csv", "loss.weights.col=5", "loss.exp.target=0.6", "hydra.sweep.dir=study")
LOG = "tag(log, interval(1, 100))"


def search(sice: Path, *overrides: str) -> list[str]:
    """The command line of a quick search."""
    options = [option for option in tiny(sice, *SEARCH, *overrides) if not option.startswith("callbacks.samples.")]
    return [*options, "callbacks.samples=null"]


def trials_of(folder: Path) -> list[FrozenTrial]:
    """What Optuna knows of a study."""
    storage = JournalStorage(JournalFileBackend(str(folder / "optuna" / "journal.log")))
    return optuna.load_study(storage=storage, study_name=None).trials

"""A search as the configuration describes it, and its plan in the sweep's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from zero_dce.checks import LARGEST_SEED, check_number
from zero_dce.files import NO_LOCKS, ensure_folder, lock_of, write_json
from zero_dce.records.sweep import PLAN, SEARCH_FOLDER, read_plan
from zero_dce.sweep.plan import without_resume
from zero_dce.terminal import pip_install
from zero_dce.train.configuration import given_overrides

if TYPE_CHECKING:
    from filelock import FileLock

    from zero_dce.sweep.search.space import Space

SAMPLERS = ("tpe", "nsgaii", "random")


@dataclass(frozen=True)
class Search:
    """A search as it was asked for; the options are those of ``conf/hydra/sweeper/optuna.yaml``."""

    space: Space
    objectives: dict[str, str]
    data: str
    n_trials: int
    sampler: str
    seed: int | None
    study_name: str | None
    storage: str | None
    batch_size: int | None

    def contents(self) -> dict[str, Any]:
        """Return what must stay the same while a study goes on: other runs could not be compared with its own."""
        # The choice of data may come from the environment at first, and from the command line of a continued sweep.
        fixed = {"data": self.data}
        for text in self.space.fixed:
            key, _, value = text.partition("=")
            fixed[key] = value
        return {"space": self.space.texts, "fixed": fixed}


def is_search(config: DictConfig) -> bool:
    """Return whether a sweep is a search and not a grid."""
    return str(config.hydra.sweeper._target_).endswith(".OptunaSweeper")


def read_search(config: DictConfig) -> Search:
    """Read and check a search.

    Raises:
        ModuleNotFoundError: if Optuna is not installed.
        ValueError: if it cannot work.
    """
    try:
        from zero_dce.sweep.search.space import read_space
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("optuna"):
            raise
        raise ModuleNotFoundError(f"hydra/sweeper=optuna needs Optuna: {pip_install('optuna')}") from error
    options: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    del options["_target_"]
    if options.pop("also", None):
        raise ValueError("hydra.sweeper.also adds runs to a grid; expected hydra.sweeper.also=null with a search")
    # A grid has no objectives, and their names come from modules that take seconds to import.
    from zero_dce.sweep.search.objectives import check_objectives

    objectives = check_objectives(options.pop("objectives", None))
    space = read_space(options.pop("params", None), without_resume(given_overrides(config.hydra)))
    _check_options(options)
    return Search(space, objectives, data=config.hydra.runtime.choices.data, **options)


def check_corners(config: DictConfig, search: Search) -> None:
    """Raise ValueError with Hydra's message unless the corners of the search space can be composed."""
    loader = GlobalHydra.instance().config_loader()
    for corner in search.space.corners():
        try:
            loader.load_sweep_config(config, corner)
        except HydraException as error:
            cause = f" {error.__cause__}" if error.__cause__ else ""
            raise ValueError(f"a run of this search cannot be composed: {error}{cause}") from error


def _check_options(options: dict[str, Any]) -> None:
    check_number("hydra.sweeper.n_trials", options["n_trials"], least=1, whole=True)
    if options["batch_size"] is not None:
        check_number("hydra.sweeper.batch_size", options["batch_size"], least=1, whole=True)
    if options["seed"] is not None:
        check_number("hydra.sweeper.seed", options["seed"], most=LARGEST_SEED, whole=True)
    if options["sampler"] not in SAMPLERS:
        raise ValueError(f"hydra.sweeper.sampler is {options['sampler']!r}; expected one of {', '.join(SAMPLERS)}")
    storage = options["storage"]
    if storage is not None and "://" not in storage:
        raise ValueError(
            f"hydra.sweeper.storage is {storage!r}; expected null, for a journal in the sweep's folder, or a URL as "
            "sqlite:///FILE or postgresql://USER@HOST/DATABASE"
        )


def lock_folder(folder: Path) -> FileLock:
    """Return the lock under which the workers of a search read and change what they share.

    Between machines it needs a file system whose locks reach that far.
    """
    ensure_folder(folder / SEARCH_FOLDER)
    return lock_of(folder / SEARCH_FOLDER / "lock")


def open_plan(folder: Path, search: Search, started: Mapping[str, Any] | None = None) -> int:
    """Write the plan of a new search, or compare with that of a continued one; return how many runs it has.

    If the search may be a new one, ``started`` is how it was, by :func:`zero_dce.sweep.plan.command_line`.

    Raises:
        ValueError: if the folder holds something else, or lies on a disk without locks.
    """
    _check_locks(folder)
    with lock_folder(folder):
        if (folder / PLAN).is_file():
            plan = read_plan(folder)
            _check_same(folder, plan, search)
            return len(plan["jobs"])
        name = search.study_name or "/".join(folder.parts[-2:])
        kept = {**search.contents(), "study_name": name, "storage": search.storage}
        swept = [key.lstrip("+") for key in search.space.swept]
        plan = {"jobs": [], "swept": swept, "objectives": search.objectives, "search": kept, **(started or {})}
        write_json(folder / PLAN, plan)
        return 0


def _check_locks(folder: Path) -> None:
    try:
        with lock_folder(folder):
            pass
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:
            raise
        raise ValueError(
            f"hydra.sweep.dir={folder} is on a disk without locks ({error}), by which a search keeps its workers "
            "apart: choose a folder on another disk, or a grid (hydra/sweeper=grid)"
        ) from error


def _check_same(folder: Path, plan: dict[str, Any], search: Search) -> None:
    if "search" not in plan:
        raise ValueError(f"{folder} already holds a sweep, and no search: choose another hydra.sweep.dir")
    kept = plan["search"]
    contents = search.contents()
    pairs = {
        "objectives": (plan["objectives"], search.objectives),
        "search space": (kept["space"], contents["space"]),
        "overrides": (kept["fixed"], contents["fixed"]),
        "storage": (kept["storage"], search.storage),
        "study_name": (kept["study_name"], search.study_name or kept["study_name"]),
    }
    for what, (before, now) in pairs.items():
        if before != now:
            raise ValueError(
                f"{folder} holds a search with other {what}: {before}, now {now}. Go on with it as it was begun; only "
                "n_trials, sampler, seed and batch_size may change. For another search choose another hydra.sweep.dir"
            )

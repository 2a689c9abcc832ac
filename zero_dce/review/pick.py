"""Keep one checkpoint of a sweep: its weights, configuration, measures and sample pictures, in one folder.

``python -m zero_dce.review pick SWEEP_DIR --run 3 --step 3000`` writes ``SWEEP_DIR/picked/``. The folder is all that is
needed later: ``load_weights("picked")`` and ``model.weights=picked`` take it as it is.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from zero_dce.files import atomic_folder, read_object, restore_replaced, write_file, write_json
from zero_dce.records.configuration import read_yaml, select_option
from zero_dce.records.run import (
    HYDRA,
    ORIGIN_FILE,
    SAMPLES,
    Rows,
    path_override,
    pictures_folder,
    read_environment,
    read_rows,
    saved_checkpoints,
)
from zero_dce.records.sweep import PICKED, PLAN, read_plan, run_folder, run_name
from zero_dce.terminal import tell
from zero_dce.weights import WEIGHTS_FILE

CONFIG_FILE, MEASURES_FILE = "config.yaml", "measures.json"
PARTS = {WEIGHTS_FILE, CONFIG_FILE, MEASURES_FILE, ORIGIN_FILE, SAMPLES}
# In a run's folder, Hydra keeps the composed configuration here.
COMPOSED = Path(HYDRA) / "config.yaml"


@dataclass(frozen=True)
class Choice:
    """A checkpoint that a person chose: the run's folder and name, the optimizer steps done, and the file."""

    run: Path
    name: str
    step: int
    checkpoint: Path

    def __str__(self) -> str:
        """Name it as a person would."""
        return f"run {self.name} ({run_name(self.run)}) at step {self.step}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    parser.add_argument("sweep", type=Path, metavar="SWEEP_DIR", help="a sweep's folder, or a single run's")
    parser.add_argument("--run", dest="name", metavar="N", help="the run's number; not with a single run's folder")
    parser.add_argument("--step", type=int, required=True, metavar="N", help="the checkpoint's step")
    parser.add_argument("--note", default="", metavar="TEXT", help="why this one; kept in origin.json")
    parser.add_argument("--output", type=Path, metavar="DIR", help=f"default: SWEEP_DIR/{PICKED}")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier pick")
    parser.add_argument(
        "--upload",
        action=argparse.BooleanOptionalAction,
        help="send the folder to W&B, as an artifact of the run's project; default: where the run was logged online",
    )


def run(options: argparse.Namespace) -> None:
    """Write the folder, and send it where that is asked for.

    Raises:
        OSError: if something is missing, in the way or cannot be written, or W&B cannot be reached.
        ValueError: if the checkpoint is of neither network, or the arguments contradict each other.
    """
    choice = choose(options.sweep, options.name, options.step)
    folder: Path = (options.output or options.sweep / PICKED).resolve()
    check_free(folder, options.overwrite)
    config = read_yaml(choice.run / COMPOSED, DictConfig)
    mode = select_option(choice.run / COMPOSED, "logger.wandb.mode", object, config)
    origin = describe_origin(choice, options.sweep, options.note)
    # Where nothing is said, a pick goes to W&B if its run was logged online.
    if not (mode == "online" if options.upload is None else options.upload):
        _write(choice, origin, folder)
        return
    # This import is not at the top: most picks stay here, and W&B's and Lightning's imports take seconds.
    from zero_dce.review.upload import check_upload, upload

    target = check_upload(config, choice.run)
    _write(choice, origin, folder)
    tell(f"  in W&B: {upload(folder, target, str(choice), choice.step, origin)}")


def _write(choice: Choice, origin: Mapping[str, Any], folder: Path) -> None:
    """Write the folder and say what it holds."""
    write_pick(choice, origin, folder)
    tell(f"Picked {choice}: {folder}")
    if not (folder / SAMPLES).is_dir():
        tell(f"  without pictures: {pictures_folder(choice.run, choice.step)} does not exist")
    tell(f"  train on from it: python -m zero_dce.train {path_override('model.weights', folder)}")


def choose(folder: Path, name: str | None, step: int) -> Choice:
    """Find a run's checkpoint of a step: by the run's name in a sweep's folder, or in the run's own without a name.

    Raises:
        FileNotFoundError: if there is no such run or step; the message lists those that there are.
        ValueError: if a name is given for a single run.
    """
    name, run = _find_run(folder, name)
    steps = saved_checkpoints(run)
    if step not in steps:
        there = ", ".join(map(str, steps)) or "none"
        raise FileNotFoundError(f"{run} has no checkpoint of step {step}; there are: {there}")
    return Choice(run, name, step, steps[step])


def _find_run(folder: Path, name: str | None) -> tuple[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} does not exist; expected the folder of a sweep or of a single run")
    if (folder / COMPOSED).is_file():
        if name is not None:
            raise ValueError(f"{folder} is the folder of a single run: leave out --run {name}")
        return folder.resolve().name, folder.resolve()
    runs = _runs_of(folder.resolve())
    if not runs:
        raise FileNotFoundError(f"{folder} holds no runs; expected the folder of a sweep or of a single run")
    if name in runs:
        return name, runs[name]
    there = ", ".join(f"{number} ({run_name(run)})" for number, run in runs.items())
    given = "--run is missing" if name is None else f"--run {name}: there is no such run"
    raise FileNotFoundError(f"{given}; {folder} holds: {there}")


def _runs_of(folder: Path) -> dict[str, Path]:
    """Return the runs that have begun, by number: a sweep's, or those in the folder that holds a single run."""
    if (folder / PLAN).is_file():
        plan = read_plan(folder)
        runs = {str(number): run_folder(folder, plan, number) for number in range(len(plan["jobs"]))}
    else:
        found = [file.parents[1] for file in folder.glob(f"*/{COMPOSED.as_posix()}")]
        runs = {run.name: run for run in sorted(found, key=lambda run: (len(run.name), run.name))}
    return {name: run for name, run in runs.items() if (run / COMPOSED).is_file()}


def check_free(folder: Path, overwrite: bool) -> None:
    """Raise FileExistsError unless a folder is free, or holds an earlier pick that may be replaced."""
    restore_replaced(folder)
    if not folder.exists():
        return
    found = {part.name for part in folder.iterdir()} if folder.is_dir() else {folder.name}
    strangers = sorted(found - PARTS)
    if strangers:
        raise FileExistsError(f"{folder} holds what is no pick ({', '.join(strangers)}): choose another --output DIR")
    if not overwrite:
        origin = read_object(folder / ORIGIN_FILE, {"run": str, "name": str, "step": int, "picked_at": str})
        what = "a pick"
        if origin is not None:
            what = f"run {origin['run']} ({origin['name']}) at step {origin['step']}, picked {origin['picked_at']}"
        raise FileExistsError(f"{folder} already holds {what}: add --overwrite, or keep both with --output DIR")


def describe_origin(choice: Choice, sweep: Path, note: str) -> dict[str, Any]:
    """Say where a pick came from.

    Raises:
        FileNotFoundError: if the run's folder lacks what each run writes before it trains.
    """
    environment = read_environment(choice.run)
    if environment is None:
        raise FileNotFoundError(f"{choice.run} holds no environment.json, which each run writes: it is no whole run")
    with choice.checkpoint.open("rb") as stream:
        checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    return {
        "sweep": str(sweep.resolve()),
        "run": choice.name,
        "name": run_name(choice.run),
        "step": choice.step,
        "checkpoint": str(choice.checkpoint),
        "checkpoint_sha256": checksum,
        "note": note,
        "picked_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **{key: environment.get(key) for key in ("versions", "commit", "data_fingerprint", "started_from")},
        # Later parts of a run may have been trained by another version of the code.
        "resumed": [{key: part.get(key) for key in ("versions", "commit")} for part in environment.get("resumed", [])],
    }


def write_pick(choice: Choice, origin: Mapping[str, Any], folder: Path) -> None:
    """Write the folder whole, or not at all; errors are those of :func:`run`."""
    # PyTorch takes seconds to import, for which a mistake in the command need not wait.
    from zero_dce.networks import load_weights, save_weights

    network = load_weights(choice.checkpoint)
    with atomic_folder(folder) as unfinished:
        save_weights(network, unfinished / WEIGHTS_FILE, choice.step)
        write_file(unfinished / CONFIG_FILE, (choice.run / COMPOSED).read_bytes())
        write_json(unfinished / MEASURES_FILE, measures_at(read_rows(choice.run), choice.step))
        pictures = pictures_folder(choice.run, choice.step)
        if pictures.is_dir():
            (unfinished / SAMPLES).mkdir()
            for file in filter(Path.is_file, sorted(pictures.glob("*.png"))):
                write_file(unfinished / SAMPLES / file.name, file.read_bytes())
        write_json(unfinished / ORIGIN_FILE, origin)


def measures_at(rows: Rows, step: int) -> dict[str, Any]:
    """Return what was measured at a step, or last before it: training is logged more often than validation.

    Returns:
        ``step``, and for ``train`` and ``val`` the ``step`` of the row (``None`` without one) and its ``measures``.
    """
    return {"step": step, "train": _last_row(rows, "train/", step), "val": _last_row(rows, "val/", step)}


def _last_row(rows: Rows, prefix: str, step: int) -> dict[str, Any]:
    for at in sorted(rows, reverse=True):
        measures = {name: value for name, value in rows[at].items() if name.startswith(prefix)}
        if at <= step and measures:
            return {"step": at, "measures": measures}
    return {"step": None, "measures": {}}

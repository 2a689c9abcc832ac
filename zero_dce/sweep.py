"""A sweep as a whole: the plan before it starts, the time left, and the table at its end."""

from __future__ import annotations

import csv
import statistics
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import create_config_search_path
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from zero_dce.estimate import estimate_run
from zero_dce.files import atomic
from zero_dce.losses import CompositeLoss
from zero_dce.pictures import contact_sheet
from zero_dce.records import RESULT, is_first_process, read_json, resume_command, write_json

PLAN = "sweep.json"
TABLE = "sweep.csv"
SHEET = "contact_sheet.png"
# Measures in the printed table, with the heading that a person reads; result.json holds all of them.
COLUMNS = {
    "val/psnr_input": "PSNR in",
    "val/psnr": "PSNR out",
    "val/psnr_gain": "gain dB",
    "val/psnr_gain_se": "± s.e.",
    "val/psnr_improved": "improved",
    "val/brightness_in": "bright in",
    "val/brightness_out": "out",
    "val/saturation_ratio": "saturation",
    "val/clipped_out": "clipped",
    **{f"val/{name}": name for name in CompositeLoss.NAMES},
}
Row = dict[str, Any]


class SweepOverview(Callback):
    """Hydra callback: announce a sweep before its first run, and the time left after each."""

    # Hydra 1.3 never calls on_multirun_end after a failed run, so the entry point asks for this and finishes.
    folder: Path | None = None

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Make the run's folder, or say that it cannot be made."""
        _make_folder(Path(config.hydra.run.dir), "hydra.run.dir")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Write the plan and print the number of runs and what they will take."""
        folder = Path(config.hydra.sweep.dir).resolve()
        _make_folder(folder, "hydra.sweep.dir")
        if (folder / PLAN).exists():
            sys.exit(f"{folder} already holds a sweep: choose another hydra.sweep.dir")
        jobs = plan_jobs(config)
        write_json(folder / PLAN, {"jobs": jobs, "swept": swept_keys(config)})
        SweepOverview.folder = folder
        self.started, self.finished, self.count = time.monotonic(), 0, len(jobs)
        _say(f"Sweep {config.sweep_name}: {len(jobs)} runs of {config.trainer.max_steps} steps in {folder}")
        try:
            estimate = estimate_run(config)
        except Exception as error:
            # What is wrong stands in each run's own error; here it must not take the plan along.
            _say(f"No estimate of time and disk: {error}")
            return
        _say(
            f"About {_minutes(len(jobs) * estimate.seconds)} of training ({estimate.basis}) "
            f"and {len(jobs) * estimate.megabytes:.0f} MB of disk."
        )

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Print how far the sweep is."""
        if SweepOverview.folder is None:
            return
        self.finished += 1
        elapsed = time.monotonic() - self.started
        left = elapsed / self.finished * (self.count - self.finished)
        _say(f"Run {self.finished} of {self.count} ended; about {_minutes(left)} left.")


def _make_folder(folder: Path, key: str) -> None:
    if not is_first_process():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / ".writable", True)
        (folder / ".writable").unlink()
    except OSError as error:
        # Hydra turns a callback's exceptions into warnings, but not this one.
        sys.exit(f"the folder {folder} cannot be written: {error}. Choose another with {key}=DIR")


def plan_jobs(config: DictConfig) -> list[list[str]]:
    """Return the overrides of each run, in the order that Hydra's sweeper runs them."""
    # The loader is for glob(), which asks it for the files of a group.
    folder = next((source.path for source in config.hydra.runtime.config_sources if source.provider == "main"), None)
    loader = ConfigLoaderImpl(create_config_search_path(folder))
    overrides = OverridesParser.create(loader).parse_overrides(_override_texts(config))
    return [list(job) for job in BasicSweeper.split_arguments(overrides, None)[0]]


def swept_keys(config: DictConfig) -> list[str]:
    """Return the keys that a sweep gives several values."""
    last = {str(o.key_or_group): o for o in OverridesParser.create().parse_overrides(_override_texts(config))}
    return [key for key, override in last.items() if override.is_sweep_override()]


def _override_texts(config: DictConfig) -> list[str]:
    parameters: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    return [f"{key}={value}" for key, value in (parameters["params"] or {}).items()] + list(config.hydra.overrides.task)


def point_name(overrides: Sequence[str], swept: Sequence[str]) -> str:
    """Name a run by its swept values: ``exp=10 tv=200``."""
    parser = OverridesParser.create()
    parts = []
    for override in parser.parse_overrides(list(overrides)):
        key, value = str(override.key_or_group), override.value()
        if key in swept:
            # The last part says enough, but data.split.seed is not the seed that the table groups.
            short = key if key.endswith(".seed") else key.rpartition(".")[2]
            values: dict[Any, Any] = value if isinstance(value, dict) else {short: value}
            parts += [f"{name}={item}" for name, item in values.items()]
    return " ".join(parts)


def run_name(run: Path) -> str:
    """Name a run of a sweep by its swept values, any other by its folder's time."""
    plan = read_json(run.parent / PLAN)
    return (plan and point_name(_overrides(run) or [], plan["swept"])) or run.parent.name


def read_sweep(folder: Path) -> list[Row]:
    """Return a row for each run of the plan, also for those that failed, were killed or never began.

    A row has ``run`` (its number), ``point`` (its swept values), ``state``, ``error``, ``step``, ``weights``,
    ``measures``, ``memory`` (its peak), and ``began`` and ``ended`` (training, in seconds since 1970); what is not
    known is ``None`` or empty.

    Raises:
        FileNotFoundError: if the folder is not a sweep's.
    """
    plan = read_json(folder / PLAN)
    if plan is None:
        raise FileNotFoundError(f"{folder / PLAN} does not exist: {folder} is not the folder of a sweep")
    return [_read_run(folder / str(number), job, plan["swept"]) for number, job in enumerate(plan["jobs"])]


def group_seeds(rows: Sequence[Row]) -> list[Row]:
    """Join rows that differ only in ``seed`` into one: the mean of each measure, and how much it varies.

    Each joined row has ``seeds`` (how many finished) and ``spread`` (standard deviations) beside the mean measures.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        point = " ".join(part for part in row["point"].split() if not part.startswith("seed="))
        groups.setdefault(point, []).append(row)
    joined = []
    for point, members in groups.items():
        finished = [row["measures"] for row in members if row["state"] == "finished"]
        names = set.intersection(*(set(measures) for measures in finished)) if finished else set[str]()
        values = {name: [measures[name] for measures in finished if measures[name] is not None] for name in names}
        joined.append(
            {
                "run": ",".join(str(row["run"]) for row in members),
                "point": point,
                "state": f"{len(finished)} of {len(members)} finished",
                "seeds": len(finished),
                "weights": members[0]["weights"],
                "measures": {name: statistics.fmean(numbers) for name, numbers in values.items() if numbers},
                "spread": {name: statistics.stdev(numbers) for name, numbers in values.items() if len(numbers) > 1},
            }
        )
    return joined


def format_table(rows: Sequence[Row]) -> str:
    """Lay out rows of :func:`read_sweep` or :func:`group_seeds` for a terminal; best PSNR gain is not ranked."""
    shown = [name for name in COLUMNS if any(name in row["measures"] for row in rows)]
    header = ["run", "spa/exp/col/tv", "point", "state", *(COLUMNS[name] for name in shown)]
    lines = [header]
    for row in rows:
        weights = (
            "/".join(str(row["weights"][name]).removesuffix(".0") for name in CompositeLoss.NAMES)
            if row["weights"]
            else "-"
        )
        cells = [_cell(row["measures"].get(name), row.get("spread", {}).get(name)) for name in shown]
        lines.append([str(row["run"]), weights, row["point"], row["state"], *cells])
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def finish_sweep() -> None:
    """Write and print the table of the sweep that this process ran, whatever became of it; nothing without a sweep."""
    folder, SweepOverview.folder = SweepOverview.folder, None
    if folder is None:
        return
    rows = read_sweep(folder)
    _say(format_table(rows))
    grouped = group_seeds(rows)
    if len(grouped) < len(rows):
        _say("The same, mean ± standard deviation over seeds:\n" + format_table(grouped))
    if any(name.startswith("val/psnr") for row in rows for name in row["measures"]):
        _say(
            "PSNR: the dark validation frames against their well exposed reference; ± s.e. of the mean gain over them."
        )
    memory = [row["memory"]["host"] for row in rows if row["memory"] and row["memory"]["host"]]
    if memory:
        _say(f"Peak memory: {max(memory) / 1000:.2f} GB.")
    pauses = [next_["began"] - run["ended"] for run, next_ in pairwise(rows) if next_["began"] and run["ended"]]
    if pauses:
        _say(f"Between the runs: {statistics.fmean(pauses):.2f} s, at most {max(pauses):.2f} s, without training.")
    for row in rows:
        if row["error"]:
            _say(f"Run {row['run']} {row['state']}: {row['error']}")
    try:
        _write_csv(folder / TABLE, rows)
        _write_sheet(folder, rows)
    except OSError as error:
        sys.exit(f"{folder / TABLE} and {SHEET} could not be written: {error}. The runs keep their own results")
    _say(_next_steps(folder, rows))


def _overrides(run: Path) -> list[str] | None:
    """Return what a run was really started with; ``None`` where it never was."""
    file = run / ".hydra" / "overrides.yaml"
    return [str(override) for override in OmegaConf.load(file)] if file.is_file() else None


def _read_run(run: Path, job: Sequence[str], swept: Sequence[str]) -> Row:
    result = read_json(run / RESULT)
    if result is None:
        state = "unfinished" if run.is_dir() else "not started"
        result = {"state": state, "last_step": None, "measures": {}, "weights": None}
    return {
        "run": int(run.name),
        "point": point_name(_overrides(run) or job, swept),
        "state": result["state"],
        "error": result.get("error"),
        "step": result["last_step"],
        "began": result.get("training_began"),
        "ended": result.get("training_ended"),
        "weights": result["weights"],
        "memory": result.get("peak_memory_mb"),
        "measures": result["measures"],
    }


def _cell(value: float | None, spread: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if spread is None else f"{value:.4g}±{spread:.2g}"


def _write_csv(file: Path, rows: Sequence[Row]) -> None:
    measures = sorted({name for row in rows for name in row["measures"]})
    with atomic(file) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["run", "point", "state", "step", *CompositeLoss.NAMES, *measures])
        for row in rows:
            weights = [(row["weights"] or {}).get(name) for name in CompositeLoss.NAMES]
            values = [row["measures"].get(name) for name in measures]
            writer.writerow([row["run"], row["point"], row["state"], row["step"], *weights, *values])


def _write_sheet(folder: Path, rows: Sequence[Row]) -> None:
    """Put the last sample pictures of all runs on one sheet: inputs on top, then a row a run."""
    lines: list[tuple[str, list[Path]]] = []
    for row in rows:
        steps = sorted((folder / str(row["run"]) / "samples").glob("step-*"))
        if steps:
            if not lines:
                lines.append(("input", sorted(steps[-1].glob("*_input.png"))))
            label = f"run {row['run']}  {row['point']}  {steps[-1].name}  {row['state']}"
            lines.append((label, sorted(steps[-1].glob("*_output.png"))))
    if lines:
        contact_sheet(lines).save(folder / SHEET)


def _next_steps(folder: Path, rows: Sequence[Row]) -> str:
    lines = [f"Results: {folder}", f"  the table: {folder / TABLE}"]
    if (folder / SHEET).is_file():
        lines.append(f"  all runs side by side: {folder / SHEET}")
    if (folder / "wandb").is_dir():
        lines.append(f"  W&B in the terminal: python -m wandb leet {folder / 'wandb'}")
        lines.append(f"  to the W&B dashboard: python -m wandb sync {folder / 'wandb'}/offline-run-*")
    finished = next((row for row in rows if row["state"] == "finished"), None)
    if finished and finished["step"]:
        run = folder / str(finished["run"])
        lines.append(f"  pictures per step: {run / 'samples'}, and so in each run's folder")
        lines.append(f"Next, train the one you like on: {resume_command(run, 10 * finished['step'])}")
    return "\n".join(lines)


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)

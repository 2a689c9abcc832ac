"""Finding the configuration, the resolvers that it uses, and the command line of a resumed run."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf

from zero_dce.callbacks.checkpoints import LAST, last_checkpoint
from zero_dce.cluster import is_requeued
from zero_dce.hardware import best_precision
from zero_dce.records import is_first_process, read_json
from zero_dce.sweep_plan import PLAN, run_name
from zero_dce.weights import DCE_NET_PP

SICE_VARIABLE = "SICE_ROOT"
# Beside .hydra, the configuration of a resumed part until it has begun.
RESUMED = ".hydra_resumed"


def config_folder() -> Path:
    """Return the folder of the YAML files: in an installed package ``zero_dce/conf``, in a checkout ``conf``.

    Hydra takes a relative or ``pkg://`` path wrongly in some of these cases; an absolute one works in all.
    """
    package = Path(__file__).resolve().parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def register_resolvers() -> None:
    """Register the resolvers that the YAML files use; must come before Hydra composes."""
    resolvers: dict[str, Callable[..., Any]] = {
        "default_data": default_data,
        "default_loss": default_loss,
        "best_precision": best_precision,
        "at_most_cores": at_most_cores,
        "parent": lambda path: str(Path(path).parent),
        "group": lambda run: "/".join(Path(run).parent.parts[-2:]),
        "run_name": lambda run: run_name(Path(run)),
    }
    for name, function in resolvers.items():
        OmegaConf.register_new_resolver(name, function, replace=True)


def default_data() -> str:
    """Return which data configuration is the default: SICE where ``SICE_ROOT`` is set, else the embedded sample."""
    return "sice" if os.environ.get(SICE_VARIABLE) else "sample"


def default_loss(model: str) -> str:
    """Return which loss configuration a model is published with: Zero-DCE++ has its own smoothness weight."""
    return "plusplus" if model == DCE_NET_PP else "official"


def at_most_cores(workers: int) -> int:
    """Return ``workers``, or as many as this process may use cores: more would only get in each other's way."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(workers, usable)


def check_quotes(arguments: list[str]) -> None:
    """Refuse an override that Hydra cannot parse, and show how to quote it.

    Raises:
        ValueError: with Hydra's own message and the quoted form.
    """
    for argument in arguments:
        if argument.startswith("-") or "=" not in argument:
            continue
        try:
            OverridesParser.create().parse_override(argument)
        except HydraException as error:
            key, _, value = argument.partition("=")
            raise ValueError(
                f"cannot read {argument!r}: {error}\n"
                "A value with a comma, blank, bracket or equals sign, as in a path, needs "
                f"two pairs of quotes: '{key}=\"{value}\"'"
            ) from error


def continue_requeued(arguments: list[str]) -> list[str]:
    """Turn the command line of a SLURM job that was requeued, which is that of its start, into one that continues.

    Args:
        arguments: the command line without the program's name. A run is found again by its ``hydra.run.dir``.

    Returns:
        The same where the job was not requeued, is a sweep, resumes already, or has no checkpoint yet; else
        ``resume=RUN_DIR`` with Hydra's own settings.
    """
    given = [argument for argument in arguments if argument.startswith("hydra.run.dir=")]
    other = {"-m", "--multirun"} & {*arguments} or any(argument.startswith("resume=") for argument in arguments)
    if not given or other or not is_requeued():
        return arguments
    run = given[-1].removeprefix("hydra.run.dir=")
    if not (Path(run.strip("'\"")) / "checkpoints" / LAST).is_file():
        return arguments
    return [f"resume={run}", *(a for a in arguments if a.startswith("hydra.") and a not in given)]


def expand_resume(arguments: list[str]) -> list[str]:
    """Turn ``resume=DIR`` into the command line of that run or sweep, continued in its own folder.

    The overrides of before come first, so that those given now win. The choice of data is repeated even where it came
    from the environment.

    Args:
        arguments: the command line without the program's name.

    Returns:
        The command line for Hydra.

    Raises:
        FileNotFoundError: if the folder holds no checkpoint or no configuration.
    """
    given = [argument for argument in arguments if argument.startswith("resume=") and argument != "resume=null"]
    if not given:
        return arguments
    folder = Path(given[-1].removeprefix("resume=").strip("'\"")).resolve()
    own = [argument for argument in arguments if argument not in given]
    if (folder / PLAN).is_file():
        return _expand_sweep(folder, own)
    if f"hydra.run.dir={quoted(folder)}" in arguments:
        # A run of a sweep, or a further process of the same run, gets the line of the first one, expanded already.
        return arguments
    return _expand_run(folder, own)


def _expand_run(run: Path, own: list[str]) -> list[str]:
    last_checkpoint(run)
    saved = run / ".hydra"
    if not (saved / "overrides.yaml").is_file():
        raise FileNotFoundError(f"{saved} does not hold the run's configuration (overrides.yaml): it cannot be resumed")
    overrides = [str(override) for override in OmegaConf.load(saved / "overrides.yaml")]
    settings = OmegaConf.load(saved / "hydra.yaml")
    choice = OmegaConf.select(settings, "hydra.runtime.choices.data")
    kept = [override for override in overrides if not override.startswith("resume=")]
    # What is refused must not change the run's own configuration, so Hydra writes this one beside it. It is the first
    # process's alone: another one would write there while that one moves it.
    subfolder = RESUMED if is_first_process() else "null"
    place = [f"resume={quoted(run)}", f"hydra.run.dir={quoted(run)}", f"hydra.output_subdir={subfolder}"]
    return [f"data={choice}", *kept, *own, *place, "hydra.mode=RUN"]


def _expand_sweep(folder: Path, own: list[str]) -> list[str]:
    """Repeat what the sweep was started with, unless a grid is given again; settings of Hydra given now win."""
    plan = read_json(folder / PLAN)
    place = [f"resume={quoted(folder)}", f"hydra.sweep.dir={quoted(folder)}", "hydra.mode=MULTIRUN"]
    if any(not _key(argument).startswith(("hydra.", "hydra/", "-")) for argument in own):
        return [*own, *place]
    keys = {_key(argument) for argument in own}
    settings = [setting for setting in plan["hydra"] if _key(setting) not in keys]
    return [*plan["overrides"], *settings, *own, *place]


def _key(argument: str) -> str:
    return argument.partition("=")[0].lstrip("+~")


def as_further_process(arguments: list[str]) -> list[str]:
    """Let only the first of the processes that srun started write the run's configuration; others get their own log.

    Args:
        arguments: the command line for Hydra; a launcher's already says so.

    Returns:
        The same for the first process and outside of SLURM.

    Raises:
        ValueError: if the processes would not agree on the run's folder.
    """
    if "SLURM_STEP_ID" not in os.environ or int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) < 2:
        return arguments
    if {"-m", "--multirun", "hydra.mode=MULTIRUN"} & {*arguments}:
        # Refused later, in words about sweeps.
        return arguments
    if not any(argument.startswith("hydra.run.dir=") for argument in arguments):
        raise ValueError(
            "several processes of srun need to be told the run's folder, which each would name by its own clock: "
            "hydra.run.dir=runs/train/$SLURM_JOB_ID/0"
        )
    rank = os.environ["SLURM_PROCID"]
    if rank == "0":
        return arguments
    kept = [argument for argument in arguments if not argument.startswith("hydra.output_subdir=")]
    return [*kept, f"hydra.job.name=train_rank_{rank}", "hydra.output_subdir=null"]


def quoted(path: Path) -> str:
    """Return a path as the value of an override."""
    return '"' + str(path).replace('"', '\\"') + '"'


def is_launched(hydra: Any) -> bool:
    """Tell from Hydra's configuration whether this is a run of a sweep, in the sweep's process or in its own."""
    return not OmegaConf.is_missing(hydra.job, "num")


def quiet() -> None:
    """Silence messages that a user can do nothing about, each by its own text."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_is_useful)
    for message in WARNINGS:
        warnings.filterwarnings("ignore", message=f".*{message}")


LOGGERS = (
    "lightning.pytorch.utilities.rank_zero",
    "lightning.fabric.utilities.rank_zero",
    "lightning.pytorch.trainer.connectors.checkpoint_connector",
)
WARNINGS = (
    "treespec, LeafSpec",  # Lightning's own use of a PyTorch interface
    "Total length of `list` across ranks is zero",  # data.val_fraction=0 is meant as it is
    "does not have many workers",  # data.num_workers is meant as it is
    "GPU available but not used",  # so is trainer.accelerator=cpu
    "srun.* is available on your system but is not used",  # so is a run outside of SLURM, also on a login node
    "could be decompression bomb DOS attack",  # said in the table of unusual images
    "smaller than the logging interval",  # steps are logged across epochs
    "`srun` command is available",  # a run outside srun, as one of a sweep's, is meant as it is
)
MESSAGES = ("litlogger", "TPU available", "weights_only", "`Trainer.fit` stopped", "Tensor Cores")


def _is_useful(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not any(part in message for part in MESSAGES)

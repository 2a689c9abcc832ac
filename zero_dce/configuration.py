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

from zero_dce.callbacks.checkpoints import last_checkpoint
from zero_dce.hardware import best_precision
from zero_dce.records import is_first_process
from zero_dce.sweep_plan import run_name
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


def expand_resume(arguments: list[str]) -> list[str]:
    """Turn ``resume=RUN_DIR`` into the run's own command line, continued in its own folder.

    The run's overrides come first, so that those given now win. Its choice of data is repeated even where it came
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
    run = Path(given[-1].removeprefix("resume=").strip("'\"")).resolve()
    last_checkpoint(run)
    saved = run / ".hydra"
    if not (saved / "overrides.yaml").is_file():
        raise FileNotFoundError(f"{saved} does not hold the run's configuration (overrides.yaml): it cannot be resumed")
    overrides = [str(override) for override in OmegaConf.load(saved / "overrides.yaml")]
    settings = OmegaConf.load(saved / "hydra.yaml")
    choice = OmegaConf.select(settings, "hydra.runtime.choices.data")
    quoted = '"' + str(run).replace('"', '\\"') + '"'
    if f"hydra.run.dir={quoted}" in arguments:
        # A further process of the same run gets the line of the first one, which is expanded already.
        return arguments
    own = [argument for argument in arguments if argument not in given]
    kept = [override for override in overrides if not override.startswith("resume=")]
    # What is refused must not change the run's own configuration, so Hydra writes this one beside it. It is the first
    # process's alone: another one would write there while that one moves it.
    subfolder = RESUMED if is_first_process() else "null"
    place = [f"resume={quoted}", f"hydra.run.dir={quoted}", f"hydra.output_subdir={subfolder}", "hydra.mode=RUN"]
    return [f"data={choice}", *kept, *own, *place]


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
    "could be decompression bomb DOS attack",  # said in the table of unusual images
    "smaller than the logging interval",  # steps are logged across epochs
)
MESSAGES = ("litlogger", "TPU available", "weights_only", "`Trainer.fit` stopped", "Tensor Cores")


def _is_useful(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not any(part in message for part in MESSAGES)

"""The command that continues a run or a sweep, with what its folder alone may not say.

It repeats what a person has given on this command line, and nothing that stands in a folder: that may be anybody's, and
a command that is printed is copied.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from zero_dce.records.run import path_override
from zero_dce.records.sweep import PLAN, run_overrides
from zero_dce.train.command_line import resumed_folder
from zero_dce.train.configuration import ALLOW_OPTION, config_flags, given_before
from zero_dce.train.stored import is_refused, single_values
from zero_dce.train.targets import nothing_allowed

# What says where a run or sweep is, and which part of it a process does.
OF_THE_PLACE = (
    *("resume=", "hydra.run.", "hydra.sweep.", "hydra.mode=", "hydra.output_subdir="),
    *("hydra.job.num=", "hydra.job.name="),
)
# A run of a sweep that is trained on neither launches nor sweeps.
OF_LAUNCHING = ("hydra/launcher", "hydra/sweeper", "hydra.launcher", "hydra.sweeper")


def resume_command(folder: Path, steps: int | None = None, given: Sequence[str] | None = None) -> str:
    """Return the command that continues a run or sweep, quoted for the shell and for Hydra.

    Args:
        folder: of a run or sweep of this process.
        steps: the steps to train a run to, if they are others than before.
        given: what :func:`given_words` returned, where this is called after Hydra has ended.
    """
    parsed = get_args_parser().parse_args([*(given_words() if given is None else given)])
    texts = [text for text in parsed.overrides if not text.lstrip("+~").startswith(OF_THE_PLACE)]
    # A command that has resumed the folder is repeated as it was: the folder may have other options.
    if resumed_folder(parsed.overrides) != folder.resolve():
        texts = _needed(texts, folder, bool(parsed.config_dir or parsed.config_name))
    if steps is not None:
        texts = [*(text for text in texts if not text.startswith("trainer.max_steps=")), f"trainer.max_steps={steps}"]
    flags = [("--config-dir", parsed.config_dir), ("--config-name", parsed.config_name)]
    words = [*(word for flag in flags if flag[1] for word in flag), *texts]
    return " ".join(["python -m zero_dce.train", path_override("resume", folder), *map(shlex.quote, words)])


def given_words(settings: DictConfig | None = None) -> list[str]:
    """Return the flags and overrides that a person gave: those that resumed something, or began it.

    Args:
        settings: of Hydra itself, as they were composed; by default those of the run of this process.
    """
    before = given_before()
    if before is not None:
        return before
    if settings is None and not HydraConfig.initialized():
        # The run was started by a function, and not by a command.
        return []
    composed: Any = HydraConfig.get() if settings is None else settings
    overrides: Any = OmegaConf.to_container(composed.overrides, resolve=False)
    return [*config_flags(composed), *overrides["hydra"], *overrides["task"]]


@nothing_allowed()
def _needed(given: Sequence[str], folder: Path, own_files: bool) -> list[str]:
    """Return those overrides that have to be given again. What this process may make, the next one may not."""
    # Without these, Hydra has refused what is no option of conf/.
    looks = own_files or any(text.startswith(("+", "hydra.searchpath")) for text in given)
    needed = [text for text in given if "${" in text or is_refused(text) or (looks and not _is_of_conf(text))]
    if (folder / PLAN).is_file():
        return needed
    of_run = [text for text in needed if not text.lstrip("+~").startswith(OF_LAUNCHING)]
    return [value for text in of_run for value in _values(text, folder)]


def _is_of_conf(text: str) -> bool:
    from zero_dce.train.composed import is_of_conf

    return is_of_conf(text)


def _values(text: str, run: Path) -> list[str]:
    """Return what a run has of an override that may give it one of several values."""
    values = [text] if text.startswith(ALLOW_OPTION) or "=" not in text else [*single_values([text])]
    if len(values) == 1:
        return [text]
    try:
        stored = run_overrides(run) or []
    except (OSError, ValueError):
        # Continuing the run says what is wrong with its folder.
        return []
    return [value for value in values if value in stored]

"""The command that continues a run or a sweep, with what its folder alone may not say.

It repeats what a person has given on this command line, and nothing that stands in a folder: that may be anybody's, and
a command that is printed is copied.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from zero_dce.records.run import path_override
from zero_dce.records.sweep import PLAN, run_overrides
from zero_dce.train.command_line import OF_THE_SWEEP, file_flags, key_of, resumed_folder
from zero_dce.train.configuration import ALLOW_OPTION, config_flags, given_before
from zero_dce.train.stored import is_refused, single_values
from zero_dce.train.targets import nothing_allowed

# What says where a run or sweep is, and what of it a process does.
OF_THE_PLACE = (
    "resume=",
    "hydra.run.dir=",
    "hydra.sweep.dir=",
    "hydra.mode=",
    "hydra.output_subdir=",
    "hydra.job.num=",
)


def resume_command(folder: Path, steps: int | None = None, given: Sequence[str] | None = None) -> str:
    """Return the command that continues a run or sweep, quoted for the shell and for Hydra.

    Relative paths in what was given are meant from the working folder that it was given in.

    Args:
        folder: of a run or sweep of this process.
        steps: the steps to train a run to, if they are others than before.
        given: what :func:`given_words` returned, where this is called after Hydra has ended.
    """
    try:
        flags, texts = _again(folder, given_words() if given is None else given)
    except (OSError, ValueError, HydraException, OmegaConfBaseException):
        # It ends messages about other troubles, which must not be hidden; continuing says what is missing.
        flags, texts = [], []
    if steps is not None:
        texts = [*(text for text in texts if not text.startswith("trainer.max_steps=")), f"trainer.max_steps={steps}"]
    return " ".join(["python -m zero_dce.train", path_override("resume", folder), *map(shlex.quote, [*flags, *texts])])


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


def _again(folder: Path, given: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the flags and the overrides that are given again."""
    parsed = get_args_parser().parse_args([*given])
    texts = [text for text in parsed.overrides if not text.lstrip("+~").startswith(OF_THE_PLACE)]
    # A command that has resumed the folder is repeated as it was: the folder may have other options.
    if resumed_folder(parsed.overrides) != folder.resolve():
        texts = _needed(texts) if (folder / PLAN).is_file() else _needed(_of_run(texts, folder))
    return file_flags(parsed.config_dir, parsed.config_name), texts


def _of_run(given: Sequence[str], run: Path) -> Iterator[str]:
    """Yield what of a command line a run has: of several values of an option the run's own, as Hydra writes it."""
    of_task = [text for text in given if not text.lstrip("+~").startswith(("hydra.", "hydra/", ALLOW_OPTION))]
    yield from (text for text in given if text not in of_task and not text.lstrip("+~").startswith(OF_THE_SWEEP))
    own = {*of_task, *single_values(of_task)}
    yield from (text for text in run_overrides(run) or [] if text in own)


@nothing_allowed()
def _needed(texts: Iterable[str]) -> list[str]:
    """Return those overrides that have to be given again, and which change something of these later.

    What this process may make, the next one may not.
    """
    from zero_dce.train.composed import is_of_conf

    needed: list[str] = []
    for text in texts:
        changes = any(_is_part(text, earlier) or _is_part(earlier, text) for earlier in needed)
        if changes or "${" in text or is_refused(text) or not is_of_conf(text):
            needed.append(text)
    return needed


def _is_part(text: str, of: str) -> bool:
    key, whole = (key_of(override) for override in (text, of))
    return f"{key}.".startswith(f"{whole}.")

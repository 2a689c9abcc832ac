"""The command that continues a run or a sweep, with all that has to be given again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig

from zero_dce.records.configuration import read_yaml
from zero_dce.records.run import HYDRA, path_override
from zero_dce.records.sweep import STARTED, read_plan, run_overrides
from zero_dce.train.configuration import config_flags, given_before
from zero_dce.train.stored import is_refused, single_values
from zero_dce.train.targets import nothing_allowed


def resume_sweep_command(folder: Path) -> str:
    """Return the command that continues a sweep which this process has started, quoted for the shell and for Hydra."""
    plan = read_plan(folder, STARTED)
    return _command(folder, [*plan.get("flags", []), *refused_again([*plan["overrides"], *plan["hydra"]])])


def resume_command(run: Path, steps: int | None = None, given: Sequence[str] | None = None) -> str:
    """Return the command that continues a run to its end or to ``steps``, quoted for the shell and for Hydra.

    Args:
        run: a run of this process, or of a sweep of this process.
        steps: the steps to train to, if they are others than before.
        given: what :func:`zero_dce.train.configuration.given_before` returned while the run or sweep was trained, if
            that was before.
    """
    try:
        again = _given_again(run, given_before() if given is None else given)
    except (OSError, ValueError):
        # It ends messages about other troubles, which this one would hide; the command itself says what is wrong.
        again = []
    return _command(run, again if steps is None else [f"trainer.max_steps={steps}", *again])


@nothing_allowed()
def refused_again(overrides: Sequence[str]) -> list[str]:
    """Return the overrides that have to be given again beside ``resume=``, as a folder alone may not say them.

    What this process was allowed to make, the next one is not.
    """
    return [text for text in overrides if is_refused(text)]


def _given_again(run: Path, given: Sequence[str] | None) -> list[str]:
    """Return the flags and overrides that a run needs again: if it was resumed, of those that a person gave then.

    Others may be anybody's, and a command that is printed is copied.
    """
    needed = refused_again(run_overrides(run) or [])
    if given is None:
        return [*config_flags(read_yaml(run / HYDRA / "hydra.yaml", DictConfig)), *needed]
    parsed = get_args_parser().parse_args(list(given))
    folder = parsed.config_dir and str(Path(parsed.config_dir).resolve())
    flags = [("--config-dir", folder), ("--config-name", parsed.config_name)]
    own = {*parsed.overrides, *single_values(parsed.overrides)}
    return [*(word for flag in flags if flag[1] for word in flag), *(text for text in needed if text in own)]


def _command(folder: Path, arguments: Sequence[str]) -> str:
    return " ".join(
        ["python -m zero_dce.train", path_override("resume", folder), *(shlex.quote(text) for text in arguments)]
    )

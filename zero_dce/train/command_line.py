"""The command line before Hydra reads it, without the program's name: quoting, and what is resumed."""

from __future__ import annotations

import itertools
import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from zero_dce.records.configuration import select_option
from zero_dce.records.run import HYDRA, RESUMED, has_checkpoint, last_checkpoint
from zero_dce.records.sweep import PLAN, STARTED, read_plan, run_overrides
from zero_dce.train.configuration import ALLOW_OPTION, ALLOW_VARIABLE, named_targets
from zero_dce.train.rank import given_rank, is_first_process, is_requeued, started_by

# Hydra's flags that are followed by a value of their own.
FLAGS_WITH_VALUE = (
    *("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd", "--package", "-p"),
    *("--cfg", "-c", "--info", "-i", "--experimental-rerun"),
)
# An argument that begins so makes the command line one of a sweep.
SWEEPS = ("-m", "--multirun", "hydra.mode=MULTIRUN", "+sweep=")
# Hydra's own settings that belong to the whole sweep, or that each run gets anew.
OF_THE_SWEEP = (
    *("hydra/launcher", "hydra/sweeper", "hydra.launcher", "hydra.sweeper", "hydra.sweep", "hydra.run"),
    *("hydra.mode", "hydra.output_subdir", "hydra.job.num"),
)


def expand_arguments(arguments: Sequence[str]) -> list[str]:
    """Bring a command line into the form that Hydra reads: flags first, and ``~`` replaced by the user's home.

    Hydra refuses overrides after ``-m``, where people append them, and ``~`` without quotes, as in
    ``callbacks.samples.images=~/night``, which a shell leaves as it is.
    """
    flags, overrides = [], []
    words = iter(arguments)
    for word in words:
        if not word.startswith("-"):
            overrides.append(_expand_home(word))
            continue
        flags.append(word)
        if word in FLAGS_WITH_VALUE:
            flags += [value for value in [next(words, None)] if value is not None]
    return [*flags, *overrides]


def given_targets(arguments: Sequence[str]) -> list[str]:
    """Return the names of all that the overrides of a command line would make."""
    overrides = get_args_parser().parse_args(arguments).overrides
    # Others are refused later, by Hydra.
    return list(named_targets([text for text in overrides if "=" in text]))


def name_mode(arguments: list[str]) -> list[str]:
    """Add that a file of conf/sweep makes a sweep: it says so itself, but Hydra 1.4 asks before it reads it."""
    is_named = any(argument in ("-m", "--multirun") or argument.startswith("hydra.mode=") for argument in arguments)
    if is_named or not any(argument.startswith("+sweep=") for argument in arguments):
        return arguments
    return [*arguments, "hydra.mode=MULTIRUN"]


def _expand_home(override: str) -> str:
    key, equals, value = override.partition("=")
    if not equals or not value.startswith("~"):
        return override
    return f"{key}={quoted(Path(value).expanduser())}"


def take_allowed(arguments: Sequence[str]) -> list[str]:
    """Note what ``allow_targets=`` names, which only counts where it is given anew, and return the other arguments."""
    kept = []
    for argument in arguments:
        if argument.startswith(ALLOW_OPTION):
            names = argument.removeprefix(ALLOW_OPTION).strip("[]'\" ").split(",")
            os.environ[ALLOW_VARIABLE] = ",".join(name.strip() for name in names)
        else:
            kept.append(argument)
    return kept


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


def continue_requeued(arguments: list[str], own: bool = True) -> list[str]:
    """Turn the command line of a SLURM job that was requeued, which is that of its start, into one that continues.

    It becomes ``resume=RUN_DIR`` with Hydra's own settings, as a run is found again by its ``hydra.run.dir``. It stays
    the same where the job was not requeued, is a sweep, resumes already, or has no checkpoint yet.

    Args:
        arguments: the command line, without the program's name.
        own: whether a person gave it, and not the plan of a sweep that was resumed.
    """
    given = [argument for argument in arguments if argument.startswith("hydra.run.dir=")]
    other = {"-m", "--multirun"} & {*arguments} or any(argument.startswith("resume=") for argument in arguments)
    if not given or other or not is_requeued():
        return arguments
    run = given[-1].removeprefix("hydra.run.dir=")
    if not has_checkpoint(Path(run.strip("'\""))):
        return arguments
    from zero_dce.train.targets import allow_own

    flags = get_args_parser().parse_args(arguments)
    if own:
        allow_own(flags.overrides)
    settings = [text for text in flags.overrides if text.startswith(("hydra.", "hydra/")) and text not in given]
    return [*file_flags(flags.config_dir, flags.config_name), f"resume={run}", *settings]


def file_flags(folder: str | None, name: str | None) -> list[str]:
    """Return Hydra's flags for a folder of files of one's own, and for the name of the first one."""
    pairs = [("--config-dir", folder), ("--config-name", name)]
    return [word for flag, value in pairs if value for word in (flag, value)]


def expand_resume(arguments: list[str], vouched: Sequence[str] = ()) -> list[str]:
    """Turn ``resume=DIR`` into the command line of that run or sweep, continued in its own folder.

    The overrides of before come first, so that those given now win. The choice of data is repeated even where it came
    from the environment.

    Args:
        arguments: the command line, without the program's name.
        vouched: what the person gave who started this, which a stored configuration may repeat.

    Raises:
        FileNotFoundError: if the folder holds no checkpoint or no configuration.
    """
    folder = resumed_folder(arguments)
    if folder is None:
        return arguments
    own = [argument for argument in arguments if not _resumes(argument)]
    is_sweep = (folder / PLAN).is_file()
    if not is_sweep and f"hydra.run.dir={quoted(folder)}" in arguments:
        # The runs of a sweep, and further processes of a run, get a line that is expanded already.
        return arguments
    from zero_dce.train.stored import check_links

    check_links(folder)
    return _expand_sweep(folder, own, [*own, *vouched]) if is_sweep else _expand_run(folder, own, vouched)


def resumed_folder(arguments: Sequence[str]) -> Path | None:
    """Return which folder a command line resumes, if it does."""
    given = [argument for argument in arguments if _resumes(argument)]
    return Path(given[-1].removeprefix("resume=").strip("'\"")).resolve() if given else None


def _resumes(argument: str) -> bool:
    return argument.startswith("resume=") and argument != "resume=null"


def _expand_run(run: Path, own: list[str], vouched: Sequence[str]) -> list[str]:
    last_checkpoint(run)
    saved, overrides = run / HYDRA, run_overrides(run)
    if overrides is None:
        raise FileNotFoundError(f"{saved} does not hold the run's configuration (overrides.yaml): it cannot be resumed")
    choice = select_option(saved / "hydra.yaml", "hydra.runtime.choices.data", str)
    stored = [f"data={choice}", *(override for override in overrides if not override.startswith("resume="))]
    from zero_dce.train.stored import check_stored, is_refused
    from zero_dce.train.targets import allow_own

    given: list[str] = get_args_parser().parse_args(own).overrides
    keys, flags = {key_of(override) for override in given}, [text for text in own if text not in given]
    # What could run code and has another value now is left out: a part of it could outlive what is given. What is
    # given as it was is not repeated, as Hydra adds nothing twice.
    kept = [text for text in stored if text not in given and (key_of(text) not in keys or not is_refused(text))]
    check_stored(kept, given=vouched)
    allow_own(given)
    # Hydra writes this configuration beside the run's own, which must not change if the run is refused.
    place = [f"resume={quoted(run)}", f"hydra.run.dir={quoted(run)}", f"hydra.output_subdir={RESUMED}"]
    return [*flags, *kept, *given, *place, "hydra.mode=RUN"]


def _expand_sweep(folder: Path, own: list[str], vouched: Sequence[str]) -> list[str]:
    """Repeat what the sweep was started with, unless another grid is given; settings of Hydra given now win."""
    plan = read_plan(folder, STARTED)
    place = [f"resume={quoted(folder)}", f"hydra.sweep.dir={quoted(folder)}", "hydra.mode=MULTIRUN"]
    parsed = get_args_parser().parse_args(own)
    overrides: list[str] = parsed.overrides
    keys, flags = {key_of(override) for override in overrides}, [text for text in own if text not in overrides]
    from zero_dce.train.stored import check_stored
    from zero_dce.train.targets import allow_own

    allow_own(overrides)
    of_task = {text for text in overrides if not key_of(text).startswith(("hydra.", "hydra/"))}
    # Some of the sweep's own are no other grid: they are given again because they would be refused.
    if not of_task <= {*plan["overrides"]}:
        check_stored(itertools.chain(*plan["jobs"]), given=vouched)
        return [*flags, *overrides, *place]
    # Another launcher or sweeper has other options.
    replaced = tuple(key.replace("/", ".") + "." for key in keys if "/" in key)
    settings = [text for text in plan["hydra"] if key_of(text) not in keys and not key_of(text).startswith(replaced)]
    left = _flags_left(plan.get("flags", []), parsed)
    if left:
        raise ValueError(
            f"{folder} was started with {' '.join(map(str, left))}, which may bring any code: give it again on the "
            "command line"
        )
    check_stored([*plan["overrides"], *settings, *itertools.chain(*plan["jobs"])], vouched)
    of_hydra = [text for text in overrides if text not in of_task]
    return [*flags, *plan["overrides"], *settings, *of_hydra, *place]


def _flags_left(stored: Sequence[str], given: Namespace) -> list[str]:
    """Return the stored flags, each followed by its value, without those that are given now."""
    known = {"--config-dir": given.config_dir, "-cd": given.config_dir}
    known |= {"--config-name": given.config_name, "-cn": given.config_name}
    return [text for place, text in enumerate(stored) if known.get(stored[place - place % 2]) is None]


def key_of(argument: str) -> str:
    """Return the key of an override, as it is without what adds or deletes it."""
    return argument.partition("=")[0].lstrip("+~")


def as_further_process(arguments: list[str]) -> list[str]:
    """Let only the first of several processes of a run write the configuration; others get a log each.

    The command line stays the same for the first process, for one that was started alone, and where it says so already,
    as a launcher's and Lightning's do.

    Raises:
        ValueError: if the processes would not agree on the run's folder.
    """
    starter = started_by()
    if (starter is None and is_first_process()) or "hydra.output_subdir=null" in arguments:
        return arguments
    modes = [argument for argument in arguments if argument.startswith("hydra.mode=")]
    # A run of a sweep that is resumed by itself repeats what the sweep was started with.
    if modes[-1:] != ["hydra.mode=RUN"] and any(argument.startswith(SWEEPS) for argument in arguments):
        # A sweep is refused later, in words about sweeps.
        return arguments
    if not any(argument.startswith("hydra.run.dir=") for argument in arguments):
        name, folder = (starter.name, starter.folder) if starter else ("a launcher", "runs/train/NAME/0")
        raise ValueError(
            f"several processes of {name} need to be told the run's folder, which each would name by its own clock: "
            f"hydra.run.dir={folder}"
        )
    return as_rank(arguments, given_rank())


def as_rank(arguments: list[str], rank: int) -> list[str]:
    """Return a run's command line for one of its processes: only the first, of rank 0, writes the configuration."""
    if rank == 0:
        return arguments
    kept = [argument for argument in arguments if not argument.startswith("hydra.output_subdir=")]
    return [*kept, f"hydra.job.name=train_rank_{rank}", "hydra.output_subdir=null"]


def quoted(path: Path) -> str:
    """Return a path as the value of an override."""
    return '"' + str(path).replace('"', '\\"') + '"'

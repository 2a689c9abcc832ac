"""What the stored configuration of a run or sweep that is resumed may do: a folder may come from somebody else."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType

from zero_dce.records.configuration import parse_stored
from zero_dce.records.interpolation import unsafe_interpolation
from zero_dce.records.sweep import MOST_RUNS, PLAN, runs_folder
from zero_dce.train.configuration import ALLOW_OPTION, override_targets
from zero_dce.train.targets import TARGETS_IN_TEXT, check_targets, is_allowed

# What a stored configuration may set of Hydra itself. By other settings, such as those of its log, its callbacks and
# where it searches, it could bring code of its own.
SETTINGS = (
    *(
        "hydra/launcher",
        "hydra/sweeper",
        "hydra.launcher.",
        "hydra.sweeper.",
        "hydra.sweep.",
        "hydra.run.",
        "hydra.mode",
    ),
    *(
        "hydra.job.name",
        "hydra.job.num",
        "hydra.job.config.override_dirname.",
        "hydra.output_subdir",
        "hydra.verbose",
    ),
)
# Options of conf/ that lead somewhere or make something; of those of loggers only some do not.
HELD = re.compile(
    r"run_dir|callbacks\.\w+\.folder|trainer\.default_root_dir|logger\..*|(.*\.)?_\w+_"
    r"|(hydra\.)?launcher\.(setup|additional_parameters|submitit_folder)(\..*)?|(hydra\.)?sweeper\.storage"
)
OF_LOGGERS = re.compile(
    r"logger\.(fallback|wandb\.(mode|project|group|name|tags|settings\.(disable_git|console|host|x_\w+))"
    r"|mlflow\.(experiment_name|run_name|parameters|tags\.\w+)|trackio\.(project|name|tags)"
    r"|tensorboard\.default_hp_metric)"
)
WANDB_MODES = ("offline", "online", "disabled")
# Options that conf/ has not, and that lead nowhere.
MAY_BE_ADDED = re.compile(
    r"trainer\.(limit_(train|val)_batches|overfit_batches|(min|max)_(steps|epochs|time)|gradient_clip_algorithm"
    r"|deterministic|benchmark|detect_anomaly|inference_mode|sync_batchnorm|enable_(checkpointing|progress_bar)"
    r"|reload_dataloaders_every_n_epochs|fast_dev_run)|logger\.wandb\.(entity|notes|job_type)"
)
HYDRA_KEY = re.compile(r"\bhydra(?=[./]|$)")
# What a sweep chooses from a group, whose name has no dots, over its runs.
CHOICE = re.compile(r"hydra\.sweeper\.(params|also)\.[^.]+")
# A name that goes through a folder such as .. or .hydra, which are no parts of a configuration's folder.
LEADS_OUT = re.compile(r"(?<!\w)\.[^,\s/\\]*[/\\]")
# Trackers write to these folders beside a run.
OF_TRACKERS = ("wandb", "mlflow")
# W&B links a run's log, which it does not write to again, to its cache.
OF_WANDB = re.compile(r"/wandb/[^/]+/logs/debug-core\.log$")
HOW_TO_RESUME = "take it out of the folder's sweep.json or .hydra/overrides.yaml, or give it again on the command line"


def check_stored(overrides: Iterable[str], given: Sequence[str] = ()) -> None:
    """Refuse overrides that were read from a folder if they would run code that the folder names.

    Args:
        overrides: those of the folder, and of the jobs in it.
        given: what a person has given on the command line; an override that is one of these, or one value of it, is
            not refused.

    Raises:
        ValueError: if they would, or cannot be read.
    """
    own = {*given, *single_values(given)}
    # The runs of a sweep have most of theirs in common.
    texts = [text for text in dict.fromkeys(overrides) if text not in own]
    for text, override in zip(texts, parse_stored(texts), strict=True):
        _check_override(text, override)


def check_links(folder: Path) -> None:
    """Refuse a folder that is resumed if a link in it leads out of it: what is written there would go elsewhere.

    Raises:
        ValueError: if one does, also one beside a run where trackers write; the message names it.
    """
    root = folder.resolve()
    _check_links_below(root, root)
    if not (root / PLAN).is_file():
        for name in OF_TRACKERS:
            _check_links_below(runs_folder(root) / name, runs_folder(root))


def _check_links_below(folder: Path, inside: Path) -> None:
    """Refuse a folder that leads out of another one, itself or by a link below it."""
    below = (Path(place, name) for place, *names in os.walk(folder) for name in itertools.chain(*names))
    for place in itertools.chain([folder], below):
        if place.is_symlink() and not (OF_WANDB.search(str(place)) or place.resolve().is_relative_to(inside)):
            raise ValueError(
                f"{place} is a link to {place.readlink()}, out of the folder that is resumed and written to: put there "
                "what it links to, or remove it"
            )


def is_refused(override: str) -> bool:
    """Tell whether :func:`check_stored` refuses an override, unless it is given again."""
    try:
        check_stored([override])
    except ValueError:
        return True
    return False


def single_values(given: Iterable[str]) -> Iterator[str]:
    """Yield overrides in the form that a sweep gives them in its jobs, one for each of their values.

    A sweep over the files of a group, as ``loss=glob(p*)``, is left out: a folder may choose them.
    """
    texts = [text for text in given if "=" in text and not text.startswith("-")]
    for override in OverridesParser.create().parse_overrides(texts):
        key = override.get_key_element()
        if override.is_discrete_sweep() and override.value_type != ValueType.GLOB_CHOICE_SWEEP:
            values = itertools.islice(override.sweep_string_iterator(), MOST_RUNS)
            yield from (f"{key}={value}" for value in values)
        elif not override.is_sweep_override():
            yield f"{key}={override.get_value_element_as_str()}"


def _check_override(text: str, override: Override) -> None:
    key = str(override.key_or_group)
    value = override.value() if not override.is_delete() else None
    leaves = [*_leaves(key, value)]
    if not text.isprintable() or override.package is not None or not all(_is_harmless(path) for path, _ in leaves):
        raise ValueError(f"the stored override {text!r} may run any code: {HOW_TO_RESUME}")
    # Of a key without dots it is not known here whether it is a group.
    names = [key, *_choices(key, value)] if "." in key else [text]
    if any(map(_leads_out, names)):
        raise ValueError(f"the stored override {text!r} leads out of the configuration's folder: {HOW_TO_RESUME}")
    unsafe = find_unsafe([text, *texts_of(value)])
    if unsafe:
        raise ValueError(f"the stored override {text!r} has {unsafe}, which may read or make anything: {HOW_TO_RESUME}")
    # A sweep's values are texts that are read as overrides later.
    made = [*override_targets(override), *TARGETS_IN_TEXT.findall(text)]
    check_targets(made)
    added = override.is_add() and "." in key and not key.startswith("hydra.") and not MAY_BE_ADDED.fullmatch(key)
    leads = added or f"{key}=" == ALLOW_OPTION or any(is_held(path, inner) for path, inner in leaves)
    if leads and not (made and all(map(is_allowed, made))):
        raise ValueError(f"the stored override {text!r} may run any code or lead anywhere: {HOW_TO_RESUME}")


def is_held(path: str, value: Any) -> bool:
    """Tell whether a folder may not give an option of conf/ this value: it could make something, or lead anywhere."""
    if value is None or not HELD.fullmatch(path) or MAY_BE_ADDED.fullmatch(path):
        return False
    return not OF_LOGGERS.fullmatch(path) or (path.endswith(".mode") and value not in WANDB_MODES)


def find_unsafe(texts: Iterable[str]) -> str | None:
    """Return the first part of texts that is, or may become, an interpolation that conf/ would not have."""
    return next(filter(None, map(unsafe_interpolation, texts)), None)


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the dotted keys of all that an override sets, with their values."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(f"{key}.{name}", inner)
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        for inner in value:
            yield from _leaves(key, inner)
    else:
        yield key, value


def _leads_out(name: str) -> bool:
    """Tell whether a name of a configuration's file leads out of the folder, or may: it says so only when resolved."""
    return bool(LEADS_OUT.search(name)) or "${" in name


def _choices(key: str, value: Any) -> Iterator[str]:
    """Yield what an option of a sweeper chooses from groups."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _choices(f"{key}.{name}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _choices(key, inner)
    elif CHOICE.fullmatch(key):
        yield str(value)


def _is_harmless(path: str) -> bool:
    """Tell whether a dotted key is the run's own, or one of Hydra's that a stored configuration may set."""
    places = [match.start() for match in HYDRA_KEY.finditer(path)]
    # Elsewhere than at its beginning, Hydra is what a sweep runs over, or where a group is put.
    return not places or (places == [0] and path.startswith(SETTINGS))


def texts_of(node: Any) -> Iterator[str]:
    """Yield all texts in a value of YAML, those of its keys too."""
    if isinstance(node, Mapping):
        for pair in node.items():
            yield from texts_of(list(pair))
    elif isinstance(node, list):
        for inner in node:
            yield from texts_of(inner)
    elif isinstance(node, str):
        yield node

"""What the stored configuration of a run or sweep that is resumed may do: a folder may come from somebody else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, ListConfig, OmegaConf

from zero_dce.records.configuration import parse_stored, read_yaml
from zero_dce.records.interpolation import unsafe_interpolation
from zero_dce.train.configuration import find_targets, override_targets
from zero_dce.train.targets import TARGETS_IN_TEXT, check_targets, nothing_allowed

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
        "hydra.job.chdir",
        "hydra.job.config.override_dirname.",
        "hydra.output_subdir",
        "hydra.verbose",
    ),
)
# These become lines of a job's script, or say where what a job executes is read from.
SCRIPTS = ("hydra.launcher.setup", "hydra.launcher.additional_parameters", "hydra.launcher.submitit_folder")
HYDRA_KEY = re.compile(r"\bhydra(?=[./]|$)")
# A folder of configuration files has no more folders in it.
MOST_FOLDERS = 1000
FLAGS = ("--config-dir", "-cd", "--config-name", "-cn")
# What a sweep chooses from a group, whose name has no dots, over its runs.
CHOICE = re.compile(r"hydra\.sweeper\.(params|also)\.[^.]+")
# A name that goes through a folder such as .. or .hydra, which are no parts of a configuration's folder.
LEADS_OUT = re.compile(r"(?<!\w)\.[^,\s/\\]*[/\\]")
HOW_TO_RESUME = "take it out of the folder's sweep.json or .hydra/overrides.yaml, or give it again on the command line"


def check_stored(overrides: Iterable[str], flags: Sequence[str] = (), given: Sequence[str] = ()) -> None:
    """Refuse overrides and flags that were read from a folder if they would run code that the folder names.

    Args:
        overrides: those of the folder, and of the jobs in it.
        flags: Hydra's, with their values.
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
    _check_flags(flags)


def is_refused(override: str) -> bool:
    """Tell whether :func:`check_stored` refuses an override, unless it is given again."""
    try:
        check_stored([override])
    except ValueError:
        return True
    return False


@nothing_allowed()
def needed_again(plan: Mapping[str, Any]) -> list[str]:
    """Return what must be given again beside the ``resume=`` of a sweep, as it is refused where its plan alone has it.

    ``plan`` is that of :func:`zero_dce.records.sweep.read_plan`, with how the sweep was started. What this process was
    allowed to make, the next one is not.
    """
    flags = plan.get("flags", [])
    try:
        check_stored([], flags)
    except ValueError:
        pass
    else:
        flags = []
    return [*flags, *filter(is_refused, [*plan["overrides"], *plan["hydra"]])]


def single_values(given: Iterable[str]) -> Iterator[str]:
    """Yield overrides in the form that a sweep gives them in its jobs, one for each of their values."""
    texts = [text for text in given if "=" in text and not text.startswith("-")]
    for override in OverridesParser.create().parse_overrides(texts):
        key = override.get_key_element()
        if override.is_choice_sweep():
            yield from (f"{key}={value}" for value in override.sweep_string_iterator())
        elif not override.is_sweep_override():
            yield f"{key}={override.get_value_element_as_str()}"


def _check_override(text: str, override: Override) -> None:
    key = str(override.key_or_group)
    value = override.value() if not override.is_delete() else None
    into_hydra = HYDRA_KEY.search(override.package or "")
    if not text.isprintable() or into_hydra or not all(map(_is_harmless, _paths(key, value))):
        raise ValueError(f"the stored override {text!r} could run any code: {HOW_TO_RESUME}")
    # Of a key without dots it is not known here whether it is a group.
    names = [key, *_choices(key, value)] if "." in key else [text]
    if any(map(_leads_out, names)):
        raise ValueError(f"the stored override {text!r} leads out of the configuration's folder: {HOW_TO_RESUME}")
    unsafe = find_unsafe([text, *texts_of(value)])
    if unsafe:
        raise ValueError(f"the stored override {text!r} has {unsafe}, which may read or make anything: {HOW_TO_RESUME}")
    # A sweep's values are texts that are read as overrides later.
    check_targets([*override_targets(override), *TARGETS_IN_TEXT.findall(text)])


def find_unsafe(texts: Iterable[str]) -> str | None:
    """Return the first part of texts that is, or may become, an interpolation that conf/ would not have."""
    return next(filter(None, map(unsafe_interpolation, texts)), None)


def _paths(key: str, value: Any) -> Iterator[str]:
    """Yield the dotted keys of all that an override sets."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _paths(f"{key}.{name}", inner)
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        for inner in value:
            yield from _paths(key, inner)
    else:
        yield key


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
    elif CHOICE.fullmatch(key.removeprefix("_global_.")):
        yield str(value)


def _is_harmless(path: str) -> bool:
    """Tell whether a dotted key is the run's own, or one of Hydra's that a stored configuration may set."""
    path = path.removeprefix("_global_.")
    places = [match.start() for match in HYDRA_KEY.finditer(path)]
    # Elsewhere than at its beginning, Hydra is what a sweep runs over, or where a group is put.
    return not places or (places == [0] and path.startswith(SETTINGS) and not path.startswith(SCRIPTS))


def _check_flags(flags: Sequence[str]) -> None:
    if len(flags) % 2 or not {*flags[::2]} <= {*FLAGS}:
        raise ValueError(f"the stored flags {' '.join(map(str, flags))} are not {' or '.join(FLAGS)}: {HOW_TO_RESUME}")
    for flag, value in zip(flags[::2], flags[1::2], strict=True):
        if flag in FLAGS[:2]:
            for file in _yaml_files(value):
                _check_file(file, file.relative_to(value))
        elif Path(value).is_absolute() or LEADS_OUT.search(value):
            raise ValueError(f"the stored {flag} {value} leads out of the configuration's folder: {HOW_TO_RESUME}")


def _yaml_files(folder: str) -> list[Path]:
    """Return all YAML files below a folder that was read from a file; it may be the whole disk.

    Folders such as ``.hydra`` and ``.git`` are no part of a configuration: names that lead there are refused. Links to
    folders are followed, as Hydra does.

    Raises:
        ValueError: if there are more folders than a configuration has.
    """
    found = []
    for number, (inner, folders, names) in enumerate(os.walk(folder, followlinks=True)):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if number == MOST_FOLDERS:
            raise ValueError(
                f"the stored --config-dir {folder} has more than {MOST_FOLDERS} folders; expected one of configuration "
                f"files: {HOW_TO_RESUME}"
            )
        found += [Path(inner, name) for name in names if name.lower().endswith(".yaml")]
    return sorted(found)


def _check_file(file: Path, place: Path) -> None:
    """Refuse a file of a stored ``--config-dir`` as its values would be refused as overrides."""
    content = _read_file(file)
    texts, group = [*texts_of(content)], ".".join(place.parent.parts)
    defaults = content.pop("defaults", None) or []
    root = group if group.startswith("hydra") else "_global_"
    paths = [*_paths(root, content), *_groups(defaults)]
    unsafe = find_unsafe(texts)
    outside = any(map(_leads_out, [*texts_of(defaults), *_choices(root, content)]))
    packages = re.search(r"@package[^\n]*hydra", file.read_text(encoding="utf-8"))
    if unsafe or outside or packages or not all(map(_is_harmless, paths)):
        raise ValueError(
            f"{file}, which the stored --config-dir names, {f'has {unsafe}, which' if unsafe else 'sets what'} could "
            "run any code: if you know it, give --config-dir again on the command line"
        )
    check_targets([*find_targets(content), *(target for text in texts for target in TARGETS_IN_TEXT.findall(text))])


def _read_file(file: Path) -> dict[Any, Any]:
    """Return what a YAML file holds; nothing for a list, of which Hydra makes no configuration."""
    try:
        read_yaml(file, DictConfig)
    except ValueError as error:
        try:
            read_yaml(file, ListConfig)
        except ValueError:
            raise ValueError(f"{error}, or give --config-dir again on the command line") from error
        return {}
    # As it is: what was read above has interpolations that it must not have as mere texts.
    content: Any = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
    return dict(content)


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


def _groups(defaults: Sequence[Any]) -> Iterator[str]:
    """Yield the groups in a list of defaults, and where they are put: ``a`` and ``b`` of ``override /a@b: c``."""
    for entry in defaults:
        for name in entry if isinstance(entry, Mapping) else [entry]:
            yield from re.sub(r"^(?:optional |override )*/?", "", str(name)).split("@")

"""Which pictures of two folders belong together, by the names that the public data sets give them."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from zero_dce.data.index import LABEL_FOLDER, PAIRS_FILE
from zero_dce.evaluate.pictures import Pair, PictureSet, list_folder

# Words that only say on which side a picture is.
SIDE_WORDS = {
    "low", "dark", "under", "short", "input", "lq",
    "normal", "high", "bright", "long", "gt", "ref", "reference", "label", "target", "hq",
}  # fmt: skip
# Messages name so many pictures of a kind.
SHOWN = 3

# From a path of one side, relative to its folder, to what it shares with its partner.
Keys = Mapping[str, Hashable]


@dataclass(frozen=True)
class NameRule:
    """A rule that matches pictures by their names.

    Attributes:
        title: what partners have in common, in words.
        keys_of: maps the paths of one side to what partners have in common; paths that it says nothing of are missing.
    """

    title: str
    keys_of: Callable[[Sequence[str]], Keys]


@dataclass(frozen=True)
class _Matching:
    """What a rule finds: partners, from dark to bright, and the pictures of both sides that have not exactly one."""

    rule: NameRule
    partners: dict[str, str]
    alone_dark: list[str]
    alone_bright: list[str]

    def count_alone(self) -> int:
        return len(self.alone_dark) + len(self.alone_bright)


def match_folders(low: Path, high: Path) -> PictureSet:
    """Match the pictures of two folders by their names; their suffixes may differ.

    Partners have

    1. the same path below their folder (LOL, LOL-v2 synthetic, LSRW); or
    2. the same path but for words such as low and normal, and for zeros before a number (LOL-v2 real); or
    3. the same number at the end of the name, where all names of a side are otherwise the same.

    The first rule is taken that gives each picture of both sides exactly one partner. If ``high`` is the folder
    ``Label`` of SICE, the reference is the scene's label: see :func:`match_scenes`. If one folder lies inside the
    other, its pictures belong only to it.

    Raises:
        FileNotFoundError: if a folder is missing or without images.
        ValueError: if both are one folder, or no rule applies: then the message names pictures of both sides and shows
            the file for ``--pairs``.
    """
    low_in_high, high_in_low = _path_inside(low, high), _path_inside(high, low)
    if low_in_high == ".":
        raise ValueError(
            f"--low and --high are both {low}: give the folder of the dark pictures, and that of their references"
        )
    dark, bright = list_folder(low, without=high_in_low), list_folder(high, without=low_in_high)
    if high.name.lower() == LABEL_FOLDER:
        scenes = match_scenes(low, dark, high, bright)
        if scenes is not None:
            return scenes
    best = min((_match(rule, dark, bright) for rule in RULES), key=_Matching.count_alone)
    if best.count_alone():
        raise ValueError(_explain(best, low, dark, high, bright))
    pairs = [Pair(path, low / path, best.partners[path], high / best.partners[path]) for path in dark]
    return PictureSet(pairs, paired_by=best.rule.title)


def match_scenes(low: Path, dark: Sequence[str], high: Path, bright: Sequence[str]) -> PictureSet | None:
    """Match frames and labels as SICE has them: ``<scene>/<n>.JPG``, and ``Label/<scene>.JPG`` as the reference.

    The frames of a scene are numbered from dark to bright, and the first ``n // 2`` of ``n`` are measured. The
    Zero-DCE paper (section 4.2) takes 3 of 7 and 4 of 9, and does not say what it does with other numbers.

    Args:
        low: the folder of the scenes.
        dark: the paths of the frames below it, in natural order.
        high: the folder of the labels.
        bright: the paths of the labels below it.

    Returns:
        The pairs; ``None`` where no label has the name of a scene, or two scenes have one name.
    """
    labels = dict[str, str]()
    for path in bright:
        # As for training, the first of several labels counts.
        labels.setdefault(PurePosixPath(path).with_suffix("").as_posix(), path)
    frames, folders = defaultdict(list), set[PurePosixPath]()
    for path in dark:
        folder = PurePosixPath(path).parent
        folders.add(folder)
        frames[folder.name].append(path)
    if len(folders) > len(frames):
        return None
    pairs = []
    for scene, paths in frames.items():
        if scene in labels:
            darker = paths[: max(1, len(paths) // 2)]
            pairs += [Pair(path, low / path, labels[scene], high / labels[scene]) for path in darker]
    if not pairs:
        return None
    paired_by = "SICE's layout: the darker half of each scene's frames, with the scene's label"
    unlabelled = [scene for scene in frames if scene not in labels]
    if unlabelled:
        paired_by += f"; {len(unlabelled)} scenes without a label are not measured: {_name_some(unlabelled)}"
    return PictureSet(pairs, paired_by=paired_by)


def same_path(paths: Sequence[str]) -> Keys:
    """Return each path without its suffix."""
    return {path: PurePosixPath(path).with_suffix("").as_posix() for path in paths}


def same_words(paths: Sequence[str]) -> Keys:
    """Return the words and numbers of each path without those that only name its side.

    >>> same_words(["low00012.png", "a/Normal/x-7.png"])
    {'low00012.png': ((12,),), 'a/Normal/x-7.png': (('a',), ('x', 7))}
    """
    return {path: _words(PurePosixPath(path).with_suffix("")) for path in paths}


def same_number(paths: Sequence[str]) -> Keys:
    """Return folder and number of each picture where every name is one same text and a number, otherwise nothing.

    >>> same_number(["a/night_007.png", "b/night_12.png"])
    {'a/night_007.png': ('a', 7), 'b/night_12.png': ('b', 12)}
    >>> same_number(["night_1.png", "day_1.png"])
    {}
    """
    keys, texts = {}, set[str]()
    for path in paths:
        name = PurePosixPath(path)
        found = re.fullmatch(r"(.*?)(\d+)", name.stem)
        if found is None:
            return {}
        texts.add(found[1])
        keys[path] = (name.parent.as_posix(), int(found[2]))
    return keys if len(texts) == 1 else {}


RULES = (
    NameRule("the same name", same_path),
    NameRule("the same name but for words such as low and normal", same_words),
    NameRule("the same number at the end of the name", same_number),
)


def _words(path: PurePosixPath) -> tuple[tuple[str | int, ...], ...]:
    parts = []
    for part in path.parts:
        words = [word for word in re.findall(r"\d+|[^\W\d_]+", part.casefold()) if word not in SIDE_WORDS]
        parts.append(tuple(int(word) if word.isdecimal() else word for word in words))
    return tuple(part for part in parts if part)


def _match(rule: NameRule, dark: Sequence[str], bright: Sequence[str]) -> _Matching:
    dark_keys, bright_keys = rule.keys_of(dark), rule.keys_of(bright)
    dark_counts, bright_counts = Counter(dark_keys.values()), Counter(bright_keys.values())
    candidates = {key: path for path, key in bright_keys.items()}
    partners = {
        path: candidates[key] for path, key in dark_keys.items() if dark_counts[key] == 1 and bright_counts[key] == 1
    }
    taken = set(partners.values())
    alone_dark, alone_bright = [p for p in dark if p not in partners], [p for p in bright if p not in taken]
    return _Matching(rule, partners, alone_dark, alone_bright)


def _path_inside(inner: Path, outer: Path) -> str | None:
    """Return the path of a folder relative to another that holds it, otherwise ``None``."""
    real, real_outer = inner.resolve(), outer.resolve()
    return real.relative_to(real_outer).as_posix() if real.is_relative_to(real_outer) else None


def _explain(best: _Matching, low: Path, dark: Sequence[str], high: Path, bright: Sequence[str]) -> str:
    """Say which pictures have no partner, and how to say which belong together."""
    root = Path(os.path.commonpath([low.absolute(), high.absolute()]))
    example = [os.path.relpath(folder.absolute() / path, root) for folder, path in ((low, dark[0]), (high, bright[0]))]
    return (
        f"which pictures belong together cannot be told from their names. {low} has {len(dark)}: {_name_some(dark)}. "
        f"{high} has {len(bright)}: {_name_some(bright)}.\n"
        f"By {best.rule.title}, {len(best.partners)} pictures of --low have one partner each; without are "
        f"{len(best.alone_dark)} of --low ({_name_some(best.alone_dark)}) and {len(best.alone_bright)} of --high "
        f"({_name_some(best.alone_bright)}).\n"
        f"Add or take out what has no partner, or write a file {PAIRS_FILE} with a line for each pair, paths below "
        f"{root}, such as\n"
        "low,reference\n"
        f"{','.join(example)}\n"
        f"and give --pairs {PAIRS_FILE} --root {root} instead of --low and --high"
    )


def _name_some(names: Sequence[str]) -> str:
    """List the first names.

    >>> _name_some(["a", "b", "c", "d"])
    'a, b, c ...'
    """
    shown = ", ".join(names[:SHOWN]) or "none"
    return f"{shown} ..." if len(names) > SHOWN else shown

"""What of a picked folder is published, and what is not: no paths of a machine, nothing about where it was logged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from PIL import Image

from zero_dce.files import read_object, write_file, write_json
from zero_dce.images.sheets import save_picture
from zero_dce.records.configuration import read_yaml
from zero_dce.records.run import BUILT_WITH, ORIGIN_FILE, SAMPLES
from zero_dce.review.pick import CONFIG_FILE, MEASURES_FILE
from zero_dce.weights import WEIGHTS_FILE, read_weights

CARD_FILE = "README.md"
ALWAYS_PUBLISHED = {CARD_FILE, WEIGHTS_FILE, CONFIG_FILE, MEASURES_FILE, ORIGIN_FILE}
PUBLISHED = {*ALWAYS_PUBLISHED, SAMPLES}
SAMPLE_NAME = re.compile(r"\d+_(input|output)\.png")
# Options that say where a run lay or was logged. They change nothing of the weights.
PRIVATE_OPTIONS = ("logger", "run_dir", "resume")
# Paths of the machine that trained, whose checksum and numbers stay.
PRIVATE_ORIGIN = ("sweep", "checkpoint")
# How a path begins that leads to a place on one machine: /home, ~/x, ../x, C:\x, \\server.
BEGINS = r"(?:file:/+|/(?=[^/\s])|~[\w.-]*[/\\]|\.\.[/\\]|[A-Za-z]:[\\/](?!/)|\\\\)"
# Alone, or as the value of an override in a run's name.
# It ends at a closing quote, before the next override, or with the text: a path may hold blanks, commas and brackets.
MACHINE_PATHS = re.compile(
    rf"^{BEGINS}.*|(?<=[=\s,;:\"'`(\[{{<]){BEGINS}.*?(?=[\"'`](?:[\s,)\]}}]|$)|,\s[\w./@+~-]+=|$)", re.DOTALL
)
HIDDEN_PATH = "[a path]"
# What is read of measures.json, on either side, and of origin.json.
MEASURED_SIDE = {"step": (int, None), "measures": {str: (float, None)}}
PUBLISHED_ORIGIN = {
    "run": str,
    "name": str,
    "step": int,
    **BUILT_WITH,
    "note?": (str, None),
    "picked_at?": str,
    "data_fingerprint?": (str, None),
    "started_from?": (str, None),
    "resumed?": [BUILT_WITH],
}
NEEDED = (WEIGHTS_FILE, CONFIG_FILE, MEASURES_FILE, ORIGIN_FILE)


@dataclass(frozen=True)
class PickedFolder:
    """What a picked folder holds.

    Attributes:
        folder: where it lies.
        network: ``zero_dce`` or ``zero_dce_pp``.
        parameters: their number.
        config: the run's, as composed.
        measures: of the picked step, see :func:`zero_dce.review.pick.measures_at`.
        origin: where the checkpoint came from.
        pictures: the numbers of the sample pictures that have both sides, such as ``00``.
    """

    folder: Path
    network: str
    parameters: int
    config: DictConfig
    measures: dict[str, Any]
    origin: dict[str, Any]
    pictures: list[str]


def read_picked(folder: Path) -> PickedFolder:
    """Read a folder that ``python -m zero_dce.review pick`` wrote.

    Raises:
        FileNotFoundError: if it is no such folder.
        ValueError: if what is in it is damaged.
    """
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder} is no picked folder, it has no {' and no '.join(missing)}; expected what "
            "`python -m zero_dce.review pick SWEEP_DIR --run N --step N` wrote"
        )
    weights = read_weights(folder / WEIGHTS_FILE)
    measures = read_object(folder / MEASURES_FILE, {"val": MEASURED_SIDE, "train": MEASURED_SIDE})
    origin = read_object(folder / ORIGIN_FILE, PUBLISHED_ORIGIN)
    assert measures is not None
    assert origin is not None
    sides = {file.stem for file in (folder / SAMPLES).glob("*.png")}
    pictures = sorted(name.removesuffix("_input") for name in sides if name.endswith("_input"))
    return PickedFolder(
        folder,
        weights.network,
        sum(value.size for value in weights.state.values()),
        read_yaml(folder / CONFIG_FILE, DictConfig),
        measures,
        origin,
        [number for number in pictures if f"{number}_output" in sides],
    )


def write_published(picked: PickedFolder, card: str, with_pictures: bool, folder: Path) -> None:
    """Write into an empty folder what is published: the weights byte for byte, the rest without private paths.

    Raises:
        OSError: if it cannot be written, or a picture cannot be read.
    """
    write_file(folder / CARD_FILE, card)
    write_file(folder / WEIGHTS_FILE, (picked.folder / WEIGHTS_FILE).read_bytes())
    write_file(folder / CONFIG_FILE, public_config(picked.config))
    write_json(folder / MEASURES_FILE, picked.measures)
    write_json(folder / ORIGIN_FILE, public_origin(picked.origin))
    if not (with_pictures and picked.pictures):
        return
    (folder / SAMPLES).mkdir()
    for number in picked.pictures:
        for side in ("input", "output"):
            name = f"{number}_{side}.png"
            with Image.open(picked.folder / SAMPLES / name) as image:
                # The pixels alone: the caption of a saved picture has the photograph's path.
                plain = image.convert("RGB")
            save_picture(Image.frombytes("RGB", plain.size, plain.tobytes()), folder / SAMPLES / name)


def is_draft(folder: Path) -> bool:
    """Return whether a folder is empty, or holds what was published before and nothing else."""
    if not folder.is_dir():
        return False
    found = {part.name for part in folder.iterdir()}
    pictures = [file.name for file in (folder / SAMPLES).glob("**/*")]
    ours = ALWAYS_PUBLISHED <= found <= PUBLISHED and all(SAMPLE_NAME.fullmatch(name) for name in pictures)
    return not found or ours


def public_config(config: DictConfig) -> str:
    """Return a run's configuration as YAML, without what concerns one machine alone."""
    content: Any = OmegaConf.to_container(config, resolve=False)
    return OmegaConf.to_yaml(OmegaConf.create(hide_paths(_without(content, PRIVATE_OPTIONS))))


def public_origin(origin: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a checkpoint came from, without its path; the note stays as its author wrote it."""
    kept: dict[str, Any] = hide_paths(_without(origin, PRIVATE_ORIGIN))
    return {**kept, "note": origin.get("note", "")}


def _without(content: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in keys}


def hide_paths(content: Any) -> Any:
    r"""Return ``content`` with ``[a path]`` in place of each path that leads to a place on one machine.

    Relative paths inside a data set, addresses such as ``hf://USER/NAME`` and interpolations stay.

    >>> hide_paths({"root": "/home/me/SICE", "name": r"exp=3, data.root=C:\me", "weights": "hf://me/night"})
    {'root': '[a path]', 'name': 'exp=3, data.root=[a path]', 'weights': 'hf://me/night'}
    """
    if isinstance(content, Mapping):
        return {key: hide_paths(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [hide_paths(value) for value in content]
    return MACHINE_PATHS.sub(HIDDEN_PATH, content) if isinstance(content, str) else content

"""The files of a Hugging Face Space that shows the page."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from zero_dce import __version__
from zero_dce.app.server import require_gradio
from zero_dce.files import UNFINISHED, ensure_folder, write_file
from zero_dce.terminal import tell
from zero_dce.weights import FORMAT_VERSION, encode_weights, read_weights

# The folder of weights beside app.py.
WEIGHTS_FOLDER = "weights"
README = """---
title: Zero-DCE
emoji: 🌙
colorFrom: gray
colorTo: yellow
sdk: gradio
sdk_version: {gradio}
python_version: "{python}"
app_file: app.py
license: mit
short_description: Enhance dark photographs
---

Drop dark photographs, compare before and after, and download the results in full size, with zero-dce-lightning
{package}. The method is [Zero-Reference Deep Curve Estimation](https://arxiv.org/abs/2001.06826).
"""


def write_space(folder: Path, weights: Mapping[str, Path]) -> None:
    """Write a Space: ``app.py``, ``requirements.txt``, ``README.md``, and weights as ``weights/NAME.safetensors``.

    Args:
        folder: is made; it holds nothing, or what a command of the same has written of it by the time it was killed.
        weights: files by name, all of which the Space offers; none are the package's own.

    Raises:
        FileExistsError: if the folder holds something else.
        OSError: if weights cannot be read, or nothing can be written.
        ValueError: if weights are wrong, or two have one name.
        ModuleNotFoundError: if Gradio, whose version a Space names, is not installed.
    """
    require_gradio()
    contents = _contents(weights)
    for file in folder.rglob("*"):
        _check_ours(folder, file, contents)
    for name, content in contents.items():
        ensure_folder((folder / name).parent)
        write_file(folder / name, content)
    tell(f"{folder}: a Space; hf upload NAME/SPACE {folder} . --repo-type space sends it")


def _check_ours(folder: Path, file: Path, contents: Mapping[str, bytes]) -> None:
    """Raise FileExistsError unless a file is one that will be written, or what a killed process left of one."""
    name = file.relative_to(folder).as_posix()
    if file.is_dir() and any(other.startswith(f"{name}/") for other in contents):
        return
    if name.removesuffix(UNFINISHED) not in contents or (name in contents and file.read_bytes() != contents[name]):
        raise FileExistsError(f"--write-space {folder} is not empty; expected a new folder: it holds {name}")


def _contents(weights: Mapping[str, Path]) -> dict[str, bytes]:
    """Return the content of each file by its name in the folder."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    card = README.format(gradio=version("gradio"), python=python, package=__version__)
    stored = {f"{WEIGHTS_FOLDER}/{name}.safetensors": content for name, content in _to_safetensors(weights).items()}
    return {
        **stored,
        # OpenVINO is the quickest on the processors that Spaces have.
        "requirements.txt": f"zero-dce-lightning[app,openvino]=={__version__}\n".encode(),
        "README.md": card.encode(),
        "app.py": Path(__file__).with_name("__main__.py").read_bytes(),
    }


def _to_safetensors(weights: Mapping[str, Path]) -> dict[str, bytes]:
    """Return the content of each file by a name that suits any file system."""
    stored: dict[str, bytes] = {}
    for name, file in weights.items():
        plain = re.sub(r"[^\w.=-]+", "_", name.removesuffix(file.suffix)).strip("_")
        if plain in stored:
            raise ValueError(f"--weights {file} would become {plain}.safetensors, as another one does: rename the file")
        read = read_weights(file)
        stored[plain] = encode_weights(read.state, {"network": read.network, "format_version": FORMAT_VERSION})
    return stored

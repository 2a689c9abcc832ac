"""The files of a Hugging Face Space that shows the page."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from safetensors.numpy import save

from zero_dce import __version__
from zero_dce.app.server import require_gradio
from zero_dce.files import ensure_folder, write_file
from zero_dce.weights import FORMAT_VERSION, read_weights

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
        folder: is made; it must be empty.
        weights: files by name, all of which the Space offers; none are the package's own.

    Raises:
        FileExistsError: if the folder holds something.
        OSError: if weights cannot be read, or nothing can be written.
        ValueError: if weights are wrong, or two have one name.
        ModuleNotFoundError: if Gradio, whose version a Space names, is not installed.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"--write-space {folder} is not empty; expected a new folder")
    require_gradio()
    stored = _to_safetensors(weights)
    ensure_folder(folder / WEIGHTS_FOLDER if stored else folder)
    for name, content in stored.items():
        write_file(folder / WEIGHTS_FOLDER / f"{name}.safetensors", content)
    # OpenVINO is the quickest on the processors that Spaces have.
    write_file(folder / "requirements.txt", f"zero-dce-lightning[app,openvino]=={__version__}\n")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    write_file(folder / "README.md", README.format(gradio=version("gradio"), python=python, package=__version__))
    write_file(folder / "app.py", Path(__file__).with_name("__main__.py").read_text(encoding="utf-8"))
    print(f"{folder}: a Space; hf upload NAME/SPACE {folder} . --repo-type space sends it")


def _to_safetensors(weights: Mapping[str, Path]) -> dict[str, bytes]:
    """Return the content of each file by a name that suits any file system."""
    stored: dict[str, bytes] = {}
    for name, file in weights.items():
        plain = re.sub(r"[^\w.=-]+", "_", name.removesuffix(file.suffix)).strip("_")
        if plain in stored:
            raise ValueError(f"--weights {file} would become {plain}.safetensors, as another one does: rename the file")
        read = read_weights(file)
        stored[plain] = save(read.state, {"network": read.network, "format_version": FORMAT_VERSION})
    return stored

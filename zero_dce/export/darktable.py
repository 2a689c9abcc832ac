"""A package for darktable's AI models, which its module "neural restore" runs on photographs, tile by tile.

Neural restore came with darktable 5.6. What it reads is taken from darktable's source:

- ``src/common/ai_models.c`` (01e3de30) installs a .dtmodel: a zip whose entries lie in one folder, called by the
  model's id; it reads ``ID/config.json``: ``id``, ``name``, ``description``, ``task``, ``version``, and the texts of
  ``model_card``, which it shows;
- ``src/ai/backend_common.c`` (0b9e78fd) takes models whose ``backend`` is ``onnx``, and ``src/ai/backend_onnx.c``
  (1f67e16f) runs ``ID/model.onnx``, which must have as many inputs and outputs as it is run with: one each for the task
  ``denoise``, in float32;
- ``src/common/ai/restore.c`` (a96b7013) sets the dimensions called ``batch``, ``height`` and ``width`` to 1 and the
  side of a tile, of 2,048 to 256 pixels the largest that fits into a quarter of the memory at 1.2 kB a pixel;
- ``src/common/ai/restore_rgb.c`` (2c815582) converts the working profile to sRGB, at most 1, gives that, 1 x 3 x H x W,
  and takes the same. Tiles overlap by 64 pixels on each side; beyond the picture, pixels are mirrored.

darktable-org/darktable-ai makes packages of the same kind (``darktable_ai/convert.py``, ``models/*/model.yaml``), calls
models ``TASK-NAME``, and says which opset darktable can read: 20 or before.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np

from zero_dce import __version__
from zero_dce.enhance.pixels import FloatArray
from zero_dce.export.contents import Contents, ExportedNetwork
from zero_dce.files import write_file
from zero_dce.weights import TITLES

TASK = "denoise"
MODEL_ID = re.compile(rf"{TASK}-[a-z0-9]+(-[a-z0-9]+)*")
# Entries are dated so: the same network makes the same file.
DATE = (1980, 1, 1, 0, 0, 0)


def check_darktable(file: Path, contents: Contents) -> None:
    """Raise ValueError unless a package can be made: of a name that is an id, and of weights with a licence."""
    if not MODEL_ID.fullmatch(file.stem):
        raise ValueError(
            f"--output is {file.name}; darktable's models are called by their task, in small letters, digits and "
            f"hyphens: {TASK}-zero-dce.dtmodel"
        )
    if not contents.provenance.license:
        raise ValueError(
            "--format darktable needs --license, as in --license MIT: what these weights may be used for is shown in "
            "darktable, and nothing in them says it"
        )


def write_darktable(contents: Contents, file: Path) -> None:
    """Write a .dtmodel."""
    import onnx

    from zero_dce.export.graphs import network_model

    model = network_model(contents.weights, contents.finish, maps=False)
    onnx.helper.set_model_props(model, contents.metadata())
    entries = {
        "config.json": json.dumps(_config(contents, file.stem), indent=4, ensure_ascii=False) + "\n",
        "model.onnx": model.SerializeToString(),
    }
    if contents.provenance.card:
        entries["README.md"] = contents.provenance.card
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in entries.items():
            package.writestr(zipfile.ZipInfo(f"{file.stem}/{name}", DATE), content, zipfile.ZIP_DEFLATED)
    write_file(file, stream.getbuffer())


def load_darktable(file: Path) -> ExportedNetwork:
    """Run a package's model as darktable does, without its tiles and its conversion of colours."""
    import onnxruntime

    with zipfile.ZipFile(file) as package:
        content = package.read(f"{file.stem}/model.onnx")
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        (enhanced,) = session.run(None, {session.get_inputs()[0].name: image})
        return enhanced, np.empty((len(image), 0, *image.shape[2:]), np.float32)

    return run


def _config(contents: Contents, name: str) -> dict[str, object]:
    title, finish = TITLES[contents.weights.network], contents.finish
    notes = f"Each pixel is exposed by {finish.stops:+g} stops after the network."
    return {
        "id": name,
        "name": name.removeprefix(f"{TASK}-").replace("-", " "),
        "description": f"{title}: low-light enhancement, {finish.stops:+g} EV",
        "task": TASK,
        "arch": contents.weights.network,
        "backend": "onnx",
        "version": __version__,
        "tiling": True,
        "num_inputs": 1,
        "model_card": contents.provenance.model_card(notes),
    }

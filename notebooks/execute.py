"""Run the notebooks and store them with what they show: ``python notebooks/execute.py`` (``make notebooks``)."""

from __future__ import annotations

import io
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).parent
# In characters of base64. Drawings take less as PNG, and stay sharp; photographs take more, and become JPEG.
LARGEST_PNG = 150_000
QUALITY = 85


def execute(file: Path, folder: Path) -> nbformat.NotebookNode:
    """Return a notebook as it is after all its cells ran in ``folder``, without times and large pictures as JPEG."""
    notebook: nbformat.NotebookNode = nbformat.read(file, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=400, kernel_name="python3", record_timing=False, resources=resources).execute()
    notebook.metadata["language_info"] = {"name": "python"}
    for output in outputs(notebook):
        if len(output.get("data", {}).get("image/png", "")) > LARGEST_PNG:
            output.data["image/jpeg"] = as_jpeg(output.data.pop("image/png"))
    return notebook


def outputs(notebook: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    """Yield what the cells show, in order."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            yield from cell.outputs


def as_jpeg(png: str) -> str:
    """Return a picture in base64 as JPEG."""
    stored = io.BytesIO()
    Image.open(io.BytesIO(b64decode(png))).convert("RGB").save(stored, "JPEG", quality=QUALITY, optimize=True)
    return b64encode(stored.getvalue()).decode("ascii")


def main() -> None:
    """Store each notebook anew."""
    for file in sorted(FOLDER.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder:
            notebook = execute(file, Path(folder))
        nbformat.write(notebook, file)
        print(f"{file.name}: {file.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()

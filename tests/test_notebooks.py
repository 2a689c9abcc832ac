"""The notebooks run from top to bottom, define no logic of their own, and are stored without outputs."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.helpers.paths import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
by_name = pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)


def test_there_are_notebooks() -> None:
    assert "01_curves_and_losses" in [file.stem for file in NOTEBOOKS]


@by_name
def test_stored_without_outputs(file: Path) -> None:
    for cell in nbformat.read(file, as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@by_name
def test_defines_no_classes(file: Path) -> None:
    code = "\n".join(cell.source for cell in nbformat.read(file, as_version=4).cells if cell.cell_type == "code")
    assert not [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ClassDef)]


# The Jupyter client's own sockets are closed late; that is not the notebook's concern.
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@by_name
def test_runs(file: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(file, as_version=4)
    NotebookClient(
        notebook, timeout=400, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in shown) >= 3
    assert not [output for output in shown if output.output_type == "error" or output.get("name") == "stderr"]
    nbformat.write(notebook, tmp_path / file.name)

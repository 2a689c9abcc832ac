"""The notebooks run from top to bottom, define no logic of their own, and are stored with what they show."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from notebooks.badge import add_badge
from notebooks.execute import execute, outputs
from tests.helpers.paths import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 600_000
by_name = pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)


def kinds(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """What each cell shows: texts, with their numbers left out, as these differ by processor; and the word picture."""
    return [[shown(output) for output in cell.get("outputs", [])] for cell in notebook.cells]


def shown(output: nbformat.NotebookNode) -> str:
    if any(name.startswith("image/") for name in output.get("data", {})):
        return "picture"
    return re.sub(r"\s+", " ", re.sub(r"[\d.]+(e[-+]\d+)?", "0", output.get("text", "")))


def test_there_are_notebooks() -> None:
    assert "01_curves_and_losses" in [file.stem for file in NOTEBOOKS]


@by_name
def test_stored_with_small_outputs_of_one_run(file: Path) -> None:
    notebook = nbformat.read(file, as_version=4)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "run python notebooks/execute.py"
    assert file.stat().st_size < LARGEST
    assert "/tmp/" not in file.read_text(encoding="utf-8"), "a path of the machine"
    assert str(Path.home()) + "/" not in file.read_text(encoding="utf-8")


@by_name
def test_defines_no_classes(file: Path) -> None:
    code = "\n".join(cell.source for cell in nbformat.read(file, as_version=4).cells if cell.cell_type == "code")
    assert not [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ClassDef)]


# The Jupyter client's own sockets are closed late; that is not the notebook's concern.
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@by_name
def test_runs_and_shows_what_is_stored(file: Path, tmp_path: Path) -> None:
    notebook = execute(file, tmp_path)
    assert sum(output == "picture" for cell in kinds(notebook) for output in cell) >= 4
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert not [output for output in outputs(notebook) if output.get("name") == "stderr"]
    assert kinds(notebook) == kinds(nbformat.read(file, as_version=4)), "run python notebooks/execute.py"


def test_a_badge_is_added_once(tmp_path: Path) -> None:
    file = tmp_path / NOTEBOOKS[0].name
    shutil.copy(NOTEBOOKS[0], file)
    before = nbformat.read(file, as_version=4)
    for tag in ("v1.2.3", "v1.3.0"):
        add_badge(file, "someone/zero_dce", tag)
    badge, *rest = nbformat.read(file, as_version=4).cells
    link = f"(https://colab.research.google.com/github/someone/zero_dce/blob/v1.3.0/notebooks/{file.name})"
    assert link in badge.source
    assert rest == before.cells


@pytest.mark.parametrize(("repository", "tag"), [("zero_dce", "v1.0.0"), ("a/b", "1.0"), ("https://x/a/b", "v1.0.0")])
def test_a_badge_leads_to_a_tag_of_a_repository(repository: str, tag: str, tmp_path: Path) -> None:
    file = tmp_path / "x.ipynb"
    shutil.copy(NOTEBOOKS[0], file)
    with pytest.raises(ValueError, match="expected"):
        add_badge(file, repository, tag)
    assert file.read_bytes() == NOTEBOOKS[0].read_bytes()

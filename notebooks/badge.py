"""Give the notebooks of a release a badge that opens them in Colab: ``python notebooks/badge.py OWNER/NAME vX.Y.Z``.

Colab opens what a public repository on GitHub holds at a tag, and the first cell installs the package from the
registry, so both have to be there when a reader follows the badge: docs/development.md has the order.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_markdown_cell

FOLDER = Path(__file__).parent
CELL = "colab"
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"


def add_badge(file: Path, repository: str, tag: str) -> None:
    """Write the badge's cell before a notebook's first one, in place of an earlier badge."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ValueError(f"the repository is {repository!r}; expected OWNER/NAME, as on GitHub")
    if not re.fullmatch(r"v\d+\.\d+\.\d+", tag):
        raise ValueError(f"the tag is {tag!r}; expected vX.Y.Z")
    notebook = nbformat.read(file, as_version=4)
    address = f"https://colab.research.google.com/github/{repository}/blob/{tag}/notebooks/{file.name}"
    badge = new_markdown_cell(f"[![Open in Colab]({BADGE})]({address})", id=CELL)
    notebook.cells = [badge, *(cell for cell in notebook.cells if cell.id != CELL)]
    nbformat.write(notebook, file)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        for name in sorted(FOLDER.glob("*.ipynb")):
            add_badge(name, *sys.argv[1:])
    except ValueError as error:
        sys.exit(str(error))

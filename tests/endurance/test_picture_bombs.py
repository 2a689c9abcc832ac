from __future__ import annotations

import subprocess
import sys

import pytest

from tests.endurance.picture_bombs import BOMBS
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str, str], str]:
    """What reading each file came to, by its name and the side that reads it."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.endurance.picture_bombs"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    print(done.stdout, done.stderr)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {(row[0], row[1]): row[-1] for row in rows}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("side", ["enhancing", "training"])
def test_small_files_take_little(name: str, side: str, outcomes: dict[tuple[str, str], str]) -> None:
    """Ten seconds of processor time and 500 MB at most, whatever the file says; an error names the file."""
    assert outcomes[name, side] == "passed"

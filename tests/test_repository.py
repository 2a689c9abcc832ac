"""What may be committed: no build products and no data, which every clone would carry for ever."""

from __future__ import annotations

import subprocess

import pytest

from tests.helpers.paths import ROOT

LARGEST = 1_000_000
# Files that may be larger, each with the reason. There is none so far.
LARGER: dict[str, str] = {}


def test_committed_files_are_small() -> None:
    # The checkout may belong to another user than the one who tests it.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout, or git is not installed")
    files = [ROOT / name for name in listed.stdout.split("\0") if name and name not in LARGER]
    assert files
    sizes = {file.relative_to(ROOT).as_posix(): file.stat().st_size for file in files if file.is_file()}
    assert {name: size for name, size in sizes.items() if size > LARGEST} == {}

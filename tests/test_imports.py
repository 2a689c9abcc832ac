"""What a command loads before it does anything: a person waits for it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from tests.helpers.paths import ROOT
from zero_dce.review.__main__ import COMMANDS

pytestmark = pytest.mark.slow

SLOW = ("torch", "lightning", "wandb")
# Runs a module as the command line does, then prints which of the slow packages are there.
LOADED = f"""
import runpy, sys
package, sys.argv[1:] = sys.argv[1], sys.argv[2:]
try:
    runpy.run_module(package, run_name="__main__", alter_sys=True)
except SystemExit as stop:
    if stop.code:
        raise
print("loaded:", *(name for name in {SLOW} if name in sys.modules))
"""


def loaded(*command: str) -> list[str]:
    root = ROOT
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *command], cwd=root, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        (["zero_dce.review"], []),
        (["zero_dce.review", "--help"], []),
        (["zero_dce.review", "rank", "--help"], []),
        (["zero_dce.review", "report", "--help"], ["torch"]),
        (["zero_dce.review", "pick", "--help"], ["torch"]),
        (["zero_dce.review", "dashboard", "--help"], ["wandb"]),
        (["zero_dce.evaluate", "--help"], []),
    ],
)
def test_only_what_is_needed_is_loaded(command: list[str], needed: list[str]) -> None:
    assert loaded(*command) == needed


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_says_what_the_modules_say(name: str) -> None:
    assert (import_module(f"zero_dce.review.{name}").__doc__ or "").partition("\n")[0] == COMMANDS[name]

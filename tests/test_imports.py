"""What a command loads before it does anything: a person waits for it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT
from tests.helpers.runs import tiny
from zero_dce.review.__main__ import SUBCOMMANDS

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
        (["zero_dce.review", "serve", "--help"], []),
        (["zero_dce.review", "pick", "--help"], []),
        (["zero_dce.review", "dashboard", "--help"], ["wandb"]),
        (["zero_dce.evaluate", "--help"], []),
    ],
)
def test_only_what_is_needed_is_loaded(command: list[str], needed: list[str]) -> None:
    assert loaded(*command) == needed


def test_a_run_loads_its_own_rooms_only(sice: Path, tmp_path: Path) -> None:
    code = (
        "import runpy, sys\n"
        "def own():\n"
        "    return sorted(name for name in sys.modules if name.partition('.')[0] == 'zero_dce')\n"
        "for arguments in (['--help'], sys.argv[1:]):\n"
        "    sys.argv[1:] = arguments\n"
        "    try:\n"
        "        runpy.run_module('zero_dce.train', run_name='__main__', alter_sys=True)\n"
        "    except SystemExit as stop:\n"
        "        if stop.code: raise\n"
        "    print('loaded:', *own())\n"
    )
    command = [sys.executable, "-c", code, *tiny(sice, "logger=csv", f"hydra.run.dir={tmp_path / 'run'}")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        if line.startswith("loaded:"):
            modules = line.split()[1:]
            assert len(modules) <= 72, modules
            rooms = {name.split(".")[1] for name in modules if "." in name}
            assert not rooms & {"sweep", "review", "evaluate", "export", "enhance"}
    assert done.stdout.count("loaded:") == 2


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_the_help_says_what_the_modules_say(name: str) -> None:
    assert (import_module(f"zero_dce.review.{name}").__doc__ or "").partition("\n")[0] == SUBCOMMANDS[name]

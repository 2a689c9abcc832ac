"""Commands on a machine where nobody has run anything yet: what libraries say of building caches is kept away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT
from tests.helpers.pictures import make_picture
from tests.helpers.runs import tiny

pytestmark = pytest.mark.slow
WEIGHTS = str(ROOT / "zero_dce" / "enhance" / "trained.safetensors")
SWEEP = str(ROOT / "tests" / "fixtures" / "version_before" / "sweep")
# Matplotlib says that it builds its font cache when that takes more than five seconds; here it says so at once.
IMPATIENT = """
import sys, threading

timer = threading.Timer

def at_once(interval, function, *others):
    if sys._getframe(1).f_globals["__name__"] == "matplotlib.font_manager":
        function()
    return timer(interval, function, *others)

threading.Timer = at_once
"""


def run_on_a_clean_machine(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a fresh interpreter, in a home with nothing in it."""
    (folder / "home").mkdir()
    (folder / "early").mkdir()
    (folder / "early" / "sitecustomize.py").write_text(IMPATIENT)
    environment = {**os.environ, "HOME": str(folder / "home"), "PYTHONPATH": f"{folder / 'early'}:{ROOT}"}
    for name in ("MPLCONFIGDIR", "ZERO_DCE_CACHE"):
        del environment[name]
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_matplotlib_alone_says_that_it_builds_its_cache(tmp_path: Path) -> None:
    done = run_on_a_clean_machine(tmp_path, "-c", "import matplotlib.font_manager")
    assert "building the font cache" in done.stderr, "the other tests of this file need the message to prove anything"


def test_training_prints_nothing_but_its_own(sice: Path, tmp_path: Path) -> None:
    done = run_on_a_clean_machine(tmp_path, "-m", "zero_dce.train", *tiny(sice))
    assert done.returncode == 0, done.stderr
    lines = done.stderr.split("\n")
    assert [line for line in lines if line and not line.startswith(("training:", "GPU available:"))] == []
    for name in ("spa=", "exp=", "col=", "tv=", "4/4"):
        assert name in done.stderr, "the progress bar"
    (run,) = (tmp_path / "runs" / "train").glob("*/0")
    assert done.stdout.splitlines()[-1].startswith(f"Next, train on: python -m zero_dce.train resume={run}")
    assert f"Results: {run}" in done.stdout
    for word in ("Warning", "WARN", "wandb:", "Traceback", "val_check_interval", "many workers", "font cache"):
        assert word not in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["review", "report", SWEEP, "--output", "report.html"],
        ["enhance", "in", "--output", "out"],
        ["evaluate", "--weights", WEIGHTS, "--images", "in"],
        ["export", "--weights", WEIGHTS, "--format", "openvino", "--output", "network.xml"],
    ],
    ids=lambda command: command[0],
)
def test_other_commands_print_nothing_but_their_own(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    make_picture(1, 0.2).save(tmp_path / "in" / "a.png")
    done = run_on_a_clean_machine(tmp_path, "-m", f"zero_dce.{command[0]}", *command[1:])
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if not line.startswith("enhancing:")] == []
    assert "font cache" not in done.stdout

"""What Hydra imports at each start: it imports every module of the plugins."""

from __future__ import annotations

import subprocess
import sys

from tests.helpers.paths import ROOT

LOADED = """
import sys
from hydra_plugins.zero_dce import grid_sweeper, local_launcher, optuna_sweeper, slurm_launcher, sweep_overview
print(*(name for name in sys.modules if name in ("optuna", "torch", "submitit") or name.startswith("zero_dce")))
"""


def test_plugins_import_nothing_heavy() -> None:
    """A run that is no sweep imports nothing of sweeps, and works where Optuna and submitit are not installed."""
    command = [sys.executable, "-c", LOADED]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip() == ""

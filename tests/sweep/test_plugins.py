"""What Hydra imports at each start: it imports every module of the plugins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


MADE = """
from hydra.core.plugins import Plugins
from zero_dce.train.configuration import register_plugins
register_plugins()
plugins = Plugins.instance().class_name_to_class
for name in ("grid_sweeper.GridSweeper", "local_launcher.LocalLauncher", "slurm_launcher.SlurmLauncher"):
    print(plugins["hydra_plugins.zero_dce." + name]())
"""


def test_plugins_can_be_made_in_any_working_folder(tmp_path: Path) -> None:
    """Elsewhere than in a checkout, Hydra does not find them by itself, and imports them only once."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", MADE], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("hydra_plugins.zero_dce") == 3

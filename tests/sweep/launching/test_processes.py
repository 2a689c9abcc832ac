"""Fresh processes: what they return, and their end with the launcher."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.helpers.launching import TROUBLE, TWO, start, states, three_runs
from tests.helpers.paths import ROOT
from tests.helpers.processes import is_running, start_function, wait_for
from zero_dce.sweep.launching.processes import run_in_subprocess

pytestmark = pytest.mark.slow


def test_runs_end_with_a_launcher_that_is_killed(sice: Path, tmp_path: Path) -> None:
    endless = ("trainer.max_steps=1000000", "every_n_steps=1000000", "hydra.sweep.dir=sweep")
    process = start(tmp_path, *three_runs(sice, *TWO, f"{TROUBLE}Wait,folder:{tmp_path},step:3}}", *endless))
    wait_for(lambda: len(list(tmp_path.glob("waits-*"))) == 2, [process])
    process.kill()
    (tmp_path / "go").touch()
    waiting = [int(file.name.partition("-")[2]) for file in tmp_path.glob("waits-*")]
    wait_for(lambda: not any(map(is_running, waiting)), [])
    assert states(tmp_path / "sweep") == ["interrupted", "not started", "not started"]


def describe(name: str) -> tuple[str | None, str | None, int]:
    """What a fresh process has of its environment."""
    if name == "raise":
        raise ValueError("no")
    return os.environ.get(name), os.environ.get("LEFT_OUT"), torch.get_num_threads()


def test_a_function_in_a_fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEFT_OUT", "1")
    environment = {name: value for name, value in os.environ.items() if name not in ("LEFT_OUT", "OMP_NUM_THREADS")}
    environment["GIVEN"] = "2"
    assert run_in_subprocess(describe, "GIVEN", environment=environment, threads=1) == ("2", None, 1)
    with pytest.raises(RuntimeError, match=r"^ValueError: no$"):
        run_in_subprocess(describe, "raise", environment=environment, threads=1)


# In a process of its own: the fork server keeps the standard error of the test that it was started in.
START = """
if __name__ == "__main__":
    import os, sys
    from pathlib import Path
    from zero_dce.sweep.launching.processes import start_rank
    process = start_rank([], dict(os.environ), 1, Path(sys.argv[1]))
    process.join()
    sys.exit(process.exitcode)
"""


def test_an_output_that_cannot_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "start.py").write_text(START)
    command = [sys.executable, str(tmp_path / "start.py"), str(tmp_path / "nothing" / "output.log")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=100)
    assert done.returncode == 1
    assert done.stderr.strip() == f"{tmp_path}/nothing/output.log: No such file or directory"


def stay(folder: Path) -> None:
    (folder / f"stays-{os.getpid()}").touch()
    time.sleep(3600)


def measure(folder: Path) -> None:
    run_in_subprocess(stay, folder, environment=dict(os.environ), threads=1)


def test_a_function_ends_with_a_launcher_that_is_killed(tmp_path: Path) -> None:
    """As while a sweep measures beforehand how long it takes."""
    launcher = start_function(measure, tmp_path)
    wait_for(lambda: [*tmp_path.glob("stays-*")], [launcher])
    launcher.kill()
    (file,) = tmp_path.glob("stays-*")
    wait_for(lambda: not is_running(int(file.name.partition("-")[2])), [])


POISONED = """
import torch
def poison(name):
    def refuse(*_, **__):
        raise AssertionError(f"torch.cuda.{name} was called")
    assert hasattr(torch.cuda, name), name
    setattr(torch.cuda, name, refuse)
for name in ("_lazy_init", "init", "is_available", "device_count", "current_device", "set_device", "mem_get_info"):
    poison(name)
from zero_dce.sweep.launching.processes import PRELOAD
import importlib, sys
importlib.import_module(PRELOAD)
assert "zero_dce.train.run" in sys.modules
assert "zero_dce.sweep.estimate" in sys.modules
"""


def test_the_fork_server_asks_for_no_gpu() -> None:
    """A CUDA context does not survive a fork: one in the server would fail every run of the sweep."""
    done = subprocess.run([sys.executable, "-c", POISONED], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr

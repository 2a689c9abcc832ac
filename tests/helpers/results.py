"""The results of a small sweep that was never trained, for tests of its table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zero_dce.files import write_json

WEIGHTS = {"spa": 1.0, "exp": 3, "col": 5.0, "tv": 200.0}


def result(state: str = "finished", **measures: float) -> dict[str, Any]:
    named = {f"val/{name}": value for name, value in measures.items()}
    return {"state": state, "last_step": 10, "measures": named, "weights": WEIGHTS, "error": None}


def write_results(folder: Path) -> Path:
    """A sweep of two weights and two seeds: two runs finished, one failed, one was killed; a fifth never began."""
    jobs = [[f"loss.weights.exp={exp}", f"seed={seed}", "+sweep=x"] for exp in (3, 10) for seed in (1, 2)]
    jobs.append(["loss.weights.exp=30", "seed=1", "+sweep=x"])
    write_json(folder / "sweep.json", {"jobs": jobs, "swept": ["loss.weights.exp", "seed"]})
    for number in range(4):
        (folder / str(number)).mkdir()
    write_json(folder / "0" / "result.json", result(psnr_gain=3.0, exp=0.1))
    write_json(folder / "1" / "result.json", result(psnr_gain=5.0, exp=0.3))
    write_json(folder / "2" / "result.json", {**result("failed"), "error": "ValueError: no"})
    return folder

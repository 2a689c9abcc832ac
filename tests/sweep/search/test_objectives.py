"""The objectives that a search can go by."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.runs import read_result, run_here, tiny
from zero_dce.sweep.search.objectives import NAMES, check_objectives


def test_objectives() -> None:
    given = {"val/entropy_out": "maximize", "val/loe": None, "val/noise_out": "minimize"}
    assert check_objectives(given) == {"val/entropy_out": "maximize", "val/noise_out": "minimize"}
    for wrong, expected in (
        ({}, "is empty"),
        (None, "is empty"),
        ({"val/loe": None}, "is empty"),
        ({"val/entropi_out": "maximize"}, r"Did you mean val/entropy_out\?"),
        ({"val/total": "minimize"}, "under other weights cannot be compared"),
        ({"val/loe": "minimise"}, "'minimise'; expected maximize or minimize"),
    ):
        with pytest.raises(ValueError, match=expected):
            check_objectives(wrong)


def test_every_objective_is_a_measure_of_a_real_run(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=csv", "hydra.run.dir=run/0")) == 0
    measured = {name for name in read_result(tmp_path / "run" / "0")["measures"] if name.startswith("val/")}
    left_out = {name for name in measured - {*NAMES} if not name.startswith("val/share/")}
    assert left_out == {"val/total", "val/psnr_input", "val/psnr_gain_se"}
    assert {*NAMES} <= measured

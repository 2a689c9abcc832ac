from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.evaluating import run
from tests.helpers.pictures import make_picture


def test_a_picture_without_a_value_counts_nowhere(
    capsys: pytest.CaptureFixture[str], weights: Path, tmp_path: Path
) -> None:
    """SSIM needs 11 pixels, PIQE 16: a strip of 8 has neither."""
    folder = tmp_path / "images"
    folder.mkdir()
    make_picture(0, 0.2).save(folder / "a.png")
    make_picture(1, 0.2, 30, 8).save(folder / "b.png")
    run(capsys, "--weights", weights, "--images", folder, "--json", tmp_path / "o.json")
    (row, *_) = json.loads((tmp_path / "o.json").read_text())["rows"]
    assert row["values"]["piqe"][1] is None
    assert row["means"]["piqe"]["pictures"] == 1
    assert row["means"]["piqe"]["interval"] is None
    assert row["means"]["brightness"]["pictures"] == 2


@pytest.mark.shared
def test_the_released_checkpoint_on_real_pairs(
    capsys: pytest.CaptureFixture[str], shared: Path, tmp_path: Path
) -> None:
    """Every 40th pair of the subset, small: a network is better than the input, and LOE not nought."""
    root = shared / "data" / "sice_part1_subset"
    lines = (root / "pairs.csv").read_text().splitlines()
    (tmp_path / "some.csv").write_text("\n".join([lines[0], *lines[1::40]]))
    weights: Any = shared / "weights" / "zero_dce_official.pth"
    options = ["--pairs", tmp_path / "some.csv", "--root", root, "--longest", 128, "--json", tmp_path / "o.json"]
    run(capsys, "--weights", weights, *options)
    rows = {row["name"]: row["means"] for row in json.loads((tmp_path / "o.json").read_text())["rows"]}
    network, before = rows[str(weights)], rows["input"]
    assert network["psnr"]["interval"][0] > before["psnr"]["interval"][1]
    assert network["ssim"]["mean"] > before["ssim"]["mean"]
    assert network["delta_e"]["mean"] < before["delta_e"]["mean"]
    assert network["loe"]["mean"] > 10 > before["loe"]["mean"] == 0
    assert rows["gamma best"]["psnr"]["mean"] >= rows["gamma 0.4"]["psnr"]["mean"]

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.evaluating import refused, run
from tests.helpers.pictures import make_picture
from zero_dce.evaluate.__main__ import main as run_main
from zero_dce.evaluate.measure import LEAST_MEASURED_SIDE, OF_COMPARISON, OF_OUTPUT
from zero_dce.metrics.piqe import piqe
from zero_dce.networks import DCENet


def test_a_picture_without_a_value_counts_nowhere(
    capsys: pytest.CaptureFixture[str], weights: Path, tmp_path: Path
) -> None:
    """A grey picture has no colours that could fade."""
    folder = tmp_path / "images"
    folder.mkdir()
    make_picture(0, 0.2).save(folder / "a.png")
    make_picture(1, 0.2).convert("L").save(folder / "b.png")
    run(capsys, "--weights", weights, "--images", folder, "--json", tmp_path / "o.json")
    (row, *_) = json.loads((tmp_path / "o.json").read_text())["rows"]
    assert row["values"]["saturation_ratio"] == [1, None]
    assert row["means"]["saturation_ratio"]["pictures"] == 1
    assert row["means"]["saturation_ratio"]["interval"] is None
    assert row["means"]["brightness"]["pictures"] == 2


def test_the_smallest_pictures_that_are_measured_have_all_values() -> None:
    image = torch.rand(1, 3, LEAST_MEASURED_SIDE, LEAST_MEASURED_SIDE, generator=torch.Generator().manual_seed(0))
    smaller = image[..., 1:]
    for name, measure in {**OF_OUTPUT, **OF_COMPARISON}.items():
        arguments = (image,) if measure in OF_OUTPUT.values() else (image, image)
        assert measure(*arguments).isfinite().all() == (name != "niqe"), "NIQE alone needs more"
    assert piqe(smaller).isnan().all()


def test_out_of_memory_says_how_to_go_on(
    weights: Path, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the first picture that does not fit, of 60 x 48 pixels; any other error stays what it is."""

    def fail(*_: object) -> None:
        raise RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")

    monkeypatch.setattr(DCENet, "estimate_curves", fail)
    message = refused("--weights", weights, "--images", folders[0])
    assert message.startswith(f"{folders[0] / '0.png'}, 60 pixels long, does not fit in the memory of")
    assert "--longest 30" in message
    assert message.endswith("PyTorch says: cuDNN error: CUDNN_STATUS_ALLOC_FAILED")
    monkeypatch.setattr(DCENet, "estimate_curves", lambda *_: torch.zeros(2) + torch.zeros(3))
    with pytest.raises(RuntimeError, match="must match the size"):
        run_main(["--weights", str(weights), "--images", str(folders[0])])


def test_float32_is_float32(weights: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    """On a GPU, cuDNN would round it to TF32; the record says that it does not."""
    torch.backends.cudnn.allow_tf32 = True
    run_main(["--weights", str(weights), "--images", str(folders[0]), "--json", str(tmp_path / "o.json")])
    record = json.loads((tmp_path / "o.json").read_text())
    assert record["precision"] == "float32"
    assert record["hardware"]["float32"] == {"tf32_in_convolutions": False, "matrix_products": "highest"}


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

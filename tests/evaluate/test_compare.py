from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.helpers.evaluating import refused, run
from zero_dce.networks import DCENet, load_weights


def test_a_runs_folder_means_its_last_checkpoint(
    capsys: pytest.CaptureFixture[str], weights: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    state = {f"network.{name}": value for name, value in torch.load(weights, weights_only=True).items()}
    torch.save({"state_dict": state, "global_step": 3}, tmp_path / "run" / "checkpoints" / "last.ckpt")
    run(capsys, "--weights", tmp_path / "run", weights, "--images", folders[0], "--json", tmp_path / "o.json")
    first, second = json.loads((tmp_path / "o.json").read_text())["rows"][-2:]
    assert first["weights_sha256"] == second["weights_sha256"]
    assert first["values"] == second["values"]


def test_wrong_options_and_weights(weights: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    low, _ = folders
    (tmp_path / "b.pth").write_bytes(weights.read_bytes()[:3000])
    assert "b.pth" in refused("--weights", weights, tmp_path / "b.pth", "--images", low)
    torch.save({"e_conv1.weight": torch.zeros(2)}, tmp_path / "c.pth")
    assert "does not fit DCE-Net" in refused("--weights", tmp_path / "c.pth", "--images", low)
    assert "nowhere.pth" in refused("--weights", tmp_path / "nowhere.pth", "--images", low)
    assert "twice" in refused("--weights", weights, weights, "--images", low)
    assert "does not exist" in refused("--weights", weights, "--images", tmp_path / "nowhere")
    assert "--longest is 0" in refused("--weights", weights, "--images", low, "--longest", 0)
    message = refused("--weights", weights, "--images", low, "--json", tmp_path / "none" / "o.json")
    assert "of --json does not exist" in message


def test_denormal_weights_are_dropped_and_change_nothing(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, image = DCENet(), torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        network.e_conv2.weight[:8] = 1e-40
        torch.save(network.state_dict(), tmp_path / "a.pth")
        loaded = load_weights(tmp_path / "a.pth")
        torch.testing.assert_close(loaded(image)[0], network(image)[0], rtol=0, atol=0)
    assert loaded.e_conv2.weight[:8].count_nonzero() == 0
    assert loaded.e_conv2.weight[8:].count_nonzero() > 0

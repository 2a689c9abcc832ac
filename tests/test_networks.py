from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from zero_dce.module import ZeroDCE
from zero_dce.networks import DCENet, load_weights, save_weights


def test_size_of_the_network() -> None:
    assert sum(parameter.numel() for parameter in DCENet().parameters()) == 79_416


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (2, 3), (17, 5), (64, 96)])
def test_any_picture_size(height: int, width: int) -> None:
    image = torch.rand(2, 3, height, width)
    enhanced, maps = DCENet()(image)
    assert enhanced.shape == image.shape
    assert maps.shape == (2, 24, height, width)
    assert maps.abs().max() <= 1


def test_initialisation_is_the_released_codes() -> None:
    torch.manual_seed(0)
    network = DCENet()
    weights = torch.cat([p.detach().flatten() for name, p in network.named_parameters() if name.endswith("weight")])
    assert weights.mean().abs() < 5e-4
    assert weights.std() == pytest.approx(0.02, rel=0.02)
    # PyTorch's default for biases: uniform within 1 / sqrt(fan in), not a constant.
    bound = 1 / (32 * 9) ** 0.5
    assert 0.5 * bound < network.e_conv2.bias.abs().max() <= bound


def test_receptive_field_has_radius_7() -> None:
    torch.manual_seed(0)
    network = DCENet().double()
    image = torch.rand(1, 3, 31, 31, dtype=torch.double, requires_grad=True)
    network.estimate_curves(image)[0, :, 15, 15].sum().backward()
    assert image.grad is not None
    touched = image.grad[0].abs().sum(0).nonzero()
    assert touched.min(0).values.tolist() == [8, 8]
    assert touched.max(0).values.tolist() == [22, 22]


def test_maps_stay_float32_under_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        enhanced, maps = DCENet()(torch.rand(1, 3, 8, 8))
    assert maps.dtype == enhanced.dtype == torch.float32


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "prefix"), [("zero_dce_official.pth", "official"), ("zero_dce_report_v10.pth", "seed")]
)
def test_published_checkpoints(file: str, prefix: str, vectors: dict[str, np.ndarray], shared: Path) -> None:
    network = load_weights(shared / "weights" / file)
    with torch.no_grad():
        enhanced, maps = network(torch.from_numpy(vectors["x"]))
    assert (maps - torch.from_numpy(vectors[f"{prefix}_curve_maps"])).abs().max() <= 1e-5
    assert (enhanced - torch.from_numpy(vectors[f"{prefix}_enhanced"])).abs().max() <= 1e-5


@pytest.mark.shared
def test_zero_dce_pp_checkpoint_is_refused_by_name(shared: Path) -> None:
    with pytest.raises(ValueError, match=r"Zero-DCE\+\+ checkpoint"):
        load_weights(shared / "weights" / "zero_dce_pp_official.pth")


def test_report_layout_concatenates_the_other_way_round(tmp_path: Path) -> None:
    """An independent forward pass of the report's network, on random weights in its layout."""
    torch.manual_seed(0)
    state = {name.removeprefix("e_"): value for name, value in DCENet().state_dict().items()}
    state = {name: value * 3 for name, value in state.items()}
    torch.save(state, tmp_path / "report.pth")
    image = torch.rand(1, 3, 12, 12)

    def conv(number: int, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, state[f"conv{number}.weight"], state[f"conv{number}.bias"], padding=1)

    x1 = conv(1, image).relu()
    x2 = conv(2, x1).relu()
    x3 = conv(3, x2).relu()
    x4 = conv(4, x3).relu()
    x5 = conv(5, torch.cat((x4, x3), 1)).relu()
    x6 = conv(6, torch.cat((x5, x2), 1)).relu()
    expected = conv(7, torch.cat((x6, x1), 1)).tanh()
    torch.testing.assert_close(load_weights(tmp_path / "report.pth").estimate_curves(image), expected)


def test_own_checkpoint_loads(tmp_path: Path) -> None:
    module = ZeroDCE()
    torch.save({"state_dict": module.state_dict(), "global_step": 3}, tmp_path / "own.ckpt")
    loaded = load_weights(tmp_path / "own.ckpt")
    for name, value in module.network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("e_conv3.bias"), r"Missing keys: \['e_conv3.bias'\]"),
        (lambda state: state.update(extra=torch.zeros(1)), r"unknown keys: \['extra'\]"),
        (lambda state: state.update({"e_conv1.bias": torch.zeros(5)}), r"e_conv1.bias \(5,\) instead of \(32,\)"),
    ],
)
def test_what_does_not_fit_is_named(change: object, message: str, tmp_path: Path) -> None:
    state = DCENet().state_dict()
    change(state)  # type: ignore[operator]
    torch.save(state, tmp_path / "bad.pth")
    with pytest.raises(ValueError, match=message):
        load_weights(tmp_path / "bad.pth")


def test_code_in_a_checkpoint_never_runs(tmp_path: Path) -> None:
    torch.save({"e_conv1.weight": Path("x")}, tmp_path / "code.pth")
    with pytest.raises(ValueError, match="weights_only=True"):
        load_weights(tmp_path / "code.pth")


def test_a_text_file_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(ValueError, match=r"text\.pth is not a PyTorch checkpoint"):
        load_weights(tmp_path / "text.pth")
    with pytest.raises(FileNotFoundError):
        load_weights(tmp_path / "missing.pth")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"network": "zero_dce_pp"}, r"holds \{'network': 'zero_dce_pp'\}, expected \{'network': 'zero_dce'"),
        ({"network": "zero_dce", "format_version": "2"}, "another version of this package"),
    ],
)
def test_safetensors_of_another_kind(metadata: dict[str, str], message: str, tmp_path: Path) -> None:
    save_file(DCENet().state_dict(), tmp_path / "other.safetensors", metadata)
    with pytest.raises(ValueError, match=message):
        load_weights(tmp_path / "other.safetensors")


def test_safetensors_from_elsewhere(tmp_path: Path) -> None:
    """Without metadata its keys decide, as with a checkpoint."""
    state = DCENet().state_dict()
    save_file(state, tmp_path / "plain.safetensors")
    assert torch.equal(load_weights(tmp_path / "plain.safetensors").e_conv7.weight, state["e_conv7.weight"])
    del state["e_conv3.bias"]
    save_file(state, tmp_path / "less.safetensors")
    with pytest.raises(ValueError, match=r"Missing keys: \['e_conv3.bias'\]"):
        load_weights(tmp_path / "less.safetensors")


@pytest.mark.parametrize("length", [0, 5, 1000, -1])
def test_safetensors_cut_short(length: int, tmp_path: Path) -> None:
    file = tmp_path / "cut.safetensors"
    save_weights(DCENet(), file, 3)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"cut\.safetensors is not a safetensors file that can be read"):
        load_weights(file)


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds neither weights\.safetensors nor checkpoints/last\.ckpt"):
        load_weights(tmp_path)

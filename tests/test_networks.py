from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from zero_dce.curves import apply_curves
from zero_dce.module import ZeroDCE
from zero_dce.networks import CurveNet, DCENet, DCENetPP, load_weights, save_weights, start_from_identity
from zero_dce.weights import read_weights

BOTH = pytest.mark.parametrize("network", [DCENet, DCENetPP])


@pytest.mark.parametrize(("network", "parameters"), [(DCENet, 79_416), (DCENetPP, 10_561)])
def test_size_of_the_networks(network: type[CurveNet], parameters: int) -> None:
    assert sum(parameter.numel() for parameter in network().parameters()) == parameters


@BOTH
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (2, 3), (17, 5), (64, 96)])
def test_any_picture_size(height: int, width: int, network: type[CurveNet]) -> None:
    image = torch.rand(2, 3, height, width)
    enhanced, maps = network()(image)
    assert enhanced.shape == image.shape
    assert maps.shape == (2, 24 if network is DCENet else 3, height, width)
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


def test_initialisation_of_zero_dce_pp_is_pytorchs() -> None:
    torch.manual_seed(0)
    network = DCENetPP()
    for layer, fan_in in ((network.e_conv5.depth_conv, 9), (network.e_conv5.point_conv, 64)):
        bound = 1 / fan_in**0.5
        for values in (layer.weight.detach(), layer.bias.detach()):
            assert 0.8 * bound < values.abs().max() <= bound
        assert layer.weight.detach().std() == pytest.approx(bound / 3**0.5, rel=0.1), "uniform"


@BOTH
def test_receptive_field_has_radius_7(network: type[CurveNet]) -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 31, 31, dtype=torch.double, requires_grad=True)
    network().double().estimate_curves(image)[0, :, 15, 15].sum().backward()
    assert image.grad is not None
    touched = image.grad[0].abs().sum(0).nonzero()
    assert touched.min(0).values.tolist() == [8, 8]
    assert touched.max(0).values.tolist() == [22, 22]


@pytest.mark.parametrize("network", [DCENet(), DCENetPP(), DCENetPP(3)])
def test_maps_stay_float32_under_autocast(network: CurveNet) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        enhanced, maps = network(torch.rand(1, 3, 8, 8))
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
@pytest.mark.parametrize("factor", [1, 12])
def test_published_zero_dce_pp(factor: int, vectors: dict[str, np.ndarray], shared: Path) -> None:
    network = load_weights(shared / "weights" / "zero_dce_pp_official.pth", factor)
    with torch.no_grad():
        enhanced, maps = network(torch.from_numpy(vectors["x"])[:, :, :60, :96])
    assert (maps - torch.from_numpy(vectors[f"plusplus_s{factor}_curve_maps"])).abs().max() <= 1e-5
    assert (enhanced - torch.from_numpy(vectors[f"plusplus_s{factor}_enhanced"])).abs().max() <= 1e-5


def test_report_layout_concatenates_the_other_way_round(tmp_path: Path) -> None:
    """An independent forward pass of the report's network, on random weights in its layout."""
    torch.manual_seed(0)
    state = {name.removeprefix("e_"): value for name, value in DCENet().state_dict().items()}
    state = {name: value * 3 for name, value in state.items()}
    torch.save(state, tmp_path / "report.pth")
    image = torch.rand(1, 3, 12, 12)

    def conv(number: int, x: Tensor) -> Tensor:
        return F.conv2d(x, state[f"conv{number}.weight"], state[f"conv{number}.bias"], padding=1)

    x1 = conv(1, image).relu()
    x2 = conv(2, x1).relu()
    x3 = conv(3, x2).relu()
    x4 = conv(4, x3).relu()
    x5 = conv(5, torch.cat((x4, x3), 1)).relu()
    x6 = conv(6, torch.cat((x5, x2), 1)).relu()
    expected = conv(7, torch.cat((x6, x1), 1)).tanh()
    torch.testing.assert_close(load_weights(tmp_path / "report.pth").estimate_curves(image), expected)


def full_convolution(depth: Tensor, depth_bias: Tensor, point: Tensor, point_bias: Tensor) -> tuple[Tensor, Tensor]:
    """The weight and bias of the one 3x3 convolution that a separable one amounts to inside a picture."""
    weight = torch.einsum("oc,cyx->ocyx", point[:, :, 0, 0], depth[:, 0])
    return weight, point_bias + point[:, :, 0, 0] @ depth_bias


def test_separable_layers_are_what_they_should_be() -> None:
    """An independent forward pass: each layer as one ordinary convolution, the curve iterations written out."""
    torch.manual_seed(0)
    network, image = DCENetPP(), torch.rand(2, 3, 9, 14)
    state = {name: 2 * value for name, value in network.state_dict().items()}
    network.load_state_dict(state)

    def conv(number: int, x: Tensor) -> Tensor:
        parts = [state[f"e_conv{number}.{part}"] for part in ("depth_conv.weight", "depth_conv.bias")]
        parts += [state[f"e_conv{number}.{part}"] for part in ("point_conv.weight", "point_conv.bias")]
        return F.conv2d(x, *full_convolution(*parts), padding=1)

    x1 = conv(1, image).relu()
    x2 = conv(2, x1).relu()
    x3 = conv(3, x2).relu()
    x4 = conv(4, x3).relu()
    x5 = conv(5, torch.cat((x3, x4), 1)).relu()
    x6 = conv(6, torch.cat((x2, x5), 1)).relu()
    maps = conv(7, torch.cat((x1, x6), 1)).tanh()
    expected = image
    for _ in range(8):
        expected = expected + maps * (expected**2 - expected)
    enhanced, found = network(image)
    torch.testing.assert_close(found, maps)
    torch.testing.assert_close(enhanced, expected)


def corner_aligned(values: Tensor, size: int) -> Tensor:
    """Linear interpolation along the last axis: the outermost values stay where they are."""
    at = torch.linspace(0, values.shape[-1] - 1, size, dtype=torch.double) if size > 1 else torch.zeros(1)
    before = at.floor().long()
    after = (before + 1).clamp(max=values.shape[-1] - 1)
    return values[..., before] * (1 - at + before) + values[..., after] * (at - before)


@pytest.mark.parametrize("factor", [2, 12])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (13, 17), (7, 100), (24, 36), (12, 1)])
def test_any_picture_size_at_a_factor(height: int, width: int, factor: int) -> None:
    """The map of the small picture, enlarged by hand, applied to the whole picture."""
    torch.manual_seed(0)
    network, image = DCENetPP(factor).double(), torch.rand(2, 3, height, width, dtype=torch.double)
    enhanced, maps = network(image)
    rows, columns = -(-height // factor), -(-width // factor)
    small = F.interpolate(image, (rows, columns), mode="bilinear")
    network.scale_factor = 1
    expected = corner_aligned(network.estimate_curves(small), width)
    expected = corner_aligned(expected.mT, height).mT
    assert maps.shape == image.shape
    torch.testing.assert_close(maps, expected)
    torch.testing.assert_close(enhanced, apply_curves(image, expected))


@pytest.mark.parametrize("factor", [0, -1, 1.5, True, "12"])
def test_scale_factor_is_a_whole_number(factor: object) -> None:
    with pytest.raises(ValueError, match=rf"scale_factor is {factor!r}; expected a whole number of at least 1"):
        DCENetPP(factor)  # type: ignore[arg-type]


def test_dce_net_has_no_scale_factor(tmp_path: Path) -> None:
    torch.save(DCENet().state_dict(), tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"scale_factor is 12, but .*a\.pth holds a DCE-Net"):
        load_weights(tmp_path / "a.pth", 12)


@BOTH
def test_own_checkpoint_loads(network: type[CurveNet], tmp_path: Path) -> None:
    module = ZeroDCE(network.NAME)
    torch.save({"state_dict": module.state_dict(), "global_step": 3}, tmp_path / "own.ckpt")
    loaded = load_weights(tmp_path / "own.ckpt")
    assert type(loaded) is network
    assert not loaded.training
    for name, value in module.network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


@BOTH
def test_saved_weights_load_again(network: type[CurveNet], tmp_path: Path) -> None:
    before = network().to(memory_format=torch.channels_last)
    save_weights(before, tmp_path / "a.safetensors", 3)
    assert read_weights(tmp_path / "a.safetensors").network == network.NAME
    after = load_weights(tmp_path / "a.safetensors")
    assert type(after) is network
    image = torch.rand(1, 3, 20, 30)
    for one, other in zip(before(image), after(image), strict=True):
        torch.testing.assert_close(one, other)
    for name, value in before.state_dict().items():
        assert torch.equal(after.state_dict()[name], value)


@BOTH
def test_starting_from_the_identity(network: type[CurveNet]) -> None:
    """Nothing changes, and all of the network learns after the first step, where its last layer is no longer 0."""
    started = network()
    start_from_identity(started)
    image = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    assert torch.equal(started(image)[0], image)
    optimizer = torch.optim.SGD(started.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        (started(image)[0] - 0.5).square().mean().backward()
        optimizer.step()
    for name, parameter in started.named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 1e-6, name


def test_layouts_of_features_give_the_same_maps_and_gradients() -> None:
    """Blocked features are not concatenated; what differs is the order of sums."""
    torch.manual_seed(0)
    model, image = ZeroDCE(init="identity"), torch.rand(2, 3, 37, 50)
    torch.nn.init.normal_(model.network.e_conv7.weight, std=0.05)  # type: ignore[arg-type]
    parameters = list(model.network.parameters())
    found = {}
    for layout in ("channels_last", "contiguous", "blocked"):
        model.use_layout(layout)
        maps = model.network.estimate_curves(image)
        assert not maps.is_mkldnn
        found[layout] = (maps.detach(), torch.autograd.grad(maps.square().sum(), parameters))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.allclose(model.network.estimate_curves(image), found["blocked"][0], atol=0.1), "not blocked there"
    for layout in ("contiguous", "blocked"):
        assert torch.allclose(found[layout][0], found["channels_last"][0], atol=1e-5)
        for one, other in zip(found[layout][1], found["channels_last"][1], strict=True):
            assert (one - other).abs().max() <= 1e-3 * other.abs().max()

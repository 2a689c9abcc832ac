from __future__ import annotations

import importlib.machinery
import json
import re
import subprocess
import sys
import types
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from zero_dce.metrics.perceptual import load_perceptual

# Stands in for torchvision: AlexNet's first layer passes the picture's three channels on as its first three features,
# and all other layers of both networks give 0.
MODELS = """
from enum import Enum
from types import SimpleNamespace
import torch
from torch import nn

class AlexNet_Weights(Enum):
    DEFAULT = SimpleNamespace(url="https://example.invalid/models/alex-1.pth")

class VGG16_Weights(Enum):
    DEFAULT = SimpleNamespace(url="https://example.invalid/models/vgg-1.pth")

for kind in (AlexNet_Weights, VGG16_Weights):
    kind.url = property(lambda self: self.value.url)

def layer(inputs, outputs):
    made = nn.Conv2d(inputs, outputs, 1, bias=False)
    nn.init.zeros_(made.weight)
    return made

def alexnet(weights):
    assert weights is AlexNet_Weights.DEFAULT
    first = layer(3, 64)
    with torch.no_grad():
        first.weight[:3, :, 0, 0] = torch.eye(3)
    layers = [first, nn.ReLU(), nn.Identity(), layer(64, 192), nn.ReLU(), nn.Identity(), layer(192, 384), nn.ReLU(),
              layer(384, 256), nn.ReLU(), layer(256, 256), nn.ReLU()]
    return SimpleNamespace(features=nn.Sequential(*layers))

def vgg16(weights):
    assert weights is VGG16_Weights.DEFAULT
    layers = [nn.Identity() for _ in range(31)]
    for place, inputs, outputs in ((0, 3, 64), (5, 64, 128), (10, 128, 256), (17, 256, 512), (24, 512, 512)):
        layers[place] = layer(inputs, outputs)
    return SimpleNamespace(features=nn.Sequential(*layers))

resnet50 = None
"""
MEASURE = """
import json, sys, torch
from zero_dce.metrics.perceptual import load_perceptual
pictures = torch.rand(4, 3, 40, 48, generator=torch.Generator().manual_seed(0))
image, reference = pictures.split(2)
with torch.inference_mode():
    found = {name: load_perceptual(name, torch.device("cpu")) for name in ("lpips", "dists")}
    values = {name: measure(image, reference).tolist() for name, measure in found.items()}
    values |= {"equal " + name: measure(image, image).tolist() for name, measure in found.items()}
    values |= {"small " + name: measure(image[..., :31], image[..., :31]).isnan().tolist()
               for name, measure in found.items()}
print(json.dumps(values))
"""


def expected_lpips(image: torch.Tensor, reference: torch.Tensor) -> float:
    """Zhang et al. (2018), equation 1, of the one layer that is not 0; the input is in [-1, 1], shifted and scaled."""
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    features = []
    for picture in (image, reference):
        channels = (((2 * picture.permute(1, 2, 0) - 1) - shift) / scale).clamp_min(0)
        features.append(channels / channels.norm(dim=2, keepdim=True).clamp_min(1e-12))
    import torchmetrics.functional.image as installed

    file = Path(installed.__file__).parent / "lpips_models" / "alex.pth"
    weights = torch.load(file, "cpu", weights_only=True)["lin0.model.1.weight"].flatten()[:3]
    return ((features[0] - features[1]).square() * weights).sum(dim=2).mean().item()


def expected_dists(image: torch.Tensor, reference: torch.Tensor) -> float:
    """Ding et al. (2022), equations 4 to 6, of the picture itself in [0, 1]; features that are 0 in both are equal."""
    import torchmetrics.functional.image as installed

    weights = torch.load(Path(installed.__file__).parent / "dists_models" / "weights.pt", "cpu", weights_only=True)
    alpha, beta = (weights[name].flatten()[:3] for name in ("alpha", "beta"))
    x, y = (picture.flatten(1).double() for picture in (image, reference))
    means = (2 * x.mean(1) * y.mean(1) + 1e-6) / (x.mean(1) ** 2 + y.mean(1) ** 2 + 1e-6)
    covariance = (x * y).mean(1) - x.mean(1) * y.mean(1)
    structure = (2 * covariance + 1e-6) / (x.var(1, correction=0) + y.var(1, correction=0) + 1e-6)
    lost = (alpha * (1 - means) + beta * (1 - structure)).sum()
    return (lost / (weights["alpha"].sum() + weights["beta"].sum())).item()


@pytest.mark.slow
def test_the_range_and_each_picture_for_itself(tmp_path: Path) -> None:
    """With a stand-in for torchvision, whose networks are so simple that both measures can be computed beside them."""
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text("from torchvision import models, ops\ntransforms = None\n")
    # What torchmetrics imports besides, for other measures.
    (tmp_path / "torchvision" / "ops.py").write_text("def __getattr__(name):\n    return None\n")
    (tmp_path / "torchvision" / "models.py").write_text(MODELS)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    for name in ("alex-1.pth", "vgg-1.pth"):
        (tmp_path / "hub" / "checkpoints" / name).touch()
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import torch; torch.hub.set_dir({str(tmp_path / 'hub')!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{MEASURE}"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    pictures = torch.rand(4, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    pairs = list(zip(pictures[:2], pictures[2:], strict=True))
    assert values["lpips"] == pytest.approx([expected_lpips(*pair) for pair in pairs], rel=1e-4)
    assert values["dists"] == pytest.approx([expected_dists(*pair) for pair in pairs], rel=1e-3)
    for name in ("lpips", "dists"):
        assert values[f"equal {name}"] == pytest.approx([0, 0], abs=1e-6)
        assert values[f"small {name}"] == [True, True]


@pytest.mark.parametrize(("installed", "version"), [("2.13.0+cpu", "0.28"), ("2.9.1", "0.24")])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, "No module named .torchvision.*"),
        (RuntimeError("operator torchvision::nms does not exist\nmore"), "operator torchvision::nms does not exist"),
        (OSError("libtorch.so: no such file"), "libtorch.so: no such file"),
    ],
)
def test_what_to_install_is_said(
    error: Exception | None, reason: str, installed: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of no torchvision, and of one that was built for another PyTorch."""
    monkeypatch.setattr(torch, "__version__", installed)
    if error is None:
        monkeypatch.setitem(sys.modules, "torchvision", None)
    else:
        monkeypatch.setattr("zero_dce.metrics.perceptual.import_module", Mock(side_effect=error))
    message = rf"^--perceptual dists needs torchvision, which cannot be imported \({reason}\): "
    command = rf"pip install 'torchvision=={re.escape(version)}\.\*', which belongs to PyTorch {re.escape(installed)}$"
    with pytest.raises(ModuleNotFoundError, match=message + command):
        load_perceptual("dists", torch.device("cpu"))


def test_which_file_goes_where_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package, models = types.ModuleType("torchvision"), types.ModuleType("torchvision.models")
    package.__spec__ = importlib.machinery.ModuleSpec("torchvision", None)
    address = "https://example.invalid/models/vgg-1.pth"
    weights = types.SimpleNamespace(DEFAULT=types.SimpleNamespace(url=address))
    models.VGG16_Weights = weights  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(FileNotFoundError) as error:
        load_perceptual("dists", torch.device("cpu"))
    file = tmp_path / "checkpoints" / "vgg-1.pth"
    assert str(error.value) == (
        "--perceptual dists needs the weights of torchvision's VGG-16, and downloads nothing: fetch "
        f"{address} and put it there as {file}"
    )

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zero_dce
from tests.helpers.networks import make_weights
from tests.helpers.paths import ROOT
from zero_dce.networks import make_network, save_weights

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def test_kinds_of_pictures_agree(weights: Path) -> None:
    # What is smoothed is rounded twice where the picture has 8 bits, and not where it has floats.
    enhance = partial(zero_dce.enhance, weights=weights, precision="float32", denoise=0)
    expected = enhance(PIXELS)
    assert expected.dtype == np.uint8
    assert np.abs(expected.astype(int) - PIXELS).mean() > 1
    assert np.array_equal(np.asarray(enhance(Image.fromarray(PIXELS))), expected)
    stored = torch.from_numpy(PIXELS).permute(2, 0, 1)
    assert np.array_equal(enhance(stored).permute(1, 2, 0).numpy(), expected)
    batch = torch.stack((stored, stored.flip(2))).float() / 255
    enhanced = enhance(batch)
    assert enhanced.shape == batch.shape
    assert torch.equal((enhanced[0] * 255).round().permute(1, 2, 0).byte(), torch.from_numpy(expected))
    sixteen = enhance(PIXELS.astype(np.uint16) * 257)
    assert np.abs(sixteen / 257 - expected).max() <= 0.51


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_the_modules(dtype: type[np.floating], weights: Path) -> None:
    image = (PIXELS / 255).astype(dtype)
    with torch.no_grad():
        expected, _ = make_network(make_weights())(torch.from_numpy(image).float().permute(2, 0, 1)[None])
    enhanced = zero_dce.enhance(image, weights, exposure="off")
    assert enhanced.dtype == dtype
    assert np.abs(enhanced - expected[0].permute(1, 2, 0).numpy()).max() <= 1e-6


def test_exposure(weights: Path) -> None:
    """By default a dark picture is brought to a mean that suits it, and one that is exposed well keeps its own."""
    dark, well = PIXELS // 12, PIXELS
    assert zero_dce.enhance(dark, weights).mean() / 255 == pytest.approx(0.44, abs=0.01)
    assert zero_dce.enhance(well, weights).mean() == pytest.approx(well.mean(), abs=1)
    assert zero_dce.enhance(dark, weights, exposure=0.3).mean() / 255 == pytest.approx(0.3, abs=0.01)
    with pytest.raises(ValueError, match="--exposure is 'bright'"):
        zero_dce.enhance(dark, weights, exposure="bright")


def test_the_input_stays(weights: Path) -> None:
    image, array, tensor = Image.fromarray(PIXELS), PIXELS.copy(), torch.from_numpy(PIXELS.copy()).permute(2, 0, 1)
    image.info["dpi"] = (300, 300)
    for picture in (array, tensor):
        zero_dce.enhance(picture, weights)
    assert zero_dce.enhance(image, weights).info == {"dpi": (300, 300)}
    assert np.array_equal(np.asarray(image), PIXELS)
    assert np.array_equal(array, PIXELS)
    assert np.array_equal(tensor.permute(1, 2, 0).numpy(), PIXELS)


def test_alpha_and_grey(weights: Path) -> None:
    alpha = PIXELS[..., :1]
    four = zero_dce.enhance(np.concatenate((PIXELS, alpha), axis=2), weights)
    assert np.array_equal(four[..., 3:], alpha)
    assert np.array_equal(four[..., :3], zero_dce.enhance(PIXELS, weights))
    grey = zero_dce.enhance(PIXELS[..., 0], weights)
    assert grey.shape == PIXELS.shape[:2]
    for mode in ("L", "LA", "RGBA"):
        picture = Image.fromarray(PIXELS).convert(mode)
        assert zero_dce.enhance(picture, weights).mode == mode


def test_the_weights_of_the_package_brighten_dark_pictures() -> None:
    dark = (PIXELS // 8).astype(np.uint8)
    assert zero_dce.enhance(dark).mean() > 1.5 * dark.mean()


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        ("picture.jpg", TypeError, "the image is a str; expected a NumPy array, a PIL image or a PyTorch tensor"),
        (Image.new("P", (2, 2)), ValueError, "mode RGB, L, RGBA or LA is needed; this one is of mode P"),
        (PIXELS * 2.0, ValueError, r"values lie between 0 and 510; expected numbers in \[0, 1\]"),
        (np.full((2, 2, 3), np.nan), ValueError, "values lie between nan and nan"),
        (PIXELS.astype(np.int64), ValueError, "these are of shape .* and type int64"),
        (np.zeros((0, 2, 3), np.uint8), ValueError, "these are of shape"),
        (torch.zeros(4, 5), ValueError, r"the tensor is of shape \(4, 5\); expected 3 x H x W or B x 3 x H x W"),
        (
            torch.zeros(3, 5, 5, dtype=torch.int64),
            ValueError,
            "of type torch.int64 .*; expected uint8 or floating-point",
        ),
        (torch.zeros(0, 3, 5, 5), ValueError, "at least one pixel"),
        (torch.zeros(1, 5, 5), ValueError, "expected 3 x H x W"),
    ],
)
def test_what_is_no_picture(image: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        zero_dce.enhance(image)


@pytest.mark.slow
def test_the_name_is_a_module_and_a_function(weights: Path) -> None:
    """Importing the command must not hide the function of its name."""
    code = (
        "import numpy as np, zero_dce, sys; from zero_dce.enhance.__main__ import main; import zero_dce.enhance;"
        f"print(zero_dce.enhance(np.zeros((2, 3, 3), np.uint8), {str(weights)!r}).shape, callable(main));"
        "print([name for name in ('torch', 'lightning', 'hydra', 'omegaconf', 'wandb') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # With OpenVINO nothing of what trains is imported.
    assert done.stdout.splitlines() == ["(2, 3, 3) True", "[]"]


def test_weights_that_change_under_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that trains on writes its last checkpoint anew; a relative path means another file elsewhere."""
    results = []
    for folder, seed in (("one", 1), ("two", 2), ("two", 3)):
        (tmp_path / folder).mkdir(exist_ok=True)
        save_weights(make_network(make_weights(seed=seed)), tmp_path / folder / "w.safetensors", seed)
        monkeypatch.chdir(tmp_path / folder)
        results.append(zero_dce.enhance(PIXELS, "w.safetensors"))
    assert not np.array_equal(results[0], results[1])
    assert not np.array_equal(results[1], results[2])


def test_pictures_do_without_pyav(weights: Path) -> None:
    code = (
        "import sys, zero_dce.enhance as command, numpy\n"
        f"command(numpy.zeros((8, 8, 3), numpy.uint8), {str(weights)!r})\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'av'])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == "[]"

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from tests.metrics.test_piqe import scene
from zero_dce.data.sample import PHOTOGRAPHS
from zero_dce.images.decode import decode_within
from zero_dce.images.sheets import to_image
from zero_dce.metrics.niqe import block_features, niqe


def photograph(name: str) -> Tensor:
    return to_image(decode_within(PHOTOGRAPHS / f"{name}.jpg", 1024))[None]


# By the program of basicsr 1.4.2 (with numpy 2.4.6 and scipy 1.17.1), which its authors checked against the published
# MATLAB code; on the same grey levels.
@pytest.mark.parametrize(
    ("kind", "height", "width", "expected"),
    [("plain", 192, 288, 37.030930), ("noisy", 192, 288, 28.045058), ("noisy", 200, 300, 28.045058)],
)
def test_equals_an_independent_program(kind: str, height: int, width: int, expected: float) -> None:
    """What is left over beside the whole blocks counts nowhere."""
    assert niqe(scene(kind, height, width).double()).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "expected"), [("cat", 2.4061), ("coffee", 3.9328), ("fig", 2.1618), ("rocket", 6.8197), ("stream", 2.0478)]
)
def test_equals_an_independent_program_on_photographs(name: str, expected: float) -> None:
    """Within what the round-off of flat pixels is worth there, and what decoders of JPEG differ by."""
    assert niqe(photograph(name)).item() == pytest.approx(expected, rel=0.005)


def damaged(photo: Image.Image, kind: str, strength: int) -> Image.Image:
    if kind == "blur":
        return photo.filter(ImageFilter.GaussianBlur(strength))
    if kind == "noise":
        noise = np.random.default_rng(0).normal(0, 12 * strength, (photo.height, photo.width, 3))
        return Image.fromarray((np.asarray(photo) + noise).clip(0, 255).round().astype(np.uint8))
    stream = io.BytesIO()
    photo.save(stream, "JPEG", quality={1: 15, 2: 5}[strength])
    return Image.open(stream)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["blur", "noise", "jpeg"])
def test_damage_raises_it(kind: str) -> None:
    """The mean over photographs; none of them is among those that the model was fitted to."""
    means = []
    for strength in (0, 1, 2):
        values = []
        for name in ("cat", "fig", "meadow", "peaks"):
            with Image.open(PHOTOGRAPHS / f"{name}.jpg") as photo:
                shown = damaged(photo, kind, strength) if strength else photo
                values.append(niqe(to_image(np.asarray(shown))[None]).item())
        means.append(np.mean(values))
    assert means[0] < 2.6
    assert means[0] + 0.5 < means[1] < means[2]


def test_a_batch_is_scored_picture_by_picture() -> None:
    batch = torch.cat([scene(kind, 96, 192) for kind in ("plain", "noisy")])
    torch.testing.assert_close(niqe(batch), torch.cat([niqe(picture[None]) for picture in batch]))


def test_too_small_or_without_structure() -> None:
    assert niqe(torch.rand(2, 3, 95, 400)).isnan().tolist() == [True, True]
    assert niqe(torch.rand(1, 3, 191, 191)).isnan().item(), "one block has no covariance"
    assert niqe(torch.full((1, 3, 192, 192), 0.4)).isnan().item()


def test_a_block_without_structure_is_passed_over() -> None:
    picture = scene("noisy", 96, 384).clone().double()
    picture[..., 192:] = 0.5
    features = block_features(picture)
    assert features.isnan().any(dim=1).tolist() == [False, False, False, True]
    assert niqe(picture).isfinite().item()

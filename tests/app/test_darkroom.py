from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.app.conftest import save_photograph_of
from tests.helpers.enhancing import enhance, psnr
from tests.images.test_decode import wide_profile
from zero_dce.app import darkroom
from zero_dce.app.darkroom import Darkroom, Settings

OPTIONS = {
    "mode": ("exact", ("--mode", "exact")),
    "exposure": (0.3, ("--exposure", "0.3")),
    "strength": (0.4, ("--strength", "0.4")),
    "denoise": (3.0, ("--denoise", "3")),
}


@pytest.mark.slow
def test_after_any_moves_a_result_is_the_commands(
    photograph: Path, two_weights: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    room = Darkroom(2)
    room.preview(photograph, Settings(two_weights[0]))
    for name, (value, options) in OPTIONS.items():
        settings = Settings(two_weights[1], **{name: value})
        room.preview(photograph, settings)
        room.write(photograph, settings, tmp_path / name / "night.jpg")
        mode = () if name == "mode" else ("--mode", "fast")
        assert enhance(two_weights[1], str(photograph), *mode, *options, output=f"{name}-command") == 0
        expected = (tmp_path / f"{name}-command" / "night.jpg").read_bytes()
        assert (tmp_path / name / "night.jpg").read_bytes() == expected, name


def test_a_preview_is_the_result_made_smaller(
    two_weights: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(darkroom, "PREVIEW_SIDE", 100)
    file = save_photograph_of(1, tmp_path / "a.jpg", (200, 150))
    room, settings = Darkroom(1), Settings(two_weights[0])
    preview = room.preview(file, settings)
    assert (preview.size, preview.before.size, preview.after.size) == ((150, 200), (75, 100), (75, 100))
    assert preview.how.startswith("exact mode, "), "small pictures are computed exactly"
    room.write(file, settings, tmp_path / "b.jpg")
    with Image.open(tmp_path / "b.jpg") as image:
        upright = np.asarray(image.transpose(Image.Transpose.ROTATE_270), np.float32)
    means = upright.reshape(100, 2, 75, 2, 3).mean((1, 3))
    assert psnr(np.asarray(preview.after), means) > 40


def test_a_wide_gamut_is_shown_in_srgb_and_kept(
    two_weights: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    profile = wide_profile()
    Image.new("RGB", (40, 30), (60, 90, 60)).save("wide.png", icc_profile=profile)
    room, settings = Darkroom(1), Settings(two_weights[0])
    before = np.asarray(room.preview(tmp_path / "wide.png", settings).before)
    # By hand: (60, 90, 60) of Adobe RGB has light of 0.041, 0.101, 0.041; sRGB has less red for it.
    assert np.abs(before.astype(int) - [36, 90, 56]).max() <= 1
    room.write(tmp_path / "wide.png", settings, tmp_path / "mine.png")
    assert enhance(two_weights[0], "wide.png") == 0
    assert (tmp_path / "mine.png").read_bytes() == (tmp_path / "out" / "wide.png").read_bytes()
    with Image.open("mine.png") as image:
        assert image.info["icc_profile"] == profile


def test_a_file_that_was_written_again_is_read_again(two_weights: list[Path], tmp_path: Path) -> None:
    room, settings = Darkroom(1), Settings(two_weights[0])
    shades = []
    for shade in (10, 200):
        Image.new("RGB", (30 + shade, 20), (shade,) * 3).save(tmp_path / "a.png")
        shades.append(np.asarray(room.preview(tmp_path / "a.png", settings).before).mean())
    assert shades == [10, 200]


def test_the_last_photographs_stay_decoded(
    two_weights: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    whole = darkroom.read_photograph

    def count(path, most):  # type: ignore[no-untyped-def]
        read.append(path.name)
        return whole(path, most)

    monkeypatch.setattr(darkroom, "read_photograph", count)
    monkeypatch.setattr(darkroom, "KEPT_PIXELS", 2 * 20 * 10)
    for name in "abc":
        Image.new("RGB", (20, 10)).save(tmp_path / f"{name}.png")
    room = Darkroom(1)
    for name in "abacacb":
        room.preview(tmp_path / f"{name}.png", Settings(two_weights[0]))
    assert read == ["a.png", "b.png", "c.png", "b.png"]


@pytest.mark.slow
def test_fast_mode_learns_once_for_a_network(
    photograph: Path, two_weights: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[int] = []
    estimate = darkroom.FastMode.estimate

    def count(self, canvas, local):  # type: ignore[no-untyped-def]
        learned.append(canvas.width)
        return estimate(self, canvas, local)

    monkeypatch.setattr(darkroom.FastMode, "estimate", count)
    room = Darkroom(2)
    for strength in (1.0, 0.5):
        room.preview(photograph, Settings(two_weights[0], strength=strength))
    assert learned == [900]
    room.preview(photograph, Settings(two_weights[1]))
    assert learned == [900, 900]


def test_what_is_wrong_is_raised_and_forgotten(two_weights: list[Path], tmp_path: Path) -> None:
    room = Darkroom(1)
    Image.new("RGB", (20, 10)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="--strength is 2"):
        room.preview(tmp_path / "a.png", Settings(two_weights[0], strength=2))
    with pytest.raises(FileNotFoundError):
        room.prepare(tmp_path / "gone.safetensors")
    assert room.preview(tmp_path / "a.png", Settings(two_weights[0])).size == (20, 10)

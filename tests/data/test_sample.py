from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zero_dce.data import sample
from zero_dce.data.index import find_sice, read_pairs
from zero_dce.data.split import Split
from zero_dce.files import LOCK
from zero_dce.images.light import srgb_to_linear

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root() -> Path:
    return sample.ensure_sample()


def pixels(root: Path, path: str) -> np.ndarray:
    with Image.open(root / path) as file:
        return np.asarray(file.convert("RGB"), dtype=float)


def test_sequences_are_in_sices_layout_and_darkest_first(root: Path) -> None:
    entries = find_sice(root).entries
    scenes = {entry.scene for entry in entries}
    assert len(scenes) >= 20
    for scene in scenes:
        frames = [entry.path for entry in entries if entry.scene == scene]
        assert 7 <= len(frames) <= 9
        means = [pixels(root, frame).mean() for frame in frames]
        assert means == sorted(means)


def test_a_photograph_stays_on_one_side(root: Path) -> None:
    split = Split.read(root / "split.json")
    scenes = [{path.split("/")[1] for path in side} for side in (split.train, split.val, split.test)]
    assert all(scenes)
    assert not (scenes[0] & scenes[1])
    assert not (scenes[0] & scenes[2])
    assert not (scenes[1] & scenes[2])
    sides = [row["side"] for row in sample.photographs()]
    assert {side: sides.count(side) for side in sorted(set(sides))} == {"test": 3, "train": 9, "val": 3}


def test_dark_frames_have_the_well_exposed_one_as_reference(root: Path) -> None:
    pairs = read_pairs(root)
    assert len(pairs) == 4 * len({entry.scene for entry in find_sice(root).entries})
    for low, reference in pairs.items():
        assert low.rpartition("/")[0] == reference.rpartition("/")[0]
        assert reference.endswith("/6.JPG")
        assert pixels(root, low).mean() < 0.8 * pixels(root, reference).mean()


def test_every_photograph_states_its_licence() -> None:
    rows = sample.photographs()
    files = {path.name for path in sample.PHOTOGRAPHS.iterdir()} - {sample.ATTRIBUTION.name}
    assert {row["file"] for row in rows} == files
    for row in rows:
        assert row["licence"] in {"Public domain", "CC0 1.0", "CC BY 2.0", "CC BY 4.0"}
        assert row["author"]
        assert row["source"]
        assert row["licence_url"].startswith("https://")


def test_camera_model() -> None:
    grey = np.full((200, 200, 3), 0.2)
    generator = np.random.default_rng(0)
    dark, bright = (srgb_to_linear(sample.photograph(grey, ev, generator)) for ev in (-2, 1))
    assert dark.mean() == pytest.approx(0.05, rel=0.01)
    assert bright.mean() == pytest.approx(0.4, rel=0.01)
    # Shot noise: the variance of a photon count is its mean; read noise adds its own.
    expected = np.sqrt(0.4 * sample.FULL_WELL + sample.READ_NOISE**2) / sample.FULL_WELL
    assert bright.std() == pytest.approx(expected, rel=0.1)
    assert dark.std() / dark.mean() > bright.std() / bright.mean(), "dark frames are noisier"
    assert sample.photograph(grey, 5, generator).min() == 255, "highlights clip"


def test_rendering_is_deterministic(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crops = list(sample._crops())[:1]
    monkeypatch.setattr(sample, "_crops", lambda: iter(crops))
    sample.render_sample(tmp_path)
    for frame in range(1, 9):
        name = f"Dataset_Part1/1/{frame}.JPG"
        assert (tmp_path / name).read_bytes() == (root / name).read_bytes()


def test_a_half_rendered_sample_is_never_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZERO_DCE_CACHE", str(tmp_path))

    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError("killed")

    monkeypatch.setattr(sample, "render_sample", fail)
    with pytest.raises(RuntimeError, match="killed"):
        sample.ensure_sample()
    (lock,) = tmp_path.iterdir()
    # What a killed process leaves.
    left = lock.with_suffix(".unfinished")
    left.mkdir()
    (left / "half").touch()
    monkeypatch.setattr(sample, "render_sample", lambda folder: (folder / "whole").write_text("x"))
    root = sample.ensure_sample()
    assert [file.name for file in root.iterdir()] == ["whole"]
    assert sorted(tmp_path.iterdir()) == [root, lock]


def test_unwritable_cache_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZERO_DCE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match=r"set ZERO_DCE_CACHE to a folder"):
        sample.ensure_sample()


def test_its_folder_is_printed() -> None:
    command = [sys.executable, "-m", "zero_dce.data.sample"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == sample.ensure_sample()


def test_a_group_may_share_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder has the permissions that the umask gives, and not those of a temporary one."""
    monkeypatch.setenv("ZERO_DCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sample, "render_sample", lambda root: (root / "pairs.csv").write_text("low"))
    before = os.umask(0o027)
    try:
        rendered = sample.ensure_sample()
    finally:
        os.umask(before)
    assert rendered.stat().st_mode & 0o777 == 0o750
    assert (rendered / "pairs.csv").read_text() == "low"
    assert [path.name for path in rendered.parent.iterdir() if path.suffix != LOCK] == [rendered.name]

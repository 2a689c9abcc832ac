from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.pictures import make_picture
from zero_dce.evaluate.overlap import find_overlap, find_overlaps, training_files
from zero_dce.evaluate.pictures import Pair


def save(file: Path, seed: int, brightness: float = 0.1, size: tuple[int, int] = (60, 40)) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    make_picture(seed, brightness, *size).save(file)
    return file


def pair(folder: Path, seed: int) -> Pair:
    """A test picture, darker than in training, and its reference."""
    low, high = save(folder / "low" / f"{seed}.png", seed), save(folder / "high" / f"{seed}.png", seed, 0.5)
    return Pair(f"{seed}.png", low, f"{seed}.png", high)


def test_pictures_are_known_by_their_pixels(tmp_path: Path) -> None:
    tested = [pair(tmp_path / "test", seed) for seed in range(4)]
    training = [
        save(tmp_path / "train" / "low00690.bmp", 0),  # the dark picture of pair 0, in another format
        save(tmp_path / "train" / "a.tif", 2, 0.5),  # the reference of pair 2
        save(tmp_path / "train" / "1.png", 7),  # the name and size of pair 1, with other pixels
        save(tmp_path / "train" / "b.png", 3, size=(61, 40)),  # pair 3 in another size
    ]
    broken = tmp_path / "train" / "broken.png"
    broken.write_bytes(training[0].read_bytes()[:60])
    overlap = find_overlap(tested, "their training part", [*training, broken])
    assert overlap.shared == ["0.png", "2.png"]
    assert str(overlap) == (
        "2 of the 4 test pictures are in their training part (5 pictures, of which 1 cannot be read), so weights "
        "trained on it have seen them: 0.png, 2.png"
    )
    assert str(find_overlap(tested, "x", training[2:])) == "none of the 4 test pictures is in x (2 pictures)"


def test_an_upright_picture_is_the_same_turned_by_its_orientation(tmp_path: Path) -> None:
    picture = make_picture(0, 0.3)
    picture.save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "b.png", exif=exif)
    overlap = find_overlap([Pair("a.png", tmp_path / "a.png")], "x", [tmp_path / "b.png"])
    assert overlap.shared == ["a.png"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder as far as it says what it was trained on."""
    run = tmp_path / "run"
    (run / ".hydra").mkdir(parents=True)
    (run / "checkpoints").mkdir()
    for seed in (0, 5):
        save(tmp_path / "data" / f"{seed}.png", seed)
    (run / ".hydra" / "config.yaml").write_text(f"data:\n  root: {tmp_path / 'data'}\n")
    (run / "split.json").write_text(json.dumps({"train": ["0.png"], "val": [], "test": ["5.png"]}))
    return run


def test_what_a_checkpoint_was_trained_on(run: Path, tmp_path: Path) -> None:
    picked = tmp_path / "picked"
    picked.mkdir()
    checkpoint = run / "checkpoints" / "step-000300.ckpt"
    (picked / "origin.json").write_text(json.dumps({"checkpoint": str(checkpoint)}))
    for weights in (run, checkpoint, picked):
        assert training_files(weights) == [tmp_path / "data" / "0.png"]
    (overlap,) = find_overlaps([pair(tmp_path / "test", 0)], {}, [picked])
    assert overlap.shared == ["0.png"]
    assert f"the training pictures of {picked} (1 pictures)" in str(overlap)


def test_nothing_is_claimed_without_a_record(run: Path, tmp_path: Path) -> None:
    assert training_files(tmp_path / "weights.pth") is None
    assert training_files(tmp_path / "data") is None
    (run / ".hydra" / "config.yaml").write_text("data:\n  root: /nowhere\n")
    assert training_files(run) is None, "the data set is not where it was"
    (run / ".hydra" / "config.yaml").write_text("data:\n  root: null\n")
    assert training_files(run) is None, "the embedded sample"
    (run / "split.json").unlink()
    assert training_files(run) is None
    assert find_overlaps([pair(tmp_path / "test", 0)], {}, [run]) == []


def test_training_parts_on_disk(tmp_path: Path) -> None:
    tested = [pair(tmp_path / "test", seed) for seed in range(3)]
    save(tmp_path / "our485" / "low" / "690.png", 1)
    save(tmp_path / "our485" / "high" / "690.png", 1, 0.5)
    (overlap,) = find_overlaps(tested, {"LOL-v1": [tmp_path / "our485"]}, [])
    assert overlap.shared == ["1.png"]
    assert str(overlap).startswith("1 of the 3 test pictures are in LOL-v1's training part (2 pictures)")

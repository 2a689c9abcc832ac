from __future__ import annotations

import json
from pathlib import Path

import pytest

from zero_dce.data.index import Entry
from zero_dce.data.split import (
    Split,
    make_split,
    shared_scenes,
    split_file,
    split_random,
    split_scene,
    take_scenes,
    take_validation,
)


def entries_of(scenes: int, frames: int) -> list[Entry]:
    return [Entry(f"{scene}/{frame}.JPG", str(scene)) for scene in range(scenes) for frame in range(frames)]


SICE = [*entries_of(302, 10), *entries_of(303, 2)[-2:]]


def test_sices_counts() -> None:
    train, test = split_random(SICE, seed=0, test_fraction=None)
    assert (len(SICE), len(train), len(test)) == (3022, 2422, 600)
    assert {*train, *test} == {*SICE}
    train, test = split_random(SICE[1:], seed=0, test_fraction=None)
    assert (len(train), len(test)) == (2422, 599), "the report's own list has one image fewer"


def test_the_split_is_a_function_of_the_seed() -> None:
    assert split_random(SICE, 3, None) == split_random(SICE, 3, None)
    assert split_random(SICE, 3, None) != split_random(SICE, 4, None)


def test_another_count_names_itself_and_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"found 40 images.*3022.*data\.split\.test_fraction=0\.2"):
        split_random(entries_of(10, 4), 0, None)
    train, test = split_random(entries_of(10, 4), 0, 0.2)
    assert (len(train), len(test)) == (32, 8)


@pytest.mark.parametrize("seed", range(5))
def test_a_split_by_scene_has_no_leak_and_sices_sizes(seed: int) -> None:
    sizes = [3 + (7 * scene) % 26 for scene in range(195)]
    entries = [Entry(f"{scene}/{n}.JPG", str(scene)) for scene, size in enumerate(sizes) for n in range(size)]
    train, test = split_scene(entries, seed, 600 / len(entries))
    assert not {entry.scene for entry in train} & {entry.scene for entry in test}
    assert sorted([*train, *test], key=entries.index) == entries
    assert len(test) == 600
    assert split_scene(entries, seed, 600 / len(entries)) == (train, test)
    assert split_scene(entries, seed + 1, 600 / len(entries)) != (train, test)
    split = make_split(entries, Path(), 0.1, "scene", seed, 600 / len(entries))
    assert shared_scenes(split, entries) == 0


def test_sices_counts_by_scene() -> None:
    train, test = split_scene(SICE, seed=0, test_fraction=None)
    assert (len(train), len(test)) == (2422, 600)


def test_whole_scenes_come_as_near_as_they_can() -> None:
    entries = [Entry(f"{scene}/{n}", scene) for scene, size in (("a", 5), ("b", 9), ("c", 20)) for n in range(size)]
    taken = {count: len(take_scenes(entries, count, seed=0)[1]) for count in (0, 1, 6, 8, 13, 18, 33)}
    assert taken == {0: 0, 1: 5, 6: 5, 8: 9, 13: 14, 18: 20, 33: 29}


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 1.5])
def test_fractions_out_of_range(fraction: float) -> None:
    with pytest.raises(ValueError, match=r"data\.split\.test_fraction"):
        split_random(entries_of(10, 4), 0, fraction)
    with pytest.raises(ValueError, match=r"data\.val_fraction"):
        take_validation(entries_of(10, 4), fraction, 0)


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.5])
def test_validation_takes_whole_scenes(fraction: float) -> None:
    side = entries_of(20, 5)
    train, val = take_validation(side, fraction, seed=1)
    assert not {entry.scene for entry in train} & {entry.scene for entry in val}
    assert {*train, *val} == {*side}
    assert abs(len(val) - fraction * 100) <= 2.5


def test_no_validation_is_the_reports_way() -> None:
    assert take_validation(entries_of(3, 2), 0, 0) == (entries_of(3, 2), [])


def test_validation_never_takes_everything() -> None:
    with pytest.raises(ValueError, match="1 scene cannot be divided: 1 of its 9 images"):
        take_validation(entries_of(1, 9), 0.1, 0)
    train, val = take_validation(entries_of(2, 9), 0.9, 0)
    assert (len(train), len(val)) == (9, 9)


def test_validation_is_from_the_training_side() -> None:
    with_val = make_split(SICE, Path(), val_fraction=0.1)
    without = make_split(SICE, Path(), val_fraction=0)
    assert with_val.test == without.test
    assert sorted(with_val.train + with_val.val) == sorted(without.train)


def test_the_random_split_leaks_and_says_how_much() -> None:
    split = Split(train=["0/0.JPG"], val=["1/0.JPG"], test=["0/1.JPG", "1/1.JPG", "2/0.JPG"])
    assert shared_scenes(split, entries_of(3, 2)) == 2


def test_manifest_round_trip(tmp_path: Path) -> None:
    split = make_split(entries_of(10, 4), tmp_path, 0.2, test_fraction=0.2)
    split.write(tmp_path / "split.json")
    assert set(json.loads((tmp_path / "split.json").read_text())) == {"train", "val", "test"}
    assert Split.read(tmp_path / "split.json") == split
    assert make_split(entries_of(10, 4), tmp_path, 0, method="file", manifest="split.json") == split


def test_wrong_manifests_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "split.json"
    with pytest.raises(ValueError, match=r"split\.json is no split manifest"):
        Split.read(file)
    file.write_text('{"train": []}')
    with pytest.raises(ValueError, match="no split manifest"):
        Split.read(file)
    file.write_text('{"train": ["a"], "val": [], "test": []}')
    with pytest.raises(ValueError, match="names 1 images that the data set does not have, as a"):
        split_file(entries_of(1, 1), file)
    file.write_text('{"train": ["0/0.JPG"], "val": [], "test": ["0/0.JPG"]}')
    with pytest.raises(ValueError, match="names an image twice"):
        split_file(entries_of(1, 1), file)
    with pytest.raises(ValueError, match=r"data\.val_fraction=0\.1 has no effect"):
        make_split(entries_of(1, 1), tmp_path, 0.1, method="file", manifest="split.json")
    with pytest.raises(ValueError, match=r"data\.split\.method is 'magic'"):
        make_split(entries_of(10, 4), tmp_path, 0, method="magic")  # type: ignore[arg-type]

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zero_dce.data.index import Frame
from zero_dce.data.split import (
    Split,
    count_test_images,
    make_split,
    outside,
    shared_scenes,
    split_file,
    split_random,
    take_scenes,
    take_validation,
)

Splitter = Callable[..., tuple[list[Any], list[Any]]]


def entries_of(scenes: int, frames: int) -> list[Frame]:
    return [Frame(f"{scene}/{frame}.JPG", str(scene)) for scene in range(scenes) for frame in range(frames)]


def by_image(entries: list[Frame], seed: int, test_fraction: float | None) -> tuple[list[Frame], list[Frame]]:
    return split_random(entries, count_test_images(entries, test_fraction), seed)


def by_scene(entries: list[Frame], seed: int, test_fraction: float | None) -> tuple[list[Frame], list[Frame]]:
    return take_scenes(entries, count_test_images(entries, test_fraction), seed)


SICE = [*entries_of(302, 10), *entries_of(303, 2)[-2:]]


def test_sices_counts() -> None:
    train, test = by_image(SICE, seed=0, test_fraction=None)
    assert (len(SICE), len(train), len(test)) == (3022, 2422, 600)
    assert {*train, *test} == {*SICE}
    train, test = by_image(SICE[1:], seed=0, test_fraction=None)
    assert (len(train), len(test)) == (2422, 599), "the report's own list has one image fewer"


def test_the_split_is_a_function_of_the_seed() -> None:
    assert by_image(SICE, 3, None) == by_image(SICE, 3, None)
    assert by_image(SICE, 3, None) != by_image(SICE, 4, None)


def test_another_count_names_itself_and_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"found 40 images.*3022.*data\.split\.test_fraction=0\.2"):
        by_image(entries_of(10, 4), 0, None)
    train, test = by_image(entries_of(10, 4), 0, 0.2)
    assert (len(train), len(test)) == (32, 8)


@pytest.mark.parametrize("seed", range(2))
def test_a_split_by_scene_has_no_leak_and_sices_sizes(seed: int) -> None:
    sizes = [3 + (7 * scene) % 26 for scene in range(195)]
    entries = [Frame(f"{scene}/{n}.JPG", str(scene)) for scene, size in enumerate(sizes) for n in range(size)]
    train, test = by_scene(entries, seed, 600 / len(entries))
    assert not {entry.scene for entry in train} & {entry.scene for entry in test}
    assert sorted([*train, *test], key=entries.index) == entries
    assert len(test) == 600
    assert by_scene(entries, seed, 600 / len(entries)) == (train, test)
    assert by_scene(entries, seed + 1, 600 / len(entries)) != (train, test)
    split = make_split(entries, Path(), 0.1, "scene", seed, 600 / len(entries))
    assert shared_scenes(split, entries) == 0


def test_sices_counts_by_scene() -> None:
    train, test = by_scene(SICE, seed=0, test_fraction=None)
    assert (len(train), len(test)) == (2422, 600)


def test_whole_scenes_come_as_near_as_they_can() -> None:
    entries = [Frame(f"{scene}/{n}", scene) for scene, size in (("a", 5), ("b", 9), ("c", 20)) for n in range(size)]
    taken = {count: len(take_scenes(entries, count, seed=0)[1]) for count in (0, 1, 6, 8, 13, 18, 33)}
    assert taken == {0: 0, 1: 5, 6: 5, 8: 9, 13: 14, 18: 20, 33: 29}


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 1.5])
def test_fractions_out_of_range(fraction: float) -> None:
    with pytest.raises(ValueError, match=r"data\.split\.test_fraction"):
        by_image(entries_of(10, 4), 0, fraction)
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
    split.write(tmp_path / "split.json", counts_before=split.counts(), left_out={"x.JPG": "an empty file"})
    written = json.loads((tmp_path / "split.json").read_text())
    assert written["counts_before"] == {"train": 25, "val": 7, "test": 8}
    assert written["left_out"] == {"x.JPG": "an empty file"}
    assert Split.read(tmp_path / "split.json") == split
    assert make_split(entries_of(10, 4), tmp_path, 0, method="file", manifest="split.json") == split


def test_a_manifest_keeps_its_order(tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text('{"train": ["0/10.JPG", "0/9.JPG"], "val": [], "test": []}')
    split = split_file([Frame("0/9.JPG", "0"), Frame("0/10.JPG", "0")], tmp_path / "split.json")
    assert split.train == ["0/10.JPG", "0/9.JPG"]


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        (r"D:\spring2023\data\Dataset_Part1\Dataset_Part1\353\8.JPG", "Dataset_Part1/353/8.JPG"),
        (r"D:\spring2023\data\Dataset_Part1\353\8.JPG", "Dataset_Part1/Dataset_Part1/353/8.JPG"),
        (r"D:\spring2023\data\Dataset_Part1\353\8.JPG", "353/8.JPG"),
        ("/data/SICE/353/8.JPG", "353/8.JPG"),
        ("8.JPG", "8.JPG"),
        ("cafe\u0301/8.JPG", "caf\u00e9/8.JPG"),
    ],
)
def test_a_manifest_of_another_machine(listed: str, found: str, tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text(json.dumps({"train": [listed], "test": []}))
    entries = [Frame(found, "353"), Frame("Dataset_Part1/35/8.JPG", "35"), Frame("Dataset_Part1/353/18.JPG", "353")]
    assert split_file(entries, tmp_path / "split.json") == Split([found], [], [])


def test_an_ending_that_could_mean_two_images_means_none(tmp_path: Path) -> None:
    listed = ["b/1.JPG", "D:/Dataset_Part1/1/2.JPG", "x/Dataset_Part1/1/2.JPG"]
    (tmp_path / "split.json").write_text(json.dumps({"train": listed, "test": []}))
    paths = ["1.JPG", "Dataset_Part1/1/2.JPG", "x/Dataset_Part1/1/2.JPG"]
    entries = [Frame(path, path) for path in paths]
    split = split_file(entries, tmp_path / "split.json")
    assert split.train == listed, "exact names stay, and b/1.JPG is not 1.JPG"
    assert outside(split, entries) == listed[:2]


def test_what_a_manifest_names_beyond_the_data_set_is_kept_to_be_reported(tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text('{"train": ["0/0.JPG", "9/0.JPG"], "test": ["C:\\\\8\\\\0.JPG"]}')
    assert split_file(entries_of(1, 1), tmp_path / "split.json") == Split(["0/0.JPG", "9/0.JPG"], [], ["C:\\8\\0.JPG"])


def test_validation_is_taken_from_a_manifest_without_it(tmp_path: Path) -> None:
    entries = entries_of(10, 4)
    test = [entry.path for entry in entries[:8]]
    (tmp_path / "split.json").write_text(json.dumps({"train": [e.path for e in entries[8:]], "test": test}))
    split = make_split(entries, tmp_path, 0.25, method="file", manifest="split.json")
    assert (len(split.train), len(split.val), split.test) == (24, 8, test)
    assert not {path[0] for path in split.train} & {path[0] for path in split.val}
    assert make_split(entries, tmp_path, 0, method="file", manifest="split.json").val == []


def test_a_manifest_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.json").write_text('{"train": ["0/0.JPG"], "test": []}')
    monkeypatch.chdir(tmp_path)
    assert make_split(entries_of(1, 1), tmp_path / "data", 0, method="file", manifest="mine.json").train == ["0/0.JPG"]


def test_wrong_manifests_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "split.json"
    with pytest.raises(ValueError, match=r"split\.json is no split manifest"):
        Split.read(file)
    for text in (
        '{"train": []}',
        "[]",
        '{"train": [], "test": [], "validation": []}',
        '{"train": [1], "test": []}',
        '{"train": null, "test": []}',
    ):
        file.write_text(text)
        with pytest.raises(ValueError, match="no split manifest"):
            Split.read(file)
    file.write_text('{"train": ["0/0.JPG"], "val": [], "test": ["D:\\\\0\\\\0.JPG"]}')
    with pytest.raises(ValueError, match=r"names an image twice, as 0/0\.JPG"):
        split_file(entries_of(1, 1), file)
    file.write_text('{"train": ["0/0.JPG"], "val": ["1/0.JPG"], "test": []}')
    with pytest.raises(ValueError, match=r"data\.val_fraction=0\.1 has no effect"):
        make_split(entries_of(2, 1), tmp_path, 0.1, method="file", manifest="split.json")
    with pytest.raises(ValueError, match=r"data\.split\.method is 'magic'"):
        make_split(entries_of(10, 4), tmp_path, 0, method="magic")  # type: ignore[arg-type]


@pytest.mark.shared
def test_the_reports_own_list(shared: Path, tmp_path: Path) -> None:
    """As it is, with its Windows paths, on files that lie where SICE puts them here."""
    manifest = shared / "data" / "report_train_test_split.json"
    listed = json.loads(manifest.read_text())
    paths = ["/".join(path.split("\\")[-3:]) for side in ("train", "test") for path in listed[side]]
    entries = [Frame(path, path.split("/")[1]) for path in sorted(paths)]
    split = make_split(entries, tmp_path, 0, method="file", manifest=str(manifest))
    assert (len(entries), len({entry.scene for entry in entries})) == (3021, 360)
    assert (len(split.train), len(split.test), split.val) == (2422, 599, [])
    assert {*split.train, *split.test} == {entry.path for entry in entries}
    assert shared_scenes(split, entries) == 596
    scenes = make_split(entries, tmp_path, 0.1, method="scene")
    assert (len(scenes.train) + len(scenes.val), len(scenes.test), shared_scenes(scenes, entries)) == (2422, 599, 0)


SCENES = st.lists(st.integers(1, 28), min_size=2, max_size=60)


def entries_by(sizes: list[int]) -> list[Frame]:
    return [Frame(f"{scene}/{n}.JPG", str(scene)) for scene, size in enumerate(sizes) for n in range(size)]


@settings(deadline=None)
@given(SCENES, st.integers(0, 2**32 - 1), st.floats(0, 0.99), st.sampled_from([by_image, by_scene]))
def test_every_image_is_on_one_side(sizes: list[int], seed: int, fraction: float, split: Splitter) -> None:
    entries = entries_by(sizes)
    train, test = split(entries, seed, fraction)
    assert sorted([*train, *test], key=entries.index) == entries
    assert split(entries, seed, fraction) == (train, test), "a function of its arguments"


@settings(deadline=None)
@given(SCENES, st.integers(0, 2**32 - 1), st.floats(0, 0.99))
def test_a_random_split_has_the_size_asked_for(sizes: list[int], seed: int, fraction: float) -> None:
    entries = entries_by(sizes)
    _, test = by_image(entries, seed, fraction)
    assert abs(len(test) - fraction * len(entries)) <= 0.5


@settings(deadline=None)
@given(st.lists(st.integers(1, 28), min_size=2, max_size=9), st.integers(0, 2**32 - 1), st.floats(0.01, 0.99))
def test_no_choice_of_whole_scenes_comes_nearer(sizes: list[int], seed: int, fraction: float) -> None:
    entries = entries_by(sizes)
    wanted = len(entries) - round(len(entries) * (1 - fraction))
    train, test = by_scene(entries, seed, fraction)
    assert not {entry.scene for entry in train} & {entry.scene for entry in test}
    assert train, "training is never empty"
    # All that some scenes, but not all, add up to.
    sums = {sum(size for bit, size in enumerate(sizes) if subset >> bit & 1) for subset in range(2 ** len(sizes) - 1)}
    possible = {total for total in sums if total} if wanted else {0}
    assert abs(len(test) - wanted) == min(abs(total - wanted) for total in possible)


@settings(deadline=None)
@given(SCENES, st.integers(0, 2**32 - 1), st.floats(0.01, 0.5), st.sampled_from(["random", "scene"]))
def test_validation_shares_no_scene_with_what_is_trained_on(
    sizes: list[int], seed: int, fraction: float, method: Literal["random", "scene"]
) -> None:
    entries = entries_by([*sizes, 5, 5, 5, 5])
    scene = {entry.path: entry.scene for entry in entries}
    split = make_split(entries, Path(), fraction, method, seed, 0.2)
    assert not {scene[path] for path in split.train} & {scene[path] for path in split.val}
    assert sorted([*split.train, *split.val, *split.test]) == sorted(scene)


@settings(deadline=None)
@given(SCENES, st.randoms())
def test_a_split_by_names_does_not_depend_on_their_order(sizes: list[int], random: Random) -> None:
    """File systems list files in any order; the index sorts them, and scenes are chosen by name."""
    entries = entries_by(sizes)
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert {*take_scenes(shuffled, len(entries) // 5, 0)[1]} == {*take_scenes(entries, len(entries) // 5, 0)[1]}


@settings(deadline=None)
@given(SCENES, st.sets(st.integers(0, 200)))
def test_leaving_out_moves_nothing(sizes: list[int], numbers: set[int]) -> None:
    entries = entries_by(sizes)
    split = make_split(entries, Path(), 0, "random", 0, 0.2)
    bad = {entry.path for number, entry in enumerate(entries) if number in numbers}
    after = split.without(bad)
    for before, now in ((split.train, after.train), (split.test, after.test)):
        assert now == [path for path in before if path not in bad]


def test_a_path_of_a_million_parts_is_looked_up_at_once(tmp_path: Path) -> None:
    """Each part once, not each beginning of the path: 10 ** 12 steps."""
    path = "a/" * 1_000_000 + "1/0.JPG"
    Split([path], [], []).write(tmp_path / "split.json")
    assert split_file(entries_of(2, 1), tmp_path / "split.json").train == ["1/0.JPG"]

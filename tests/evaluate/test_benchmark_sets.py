from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.pictures import make_picture
from zero_dce.evaluate.benchmark_sets import BENCHMARKS, find_benchmark, find_training_parts


def fill(folder: Path, *names: str, brightness: float = 0.1) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        make_picture(number, brightness, 24, 16).save(folder / name)


def names(root: Path, benchmark: str) -> list[tuple[str, str | None]]:
    return [(pair.name, pair.reference_name) for pair in find_benchmark(BENCHMARKS[benchmark], root).pairs]


@pytest.mark.parametrize(
    ("benchmark", "inside", "layout"),
    [
        ("LOL-v1", "", ("eval15/low", "eval15/high")),
        ("LOL-v1", "LOLdataset", ("eval15/low", "eval15/high")),
        ("LOL-v1", "data", ("LOLv1/Test/input", "LOLv1/Test/target")),
        ("LOL-v2-real", "LOL-v2", ("Real_captured/Test/Low", "Real_captured/Test/Normal")),
        ("LOL-v2-real", "", ("real_captured/test/low", "real_captured/test/normal")),
        ("SICE-part2", "", ("Dataset_Part2/1", "Dataset_Part2/Label")),
    ],
)
def test_pairs_are_found_as_published(benchmark: str, inside: str, layout: tuple[str, str], tmp_path: Path) -> None:
    low, high = (tmp_path / inside / path for path in layout)
    fill(low, "1.png", "2.png")
    fill(high, "1.png", "2.png", brightness=0.5)
    found = names(tmp_path, benchmark)
    if benchmark == "SICE-part2":
        assert found == [("1/1.png", "1.png")], "the darker half of the scene's frames"
    else:
        assert found == [("1.png", "1.png"), ("2.png", "2.png")]
    # The benchmark's own folder is a root, too.
    assert names(low.parent if benchmark == "SICE-part2" else low.parents[1], benchmark) == found


def test_both_cameras_of_lsrw(tmp_path: Path) -> None:
    for camera, brightness in (("Huawei", 0.1), ("Nikon", 0.2)):
        for side in ("low", "high"):
            fill(tmp_path / "LSRW" / "Eval" / camera / side, "1.jpg", "2.jpg", brightness=brightness)
    expected = [(f"{camera}/{n}.jpg", f"{camera}/{n}.jpg") for camera in ("Huawei", "Nikon") for n in (1, 2)]
    assert names(tmp_path, "LSRW") == expected
    # One camera alone is not the benchmark; the training pictures beside Eval are not either.
    (tmp_path / "LSRW" / "Eval" / "Nikon").rename(tmp_path / "LSRW" / "Nikon")
    with pytest.raises(FileNotFoundError, match="expected Eval/Huawei/low and Eval/Huawei/high; Eval/Nikon/low"):
        names(tmp_path, "LSRW")


@pytest.mark.parametrize("benchmark", ["DICM", "LIME", "MEF", "NPE", "VV"])
def test_pictures_without_references(benchmark: str, tmp_path: Path) -> None:
    fill(tmp_path / "sets" / benchmark, "01.jpg", "03.jpg")
    for root in (tmp_path / "sets", tmp_path, tmp_path / "sets" / benchmark):
        assert names(root, benchmark) == [("01.jpg", None), ("03.jpg", None)]


def test_a_doubled_folder_counts_once_and_two_copies_are_refused(tmp_path: Path) -> None:
    fill(tmp_path / "MEF" / "MEF", "a.png")
    assert [name for name, _ in names(tmp_path, "MEF")] == ["MEF/a.png"]
    fill(tmp_path / "other" / "MEF", "b.png")
    with pytest.raises(ValueError, match="holds MEF twice"):
        names(tmp_path, "MEF")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="of --root does not exist"):
        names(tmp_path / "nowhere", "VV")
    with pytest.raises(FileNotFoundError, match="does not hold LOL-v1: expected eval15/low and eval15/high, or LOLv1/"):
        names(tmp_path, "LOL-v1")


@pytest.mark.parametrize(
    ("benchmark", "published"),
    [("LOL-v1", 15), ("LOL-v2-real", 100), ("LSRW", 50), ("SICE-part2", 767), ("DICM", 69), ("DICM", 64), ("LIME", 10),
     ("MEF", 17), ("NPE", 8), ("NPE", 84), ("VV", 24)],
)  # fmt: skip
def test_another_number_of_pictures_is_said(benchmark: str, published: int) -> None:
    assert BENCHMARKS[benchmark].check_count(published) is None
    message = BENCHMARKS[benchmark].check_count(published - 1) or ""
    assert str(published) in message
    assert f"and {published - 1} were found" in message


def test_the_papers_number_of_sice_pairs() -> None:
    """Of 229 sequences, 149 of 7 frames with 3 dark ones and 80 of 9 with 4."""
    assert BENCHMARKS["SICE-part2"].counts[0] == 149 * 3 + 80 * 4


def test_training_parts_of_others(tmp_path: Path) -> None:
    fill(tmp_path / "LOL" / "our485" / "low", "2.png")
    fill(tmp_path / "LOL-v2" / "Real_captured" / "Train" / "Low", "low00001.png")
    lol, real = tmp_path / "LOL" / "our485", tmp_path / "LOL-v2" / "Real_captured" / "Train"
    assert find_training_parts(BENCHMARKS["LOL-v2-real"], tmp_path) == {"LOL-v1": [lol]}
    assert find_training_parts(BENCHMARKS["LOL-v1"], tmp_path) == {"LOL-v2-real": [real]}
    assert find_training_parts(BENCHMARKS["VV"], tmp_path) == {"LOL-v1": [lol], "LOL-v2-real": [real]}
    assert find_training_parts(BENCHMARKS["VV"], tmp_path / "LOL" / "our485" / "low") == {}

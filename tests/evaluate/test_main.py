from __future__ import annotations

import csv
import importlib.metadata
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers.evaluating import refused, run
from tests.helpers.pictures import make_picture
from zero_dce.evaluate.__main__ import main
from zero_dce.evaluate.benchmark_sets import BENCHMARKS
from zero_dce.images.sheets import to_image
from zero_dce.metrics.colour import colour_error
from zero_dce.metrics.picture import lightness_order_error
from zero_dce.metrics.reference import psnr
from zero_dce.networks import load_weights


def pixels_of(file: Path) -> torch.Tensor:
    with Image.open(file) as picture:
        return to_image(np.asarray(picture))[None]


def table_rows(printed: str) -> dict[str, list[str]]:
    """From a row's name to its cells, of the first table."""
    block = printed.split("\n\n")[1].splitlines()
    cells = [re.split(" {2,}", line) for line in block]
    return {name: values for name, *values in cells}


@pytest.mark.slow
def test_folders_with_references(
    capsys: pytest.CaptureFixture[str], weights: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    low, high = folders
    options = ["--exposure", "off", "0.5", "--json", tmp_path / "o.json"]
    out = run(capsys, "--weights", weights, "--low", low, "--high", high, *options)
    assert "3 pictures with references, at full size, float32" in out
    rows = table_rows(out)
    content = json.loads((tmp_path / "o.json").read_text())
    assert [row["name"] for row in content["rows"]] == [
        "input",
        "gamma 0.4",
        "gamma best",
        "gamma to 0.44",
        "exposure 0.44 alone",
        "exposure 0.5 alone",
        str(weights),
        str(weights),
    ]
    assert [row["exposure"] for row in content["rows"][-2:]] == ["off", 0.5]
    means = {name: values[:1] for name, values in rows.items()}
    assert means.keys() >= {str(weights), f"{weights} (exposure 0.5)"}
    names = [picture["image"] for picture in content["pictures"]]
    network = load_weights(weights)
    enhance = {
        "input": lambda image: image,
        "gamma 0.4": lambda image: image**0.4,
        "gamma best": lambda image: image ** content["rows"][2]["gamma"],
        str(weights): lambda image: network(image)[0].detach(),
    }
    for row in content["rows"]:
        if row["name"] in ("gamma to 0.44", "exposure 0.44 alone"):
            assert row["values"]["brightness"] == pytest.approx([0.44] * 3, abs=0.005)
            continue
        if row["name"] == "exposure 0.5 alone" or row.get("exposure") == 0.5:
            assert row["values"]["brightness"] == pytest.approx([0.5] * 3, abs=0.005)
            continue
        for index, name in enumerate(names):
            image, reference = pixels_of(low / name), pixels_of(high / Path(name).with_suffix(".bmp"))
            output = enhance[row["name"]](image)
            assert row["values"]["psnr"][index] == pytest.approx(psnr(output, reference).item(), abs=1e-3)
            assert row["values"]["delta_e"][index] == pytest.approx(colour_error(output, reference).item(), abs=1e-3)
            expected = lightness_order_error(image, output).item()
            # A value in the middle between two levels may round to either.
            assert row["values"]["loe"][index] == pytest.approx(expected, abs=0.02 * expected + 1)
            total = row["values"]["mae_rgb_sum"][index]
            assert total == pytest.approx(765 * row["values"]["mae"][index], rel=1e-5)
        mean = sum(row["values"]["psnr"]) / 3
        assert row["means"]["psnr"]["mean"] == pytest.approx(mean)
        low_end, high_end = row["means"]["psnr"]["interval"]
        assert low_end < mean < high_end
        label = f"gamma best ({row['gamma']:g})" if row["name"] == "gamma best" else row["name"]
        assert rows[label][0] == f"{mean:.4g} [{low_end:.4g}, {high_end:.4g}]"
    psnr_of = {row["name"]: row["means"]["psnr"]["mean"] for row in content["rows"]}
    assert psnr_of["gamma best"] >= max(psnr_of["gamma 0.4"], psnr_of["input"])
    assert content["versions"]["torch"] == importlib.metadata.version("torch")
    assert content["bootstrap"] == {"seed": 0, "resamples": 2000, "percent": 95}


def test_images_without_references(
    capsys: pytest.CaptureFixture[str], weights: Path, folders: tuple[Path, Path]
) -> None:
    out = run(capsys, "--weights", weights, "--images", folders[0], "--longest", 40)
    assert "3 pictures without references, at most 40 pixels long" in out
    assert "no row 'gamma best': without references" in out
    assert list(table_rows(out))[1:] == ["input", "gamma 0.4", "gamma to 0.44", "exposure 0.44 alone", str(weights)]
    assert "PSNR" not in out
    assert "LOE" in out


@pytest.mark.slow
def test_pairs_in_a_file(capsys: pytest.CaptureFixture[str], weights: Path, sice: Path, tmp_path: Path) -> None:
    shutil.copy(sice / "pairs.csv", tmp_path / "some.csv")
    out = run(
        capsys, "--weights", weights, "--pairs", tmp_path / "some.csv", "--root", sice, "--json", tmp_path / "o.json"
    )
    with (sice / "pairs.csv").open(newline="") as stream:
        listed = [(row["low"], row["reference"]) for row in csv.DictReader(stream)]
    content = json.loads((tmp_path / "o.json").read_text())
    assert [(picture["image"], picture["reference"]) for picture in content["pictures"]] == listed
    assert f"{len(listed)} pictures with references" in out


@pytest.mark.parametrize(
    "arguments", [["--images", "a", "--low", "b"], ["--low", "b"], ["--pairs", "c"], [], ["--high", "a", "--root", "b"]]
)
def test_incomplete_arguments(arguments: list[str], weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--weights", str(weights), *arguments])
    assert stop.value.code == 2
    assert "give one of: --pairs CSV --root DIR" in capsys.readouterr().err


def test_noise_is_smoothed_in_exposed_rows(
    capsys: pytest.CaptureFixture[str], weights: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    low, high = folders
    options = ["--weights", weights, "--low", low, "--high", high, "--exposure", "off", "0.5"]
    found = {}
    for levels in (0, 4):
        file = tmp_path / f"{levels}.json"
        run(capsys, *options, "--denoise", str(levels), "--json", file)
        content = json.loads(file.read_text())
        found[levels] = {(row["name"], row.get("exposure")): row for row in content["rows"]}
    for name, row in found[0].items():
        same = row["values"]["ssim"] == found[4][name]["values"]["ssim"]
        exposed = name[0].startswith("exposure") or name[1] == 0.5
        assert same != exposed, name
        assert found[4][name].get("denoise", 0) == (4 if exposed else 0)


@pytest.fixture
def lol(tmp_path: Path) -> Path:
    """LOL-v1 and LOL-v2-real as published, with two test pairs each; one of the latter is for training in LOL-v1."""
    places = {
        "our485/{low}": (7, 8),
        "eval15/{low}": (1, 2),
        "Real_captured/Test/{Low}": (8, 9),
    }
    for place, seeds in places.items():
        for side, other, brightness in (("low", "low", 0.1), ("high", "normal", 0.5)):
            real = "Low" in place
            folder = tmp_path / place.format(low=side, Low=(other if real else side).capitalize())
            folder.mkdir(parents=True)
            for seed in seeds:
                make_picture(seed, brightness, 30, 20).save(folder / f"{f'{other}00' if real else ''}{seed}.png")
    return tmp_path


@pytest.mark.slow
def test_a_benchmark(capsys: pytest.CaptureFixture[str], weights: Path, lol: Path, tmp_path: Path) -> None:
    files = [tmp_path / "t.md", tmp_path / "t.tex", tmp_path / "o.json"]
    main([str(word) for word in ("--weights", weights, "--benchmark", "LOL-v2-real", "--root", lol,
                                 "--table", *files[:2], "--json", files[2])])  # fmt: skip
    out, err = capsys.readouterr()
    assert "LOL-v2-real: the 100 pairs of Real_captured/Test at their size, 600 x 400" in out
    notes = [
        "91 of the 100 test pictures are in the training part of LOL-v1",
        "LOL-v2-real has 100 test pictures as published, and 2 were found: results differ",
        "1 of the 2 test pictures are in LOL-v1's training part (4 pictures), so weights trained on it have seen them",
    ]
    content = json.loads(files[2].read_text())
    for note, remark in zip(notes, content["remarks"], strict=True):
        assert remark.startswith(note)
        assert f"note: {note}" in err
    assert content["benchmark"]["name"] == "LOL-v2-real"
    markdown, latex = (file.read_text() for file in files[:2])
    assert "| Method | PSNR (dB) ↑ | PSNR (dB) at equal mean ↑ | SSIM ↑ |" in markdown
    for row in content["rows"]:
        label = f"gamma best ({row['gamma']:g})" if row["name"] == "gamma best" else row["name"]
        line = next(line for line in markdown.splitlines() if line.startswith(f"| {label} |"))
        assert f"{row['means']['psnr']['mean']:.2f}" in line
    assert latex.startswith("% \\usepackage{booktabs}")
    assert "91 of the 100 test pictures" in latex


@pytest.mark.slow
def test_sice_is_measured_at_the_papers_size(
    capsys: pytest.CaptureFixture[str], weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Squashed, whatever its shape, so that this runs on a smaller size in its place."""
    monkeypatch.setitem(BENCHMARKS, "SICE-part2", replace(BENCHMARKS["SICE-part2"], size=(40, 30)))
    for path, brightness in (("1/1.png", 0.1), ("1/2.png", 0.4), ("Label/1.png", 0.5)):
        (tmp_path / "Dataset_Part2" / path).parent.mkdir(parents=True, exist_ok=True)
        make_picture(0, brightness, 90, 50).save(tmp_path / "Dataset_Part2" / path)
    options = ["--weights", weights, "--benchmark", "SICE-part2", "--root", tmp_path, "--json", tmp_path / "o.json"]
    assert "1 pictures with references, resized to 40 x 30 pixels" in run(capsys, *options)
    assert json.loads((tmp_path / "o.json").read_text())["resized_to"] == [40, 30]
    main([str(word) for word in (*options, "--longest", 60)])
    out, err = capsys.readouterr()
    assert "at most 60 pixels long" in out
    assert "--longest 60 replaces the published size: results differ" in err


def test_wrong_tables_and_perceptual_measures(weights: Path, lol: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--weights", str(weights), "--images", str(lol / "eval15" / "low")]
    for file, message in (("t.txt", "ends neither in .md"), (str(lol / "none" / "t.md"), "does not exist")):
        with pytest.raises(SystemExit):
            main([*given, "--table", file])
        assert message in capsys.readouterr().err
    assert refused(*given, "--perceptual", "lpips") == "--perceptual lpips compares with references, and there are none"

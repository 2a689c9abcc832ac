from __future__ import annotations

import csv
import importlib.metadata
import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers.pictures import make_picture
from zero_dce.evaluate import pictures
from zero_dce.evaluate.__main__ import main
from zero_dce.images.sheets import to_image
from zero_dce.metrics.colour import colour_error
from zero_dce.metrics.picture import lightness_order_error
from zero_dce.metrics.reference import psnr
from zero_dce.networks import DCENet, load_weights


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    torch.save(DCENet().state_dict(), tmp_path / "a.pth")
    return tmp_path / "a.pth"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three dark pictures of different shapes and their references, of other formats."""
    low, high = tmp_path / "low", tmp_path / "high"
    low.mkdir()
    high.mkdir()
    for number, size in enumerate(((60, 48), (40, 52), (64, 64))):
        make_picture(number, 0.12, *size).save(low / f"{number}.png")
        make_picture(number, 0.45, *size).save(high / f"{number}.bmp")
    return low, high


def pixels_of(file: Path) -> torch.Tensor:
    with Image.open(file) as picture:
        return to_image(np.asarray(picture))[None]


def table_rows(printed: str) -> dict[str, list[str]]:
    """From a row's name to its cells, of the first table."""
    block = printed.split("\n\n")[1].splitlines()
    cells = [re.split(" {2,}", line) for line in block]
    return {name: values for name, *values in cells}


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    main([str(argument) for argument in arguments])
    return capsys.readouterr().out


def refused(*arguments: object) -> str:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert isinstance(stop.value.code, str), "a message, and with it exit code 1"
    return stop.value.code


def test_folders_with_references(
    capsys: pytest.CaptureFixture[str], weights: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    low, high = folders
    out = run(capsys, "--weights", weights, "--low", low, "--high", high, "--json", tmp_path / "o.json")
    assert "3 pictures with references, at full size, float32" in out
    rows = table_rows(out)
    content = json.loads((tmp_path / "o.json").read_text())
    assert [row["name"] for row in content["rows"]] == ["input", "gamma 0.4", "gamma best", str(weights)]
    names = [picture["image"] for picture in content["pictures"]]
    network = load_weights(weights)
    enhance = {
        "input": lambda image: image,
        "gamma 0.4": lambda image: image**0.4,
        "gamma best": lambda image: image ** content["rows"][2]["gamma"],
        str(weights): lambda image: network(image)[0].detach(),
    }
    for row in content["rows"]:
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
    assert list(table_rows(out))[1:] == ["input", "gamma 0.4", str(weights)]
    assert "PSNR" not in out
    assert "LOE" in out


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


def test_a_runs_folder_means_its_last_checkpoint(
    capsys: pytest.CaptureFixture[str], weights: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    state = {f"network.{name}": value for name, value in torch.load(weights, weights_only=True).items()}
    torch.save({"state_dict": state, "global_step": 3}, tmp_path / "run" / "checkpoints" / "last.ckpt")
    run(capsys, "--weights", tmp_path / "run", weights, "--images", folders[0], "--json", tmp_path / "o.json")
    first, second = json.loads((tmp_path / "o.json").read_text())["rows"][-2:]
    assert first["weights_sha256"] == second["weights_sha256"]
    assert first["values"] == second["values"]


def test_a_picture_without_a_value_counts_nowhere(
    capsys: pytest.CaptureFixture[str], weights: Path, tmp_path: Path
) -> None:
    """SSIM needs 11 pixels, PIQE 16: a strip of 8 has neither."""
    folder = tmp_path / "images"
    folder.mkdir()
    make_picture(0, 0.2).save(folder / "a.png")
    make_picture(1, 0.2, 30, 8).save(folder / "b.png")
    run(capsys, "--weights", weights, "--images", folder, "--json", tmp_path / "o.json")
    (row, *_) = json.loads((tmp_path / "o.json").read_text())["rows"]
    assert row["values"]["piqe"][1] is None
    assert row["means"]["piqe"]["pictures"] == 1
    assert row["means"]["piqe"]["interval"] is None
    assert row["means"]["brightness"]["pictures"] == 2


def test_unmatched_pictures_are_named(weights: Path, folders: tuple[Path, Path]) -> None:
    low, high = folders
    make_picture(9, 0.2).save(low / "alone.png")
    assert "among them alone.png" in refused("--weights", weights, "--low", low, "--high", high)
    (low / "alone.png").unlink()
    make_picture(9, 0.2).save(high / "extra.png")
    assert "among them extra.png" in refused("--weights", weights, "--low", low, "--high", high)
    make_picture(9, 0.2).save(high / "extra.bmp")
    message = refused("--weights", weights, "--low", low, "--high", high)
    assert "extra.bmp" in message
    assert "extra.png" in message


def test_sizes_that_differ(weights: Path, folders: tuple[Path, Path]) -> None:
    low, high = folders
    make_picture(0, 0.4, 61, 48).save(high / "0.bmp")
    message = refused("--weights", weights, "--low", low, "--high", high)
    assert "is 60 x 48 pixels and its reference" in message
    assert "61 x 48" in message


def test_bad_pictures_and_weights(weights: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    low, _ = folders
    (low / "2.png").write_bytes(b"no picture")
    assert "2.png as an image: not an image" in refused("--weights", weights, "--images", low)
    (tmp_path / "b.pth").write_bytes(weights.read_bytes()[:3000])
    assert "b.pth" in refused("--weights", weights, tmp_path / "b.pth", "--images", low)
    torch.save({"e_conv1.weight": torch.zeros(2)}, tmp_path / "c.pth")
    assert "does not fit DCE-Net" in refused("--weights", tmp_path / "c.pth", "--images", low)
    assert "nowhere.pth" in refused("--weights", tmp_path / "nowhere.pth", "--images", low)
    assert "twice" in refused("--weights", weights, weights, "--images", low)
    assert "does not exist" in refused("--weights", weights, "--images", tmp_path / "nowhere")
    assert "--longest is 0" in refused("--weights", weights, "--images", low, "--longest", 0)
    message = refused("--weights", weights, "--images", low, "--json", tmp_path / "none" / "o.json")
    assert "of --json does not exist" in message


def test_large_pictures_are_refused_with_a_way_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, weights: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(pictures, "MOST_PIXELS", 40_000)
    folder = tmp_path / "images"
    folder.mkdir()
    make_picture(0, 0.2, 400, 300).save(folder / "a.png")
    message = refused("--weights", weights, "--images", folder)
    assert "a.png has 400 x 300 pixels" in message
    longest = int(message.rpartition("--longest ")[2])
    assert longest == math.isqrt(40_000 * 400 // 300) // 100 * 100
    assert "1 pictures" in run(capsys, "--weights", weights, "--images", folder, "--longest", longest)


@pytest.mark.parametrize(
    "arguments", [["--images", "a", "--low", "b"], ["--low", "b"], ["--pairs", "c"], [], ["--high", "a", "--root", "b"]]
)
def test_incomplete_arguments(arguments: list[str], weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--weights", str(weights), *arguments])
    assert stop.value.code == 2
    assert "give one of: --pairs CSV --root DIR" in capsys.readouterr().err


def test_denormal_weights_are_dropped_and_change_nothing(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, image = DCENet(), torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        network.e_conv2.weight[:8] = 1e-40
        torch.save(network.state_dict(), tmp_path / "a.pth")
        loaded = load_weights(tmp_path / "a.pth")
        torch.testing.assert_close(loaded(image)[0], network(image)[0], rtol=0, atol=0)
    assert loaded.e_conv2.weight[:8].count_nonzero() == 0
    assert loaded.e_conv2.weight[8:].count_nonzero() > 0


@pytest.mark.shared
def test_the_released_checkpoint_on_real_pairs(
    capsys: pytest.CaptureFixture[str], shared: Path, tmp_path: Path
) -> None:
    """Every 40th pair of the subset, small: a network is better than the input, and LOE not nought."""
    root = shared / "data" / "sice_part1_subset"
    lines = (root / "pairs.csv").read_text().splitlines()
    (tmp_path / "some.csv").write_text("\n".join([lines[0], *lines[1::40]]))
    weights: Any = shared / "weights" / "zero_dce_official.pth"
    options = ["--pairs", tmp_path / "some.csv", "--root", root, "--longest", 128, "--json", tmp_path / "o.json"]
    run(capsys, "--weights", weights, *options)
    rows = {row["name"]: row["means"] for row in json.loads((tmp_path / "o.json").read_text())["rows"]}
    network, before = rows[str(weights)], rows["input"]
    assert network["psnr"]["interval"][0] > before["psnr"]["interval"][1]
    assert network["ssim"]["mean"] > before["ssim"]["mean"]
    assert network["delta_e"]["mean"] < before["delta_e"]["mean"]
    assert network["loe"]["mean"] > 10 > before["loe"]["mean"] == 0
    assert rows["gamma best"]["psnr"]["mean"] >= rows["gamma 0.4"]["psnr"]["mean"]

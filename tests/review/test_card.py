"""The model card: its metadata as the Hub reads it, and that what it says is so."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from zero_dce.review.card import SICE_TERMS, model_card
from zero_dce.review.published import PickedFolder, write_published

CONFIG = {
    "data": {"source": "SICE", "root": "/home/anna/SICE", "size": 256},
    "model": {"weights": None, "exposure": None, "learning_rate": 1e-4},
    "loss": {"weights": {"spa": 1.0, "exp": 30, "col": 5.0, "tv": 200.5}},
    "seed": 7,
}
ORIGIN = {
    "run": "3",
    "name": "exp=30, data.root=/home/anna/SICE",
    "step": 3000,
    "note": "the sky keeps its colour\nand | the snow",
    "picked_at": "2026-11-29T10:00:00+00:00",
    "versions": {"zero_dce": "0.2.0", "torch": "2.13.0", "lightning": "2.6.6", "numpy": "2.4.6"},
    "commit": None,
    "data_fingerprint": "c2d3806bd2a3c082",
    "resumed": [],
}
MEASURES = {"step": 3000, "train": {"step": None, "measures": {}}, "val": {"step": 2700, "measures": {}}}
VALUES = {"val/psnr_gain": 3.14159, "val/psnr_gain_se": 0.12345, "val/ssim": None, "val/exp": 0.0123456}

Make = Callable[..., PickedFolder]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    (tmp_path / "weights.safetensors").write_bytes(b"weights")

    def make(config: Any = None, origin: Any = None, values: Any = VALUES) -> PickedFolder:
        measures = {**MEASURES, "val": {"step": 2700, "measures": values}}
        composed = OmegaConf.merge(CONFIG, config or {})
        return PickedFolder(
            tmp_path,
            "zero_dce",
            79416,
            composed,
            measures,
            {**ORIGIN, **(origin or {})},
            ["00", "02"],  # type: ignore[arg-type]
        )

    return make


def card(picked: PickedFolder, pictures: bool = True) -> str:
    return model_card(picked, "me/night", "cc-by-nc-4.0", pictures)


def metadata(text: str) -> dict[str, Any]:
    from huggingface_hub import ModelCard

    read: dict[str, Any] = ModelCard(text).data.to_dict()
    assert read == yaml.safe_load(text.split("---")[1])
    return read


def test_the_metadata(make: Make) -> None:
    read = metadata(card(make()))
    assert {key: value for key, value in read.items() if key != "tags"} == {
        "license": "cc-by-nc-4.0",
        "library_name": "zero-dce-lightning",
        "pipeline_tag": "image-to-image",
    }
    assert "low-light-image-enhancement" in read["tags"]


def test_what_a_reader_needs_is_there(make: Make) -> None:
    text = card(make())
    assert "DCE-Net of [Zero-DCE](https://arxiv.org/abs/2001.06826), 79,416 parameters" in text
    assert 'zero_dce.enhance(Image.open("dark.jpg"), "hf://me/night")' in text
    assert "zero-dce enhance dark.jpg --output bright --weights hf://me/night" in text
    assert "> the sky keeps its colour\n> and | the snow\n" in text
    assert "| Loss weights | spa 1, exp 30, col 5, tv 200.5 |" in text
    assert "| Steps | 3,000, at 256 x 256 pixels |" in text
    assert "| Seed | 7 |" in text
    assert "| Run | 3 (exp=30, data.root=[a path]), picked 2026-11-29 |" in text
    assert "| Versions | zero_dce 0.2.0, torch 2.13.0, lightning 2.6.6 |" in text
    assert hashlib.sha256(b"weights").hexdigest() in text
    assert "Commit" not in text, "of an installed package there is none"
    assert "anna" not in text


def test_measures_are_those_of_the_folder(make: Make) -> None:
    text = card(make())
    assert "at step 2700" in text
    assert "| `psnr_gain` | 3.142 ± 0.12 (standard error) | by how many dB" in text
    assert "| `exp` | 0.01235 | loss: exposure control, unweighted |" in text
    assert "`ssim`" not in text, "what was not measured has no row"
    assert "There was no validation" in card(make(values={}))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("SICE", SICE_TERMS),
        ("embedded sample, NOT SICE", "results on it are not SICE results"),
        ("folder", "nothing is known here of what they show"),
    ],
)
def test_the_data_is_said_honestly(source: str, said: str, make: Make) -> None:
    text = card(make({"data": {"source": source}}))
    assert said in text
    assert ("**Trained on the small sample" in text) == source.startswith("embedded")
    assert ("Life by Aitzol Berasategi ([CC BY 4.0](https://creativecommons.org/" in text) == source.startswith(
        "embedded"
    )
    assert "Chelsea the cat" not in text, "CC0 asks for no name"
    assert ("csjcai/SICE" in text) == (source == "SICE")


@pytest.mark.parametrize(
    ("weights", "recorded", "base", "said"),
    [
        (None, None, None, "untrained weights"),
        ("hf://me/day@main", "hf://me/day@abc/weights.safetensors", "me/day", "`hf://me/day@abc/weights.safetensors`"),
        ("hf://me/day/best.safetensors", None, "me/day", "`hf://me/day/best.safetensors`"),
        ("wandb://a/b/c:v1", None, None, "`wandb://a/b/c:v1`"),
        ("/home/anna/picked", None, None, "`[a path]`"),
    ],
)
def test_what_the_training_began_with(
    weights: str | None, recorded: str | None, base: str | None, said: str, make: Make
) -> None:
    text = card(make({"model": {"weights": weights}}, {"started_from": recorded}))
    assert f"| Started from | {said} |" in text
    assert metadata(text).get("base_model") == base


def test_how_the_pictures_were_made_is_said(make: Make) -> None:
    assert "without the exposure that" in card(make())
    assert 'exposure="off"' in card(make())
    assert "At the exposure that suits each picture" in card(make({"model": {"exposure": 0.44}}))
    assert "above" not in card(make(), pictures=False)
    assert "samples/" not in card(make(), pictures=False)


def test_a_resumed_run_says_what_trained_it_on(make: Make) -> None:
    later = {"versions": {"zero_dce": "0.3.0", "torch": "2.14.0"}, "commit": None}
    assert "| Trained on by | zero_dce 0.3.0, torch 2.14.0 |" in card(make(origin={"resumed": [later]}))


def test_links_to_pictures_and_files_lead_somewhere(sweep: Path, tmp_path: Path) -> None:
    from zero_dce.review.__main__ import main
    from zero_dce.review.published import read_picked

    main(["pick", str(sweep), "--run", "1", "--step", "2"])
    picked = read_picked(sweep / "picked")
    text = card(picked)
    (tmp_path / "out").mkdir()
    write_published(picked, text, True, tmp_path / "out")
    links = re.findall(r"\]\((?!https://)([^)]+)\)", text)
    assert len(links) == 4, "before and after of two"
    for link in [*links, *re.findall(r"`([a-z]+\.(?:yaml|json))`", text)]:
        assert (tmp_path / "out" / link).is_file(), link

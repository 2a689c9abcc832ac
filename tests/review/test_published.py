"""What of a picked folder is published: the weights as they are, and nothing of the machine or the person."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from zero_dce.review.__main__ import main
from zero_dce.review.published import hide_paths, is_draft, public_config, public_origin, read_picked, write_published

CAPTION = b"step 2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/anna/SICE", "[a path]"),
        ("/home/anna/My Photos, 2024/a", "[a path]"),
        ("~/SICE", "[a path]"),
        ("~anna/SICE", "[a path]"),
        ("../../anna/SICE", "[a path]"),
        (r"C:\Users\anna\SICE", "[a path]"),
        ("D:/anna", "[a path]"),
        (r"\\server\anna", "[a path]"),
        ("data.root=/home/anna/SICE exp=3", "data.root=[a path]"),
        ("exp=3, data.root=/home/anna/My Photos, tv=2", "exp=3, data.root=[a path], tv=2"),
        ('root="/home/anna" tv=2', 'root="[a path]" tv=2'),
        ("file:///home/anna/SICE", "[a path]"),
        ("hf://me/night@abc/weights.safetensors", "hf://me/night@abc/weights.safetensors"),
        ("wandb://me/zero_dce/night:v3", "wandb://me/zero_dce/night:v3"),
        ("https://example.org/a", "https://example.org/a"),
        ('${oc.env:SICE_ROOT,""}', '${oc.env:SICE_ROOT,""}'),
        ("${run_dir}/wandb_id.txt", "${run_dir}/wandb_id.txt"),
        ("split.json", "split.json"),
        ("lists/split.json", "lists/split.json"),
        ("zero_dce.module.ZeroDCE", "zero_dce.module.ZeroDCE"),
        ("32-true", "32-true"),
        ("a / b, ~5 %", "a / b, ~5 %"),
        ("data={root:/home/anna/SICE}", "data={root:[a path]"),
        ("--dir=/home/anna/(secret)/client", "--dir=[a path]"),
        ("data.root=/home/anna/a,b/secret, tv=2", "data.root=[a path], tv=2"),
        ("trained in `/home/anna`", "trained in `[a path]`"),
    ],
)
def test_paths_of_a_machine_are_hidden(text: str, expected: str) -> None:
    assert hide_paths(text) == expected
    assert hide_paths({"a": [text, 3, None]}) == {"a": [expected, 3, None]}


def test_the_configuration_without_what_is_private() -> None:
    config = OmegaConf.create(
        {
            "data": {"root": "/home/anna/SICE", "source": "SICE", "seed": "${seed}", "size": 256},
            "callbacks": {"samples": {"images": "/home/anna/family", "folder": "${run_dir}"}},
            "logger": {"wandb": {"entity": "annas-team"}},
            "model": {"weights": "hf://me/night@abc"},
            "run_dir": "/home/anna/runs/0",
            "resume": "/home/anna/runs/0",
            "seed": 3,
        }
    )
    text = public_config(config)
    assert "anna" not in text
    assert OmegaConf.create(text) == {
        "data": {"root": "[a path]", "source": "SICE", "seed": "${seed}", "size": 256},
        "callbacks": {"samples": {"images": "[a path]", "folder": "${run_dir}"}},
        "model": {"weights": "hf://me/night@abc"},
        "seed": 3,
    }
    assert config.data.root == "/home/anna/SICE", "the run's own is not changed"


def test_the_origin_without_paths_and_with_the_note() -> None:
    origin = {
        "sweep": "/home/anna/runs",
        "checkpoint": "/home/anna/runs/0/checkpoints/step-000002.ckpt",
        "checkpoint_sha256": "abc",
        "name": "data.root=/home/anna/SICE",
        "note": "calm /dev/null sky",
        "step": 2,
    }
    expected = {"checkpoint_sha256": "abc", "name": "data.root=[a path]", "note": "calm /dev/null sky", "step": 2}
    assert public_origin(origin) == expected


def test_nothing_of_the_machine_is_in_any_file(sweep: Path, sice: Path, tmp_path: Path) -> None:
    main(["pick", str(sweep), "--run", "1", "--step", "2"])
    picked = read_picked(sweep / "picked")
    assert str(sice) in (sweep / "picked" / "config.yaml").read_text(), "the data's folder is what has to go"
    (tmp_path / "out").mkdir()
    write_published(picked, "# card\n", True, tmp_path / "out")
    files = {file.relative_to(tmp_path / "out").as_posix(): file for file in (tmp_path / "out").rglob("*.*")}
    pictures = {f"samples/{number}_{side}.png" for number in ("00", "01") for side in ("input", "output")}
    assert set(files) == {"README.md", "weights.safetensors", "config.yaml", "measures.json", "origin.json"} | pictures
    for name, file in files.items():
        content = file.read_bytes()
        for secret in (str(sice), str(sweep), str(Path.home()), "Dataset_Part1"):
            assert secret.encode() not in content, name
    for name in ("weights.safetensors", "measures.json"):
        assert files[name].read_bytes() == (sweep / "picked" / name).read_bytes()
    for name in pictures:
        before, after = Image.open(sweep / "picked" / name), Image.open(files[name])
        assert CAPTION in (sweep / "picked" / name).read_bytes()
        assert after.info == {}
        assert np.array_equal(np.asarray(before), np.asarray(after))


def test_without_pictures(sweep: Path, tmp_path: Path) -> None:
    main(["pick", str(sweep), "--run", "1", "--step", "2"])
    (tmp_path / "out").mkdir()
    write_published(read_picked(sweep / "picked"), "# card\n", False, tmp_path / "out")
    assert not (tmp_path / "out" / "samples").exists()


def test_what_is_no_picked_folder(sweep: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"is no picked folder, it has no weights\.safetensors and no config"):
        read_picked(sweep / "1")
    main(["pick", str(sweep), "--run", "1", "--step", "2"])
    (sweep / "picked" / "origin.json").write_text(json.dumps({"step": 2}))
    with pytest.raises(ValueError, match=r"origin.json has no run"):
        read_picked(sweep / "picked")


@pytest.mark.parametrize("more", ["notes.txt", "samples/raw.nef"])
def test_only_an_earlier_draft_is_replaced(sweep: Path, tmp_path: Path, more: str) -> None:
    main(["pick", str(sweep), "--run", "1", "--step", "2"])
    draft = tmp_path / "draft"
    draft.mkdir()
    assert is_draft(draft), "an empty folder"
    write_published(read_picked(sweep / "picked"), "# card\n", True, draft)
    assert is_draft(draft)
    (draft / more).write_text("somebody's")
    assert not is_draft(draft)


def test_a_folder_with_a_readme_is_no_draft(tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()
    assert not is_draft(tmp_path)

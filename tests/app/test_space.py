from __future__ import annotations

import re
from pathlib import Path

import gradio
import pytest
import yaml
from playwright.sync_api import expect

import zero_dce
from tests.app.conftest import OpenUrl
from tests.helpers.app_server import AppServer, free_port
from zero_dce.app import __main__ as app
from zero_dce.app.space import write_space
from zero_dce.weights import read_weights


def test_the_files_of_a_space(two_weights: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "space"
    write_space(folder, {"run 3, step 600 (exp=10)": two_weights[0]})
    assert (folder / "app.py").read_bytes() == Path(app.__file__).read_bytes(), "this very file"
    assert (folder / "requirements.txt").read_text() == (f"zero-dce-lightning[app,openvino]=={zero_dce.__version__}\n")
    _, front, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    card = yaml.safe_load(front)
    assert (card["sdk"], card["sdk_version"], card["app_file"]) == ("gradio", gradio.__version__, "app.py")
    assert re.fullmatch(r"3\.\d+", card["python_version"])
    assert card["license"] == "mit"
    assert len(card["short_description"]) <= 60
    assert text.strip()
    written = read_weights(folder / "weights" / "run_3_step_600_exp=10.safetensors")
    assert all((written.state[name] == value).all() for name, value in read_weights(two_weights[0]).state.items())


def test_nothing_is_overwritten_or_left_half(two_weights: list[Path], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(FileExistsError, match="is not empty; expected a new folder"):
        write_space(tmp_path, {})
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(b"no")
    with pytest.raises(ValueError, match=r"damaged\.pth is not a PyTorch checkpoint"):
        write_space(tmp_path / "space", {"a": two_weights[0], "b": damaged})
    with pytest.raises(ValueError, match=r"would become a_b\.safetensors"):
        write_space(tmp_path / "space", {"a b": two_weights[0], "a, b": two_weights[1]})
    assert not (tmp_path / "space").exists()


def test_a_space_that_was_half_written_is_completed(two_weights: list[Path], tmp_path: Path) -> None:
    whole, half = tmp_path / "whole", tmp_path / "half"
    for folder in (whole, half):
        write_space(folder, {"a": two_weights[0]})
    (half / "app.py").rename(half / "app.py.unfinished")
    (half / "app.py.unfinished").write_text("a part")
    (half / "weights" / "a.safetensors").unlink()
    write_space(half, {"a": two_weights[0]})
    found = [
        {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        for folder in (whole, half)
    ]
    assert found[0] == found[1]
    (half / "README.md").write_text("mine")
    with pytest.raises(FileExistsError, match=r"is not empty; expected a new folder: it holds README\.md"):
        write_space(half, {"a": two_weights[0]})
    assert (half / "README.md").read_text() == "mine"


@pytest.mark.chromium
@pytest.mark.slow
def test_it_runs_as_a_space_does(open_url: OpenUrl, two_weights: list[Path], photograph: Path, tmp_path: Path) -> None:
    folder = tmp_path / "space"
    write_space(folder, {"mine": two_weights[0]})
    port = free_port()
    environment = {"SPACE_ID": "someone/zero-dce", "GRADIO_SERVER_PORT": str(port)}
    server = AppServer(folder, ["app.py"], environment)
    page = open_url(f"http://127.0.0.1:{port}/")
    expect(page.locator("#weights input")).to_have_value("mine")
    page.locator("#drop input[type=file]").set_input_files(str(photograph))
    expect(page.locator("#told")).to_contain_text("900 × 1,280 pixels", timeout=60_000)
    assert server.stop() == 130
    assert server.spoken_to() == set()

"""Publishing a pick on a small Hub on loopback, and taking it from there."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zero_dce
from tests.helpers.hub_server import HubServer, environment, serve_hub, use_here
from tests.helpers.processes import run_module
from zero_dce import cli
from zero_dce.remote_weights import fetch_weights
from zero_dce.review.__main__ import main

# huggingface_hub's own use of httpx, where it sends a large file.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=.*:DeprecationWarning")
CONTENT = {"README.md", "weights.safetensors", "config.yaml", "measures.json", "origin.json", ".gitattributes"}
PICTURES = {f"samples/{number}_{side}.png" for number in ("00", "01") for side in ("input", "output")}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with serve_hub() as server:
        use_here(monkeypatch, server, tmp_path / "hf", token="hf_me")
        yield server
    fetch_weights.cache_clear()


@pytest.fixture
def picked(sweep: Path) -> Path:
    main(["pick", str(sweep), "--run", "1", "--step", "2", "--note", "calm sky"])
    return sweep / "picked"


def push(picked: Path, *arguments: str, name: str = "me/night") -> None:
    main(["push", str(picked), name, "--license", "mit", *arguments])


def refused(picked: Path, *arguments: str, name: str = "me/night") -> str:
    with pytest.raises(SystemExit) as stop:
        push(picked, *arguments, name=name)
    assert isinstance(stop.value.code, str), "a message, and so the exit code 1"
    assert "\n" not in stop.value.code
    return stop.value.code


@pytest.mark.parametrize("large", [True, False], ids=["large file storage", "in the repository"])
def test_from_a_pick_to_the_same_pixels(
    large: bool, hub: HubServer, picked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.large = large
    push(picked)
    assert f"Published run 1 at step 2: {hub.address}/me/night" in capsys.readouterr().out
    repository = hub.repositories["me/night"]
    assert set(repository.files) == CONTENT | PICTURES
    assert repository.messages == ["first", "Publish run 1 at step 2"], "all files in one commit"
    assert not repository.private
    weights = (picked / "weights.safetensors").read_bytes()
    assert repository.files["weights.safetensors"] == weights
    got = fetch_weights("hf://me/night", "weights.safetensors")
    assert got.file.read_bytes() == weights
    photo = np.random.default_rng(0).integers(0, 60, (24, 40, 3), dtype=np.uint8)
    assert np.array_equal(zero_dce.enhance(photo, "hf://me/night"), zero_dce.enhance(photo, picked))


def test_pushing_again_replaces_the_pictures(hub: HubServer, picked: Path) -> None:
    push(picked)
    for side in ("input", "output"):
        (picked / "samples" / f"01_{side}.png").unlink()
    push(picked, "--license", "cc-by-nc-4.0")
    repository = hub.repositories["me/night"]
    assert set(repository.files) == CONTENT | {"samples/00_input.png", "samples/00_output.png"}
    assert b"license: cc-by-nc-4.0" in repository.files["README.md"]
    push(picked, "--no-pictures")
    assert set(repository.files) == CONTENT
    assert len(repository.commits) == 4


def test_the_draft_is_what_is_published(
    hub: HubServer, picked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    push(picked, "--dry-run", str(tmp_path / "draft"))
    assert "Nothing is published" in capsys.readouterr().out
    assert not hub.requests
    monkeypatch.setenv("HF_TOKEN", "hf_me")
    push(picked)
    files = {file.relative_to(tmp_path / "draft").as_posix(): file for file in (tmp_path / "draft").rglob("*.*")}
    published = dict(hub.repositories["me/night"].files)
    del published[".gitattributes"]
    assert {name: file.read_bytes() for name, file in files.items()} == published
    push(picked, "--dry-run", str(tmp_path / "draft"), "--no-pictures")
    assert not (tmp_path / "draft" / "samples").exists(), "a draft replaces an earlier one"


def test_a_draft_replaces_nothing_else(picked: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "README.md").write_text("mine")
    (tmp_path / "notes" / "thesis.tex").write_text("mine")
    assert "holds something else" in refused(picked, "--dry-run", str(tmp_path / "notes"))
    assert "holds something else" in refused(picked, "--dry-run", str(picked))
    assert "holds something else" in refused(picked, "--dry-run", str(tmp_path / "notes" / "README.md"))
    assert (tmp_path / "notes" / "README.md").read_text() == "mine"


def test_the_licence_is_asked_for(
    hub: HubServer, picked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(SystemExit) as stop:
        main(["push", str(picked), "me/night"])
    assert "--license is missing: without a licence nobody may use the weights" in str(stop.value.code)
    assert "SICE, which is for research" in str(stop.value.code)
    assert not hub.requests
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(builtins, "input", lambda _: "  ")
    with pytest.raises(SystemExit, match="--license is missing"):
        main(["push", str(picked), "me/night"])
    monkeypatch.setattr(builtins, "input", lambda _: " Apache-2.0")
    main(["push", str(picked), "me/night"])
    assert "Which licence? Without a licence" in capsys.readouterr().out
    assert b"license: apache-2.0" in hub.repositories["me/night"].files["README.md"]


@pytest.mark.parametrize(
    ("licence", "message"),
    [
        ("my own!", "--license 'my own!' is no identifier of a licence; expected one of https://huggingface.co/"),
        ("wtfmit", '"license" must be one of'),
    ],
)
def test_a_licence_that_is_none(licence: str, message: str, hub: HubServer, picked: Path) -> None:
    assert message in refused(picked, "--license", licence)
    assert not [path for _, path in hub.requests if "/commit/" in path]


def test_trained_on_sice_it_says_what_that_means(
    hub: HubServer, picked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    push(picked)
    assert "Trained on SICE, which is for research" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["night", "me/night/deep", "me/ni ght", "me/"])
def test_a_name_that_is_none(name: str, hub: HubServer, picked: Path) -> None:
    assert f"{name} is no name of a repository; expected USER/NAME" in refused(picked, name=name)
    assert not hub.requests


def test_without_a_login_nothing_is_sent(hub: HubServer, picked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    assert refused(picked) == (
        "nobody is logged in to the Hugging Face Hub: log in with `hf auth login`, or set HF_TOKEN"
    )
    assert not hub.requests


@pytest.mark.parametrize(
    ("token", "name", "message"),
    [
        ("hf_wrong", "me/night", "status 401: Invalid credentials"),
        ("hf_other", "me/night", "status 403: You don't have the rights"),
        ("hf_me", "other/night", "status 403: You don't have the rights"),
    ],
)
def test_where_one_may_not_write(
    token: str, name: str, message: str, hub: HubServer, picked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    said = refused(picked, name=name)
    assert said.startswith(f"hf://{name} is not published: ")
    assert message in said
    assert not hub.repositories


def test_a_hub_that_fails(hub: HubServer, picked: Path) -> None:
    hub.status = 500
    said = refused(picked)
    assert said.startswith(f"hf://me/night is not published: {hub.address} cannot be reached")


def test_a_large_file_that_is_not_taken(hub: HubServer, picked: Path) -> None:
    hub.full = True
    said = refused(picked)
    assert said.startswith(f"hf://me/night is not published: {hub.address} refuses it (status 403: storage is full)")
    assert len(hub.repositories["me/night"].commits) == 1


def test_private_is_private(hub: HubServer, picked: Path) -> None:
    push(picked, "--private")
    assert hub.repositories["me/night"].private
    push(picked, "--private")
    hub.add("me/day", {})
    said = refused(picked, "--private", name="me/day")
    assert "it is there already and public" in said
    assert len(hub.repositories["me/day"].commits) == 1, "nothing was sent"


def test_the_package_is_named(picked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "zero-dce push needs huggingface_hub: pip install 'zero-dce-lightning[hub]'" in refused(picked)


def test_the_console_script(picked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["zero-dce", "push", str(picked), "me/night", "--license", "mit", "--dry-run", str(tmp_path / "draft")]
    monkeypatch.setattr(sys, "argv", command)
    cli.main()
    assert (tmp_path / "draft" / "README.md").is_file()


@pytest.mark.slow
def test_the_commands_take_what_was_published(hub: HubServer, picked: Path, tmp_path: Path) -> None:
    """In processes of their own, by the environment that a person sets."""
    settings = environment(hub, tmp_path / "theirs", token="hf_me")
    done = run_module("zero_dce.review", ["push", str(picked), "me/night", "--license", "mit"], tmp_path, settings)
    assert done.returncode == 0, done.stderr
    Image.fromarray(np.full((24, 40, 3), 30, dtype=np.uint8)).save(tmp_path / "dark.png")
    for weights, output in (("hf://me/night", "a"), (str(picked), "b")):
        command = ["dark.png", "--output", output, "--weights", weights, "--exposure", "off"]
        done = run_module("zero_dce.enhance", command, tmp_path, settings)
        assert done.returncode == 0, done.stderr
    (a,), (b,) = ((tmp_path / name).iterdir() for name in "ab")
    assert a.read_bytes() == b.read_bytes()
    (tmp_path / "dark").mkdir()
    (tmp_path / "dark.png").rename(tmp_path / "dark" / "dark.png")
    command = ["--weights", "hf://me/night", str(picked), "--images", "dark"]
    done = run_module("zero_dce.evaluate", command, tmp_path, settings)
    assert done.returncode == 0, done.stderr
    assert "hf://me/night" in done.stdout
    done = run_module("zero_dce.enhance", ["dark", "--output", "c", "--weights", "hf://me/nigth"], tmp_path, settings)
    assert done.returncode == 1
    assert done.stderr.startswith("hf://me/nigth: there is no such repository")

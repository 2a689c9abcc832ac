"""Weights by an address, against a small Hub and a small W&B server on loopback."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import zero_dce
from tests.helpers.hub_server import HubServer, environment, serve_hub, use_here
from tests.helpers.wandb_artifacts import Artifact
from tests.helpers.wandb_server import KEY, PROJECT, Server, serve
from zero_dce.networks import DCENet, save_weights
from zero_dce.remote_weights import RemoteWeights, fetch_weights
from zero_dce.weights import WEIGHTS_FILE, is_address, path_or_address, read_weights

PHOTO = np.random.default_rng(0).integers(0, 60, (24, 40, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_weights(tmp_path_factory.mktemp("weights"), seed=0)


def make_weights(folder: Path, seed: int) -> bytes:
    torch.manual_seed(seed)
    file = folder / WEIGHTS_FILE
    save_weights(DCENet(), file, step=3)
    return file.read_bytes()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with serve_hub() as server:
        use_here(monkeypatch, server, tmp_path / "hf")
        yield server
    fetch_weights.cache_clear()


def fetch(address: str) -> RemoteWeights:
    """As a new process does."""
    fetch_weights.cache_clear()
    return fetch_weights(address, WEIGHTS_FILE)


def test_what_is_an_address() -> None:
    assert is_address("hf://me/night")
    assert is_address("wandb://me/p/a:picked")
    assert is_address("hf:/me/night"), "a slash is missing: no path of that name is looked for"
    assert not is_address("runs/hf/0")
    assert not is_address(Path("C:/hf/weights.safetensors"))
    assert path_or_address("hf://me/night") == "hf://me/night"
    assert path_or_address("runs/a/") == Path("runs/a")


@pytest.mark.parametrize("large", [True, False], ids=["large file storage", "in the repository"])
def test_the_file_arrives_byte_for_byte_and_pinned(large: bool, hub: HubServer, weights: bytes) -> None:
    repository = hub.add("me/night", {WEIGHTS_FILE: weights})
    if large:
        hub.stored[hashlib.sha256(weights).hexdigest()] = weights
    got = fetch("hf://me/night")
    assert got.file.read_bytes() == weights
    assert got.pinned == f"hf://me/night@{repository.refs['main']}/{WEIGHTS_FILE}"
    assert fetch(got.pinned) == got
    assert len(hub.downloads()) == 1


def test_the_pixels_are_those_of_the_local_file(hub: HubServer, weights: bytes, tmp_path: Path) -> None:
    hub.add("me/night", {WEIGHTS_FILE: weights})
    (tmp_path / "local.safetensors").write_bytes(weights)
    remote, local = (zero_dce.enhance(PHOTO, place) for place in ("hf://me/night", tmp_path / "local.safetensors"))
    assert np.array_equal(remote, local)
    assert not np.array_equal(remote, zero_dce.enhance(PHOTO)), "these are no copy of the package's own"
    count = len(hub.requests)
    zero_dce.enhance(PHOTO, "hf://me/night")
    assert len(hub.requests) == count, "a process asks once"


def test_a_revision_and_a_file(hub: HubServer, weights: bytes, tmp_path: Path) -> None:
    repository = hub.add("me/night", {WEIGHTS_FILE: weights})
    before = repository.refs["main"]
    other = make_weights(tmp_path, seed=1)
    repository.refs["v1"] = repository.refs["refs/pr/4"] = before
    after = repository.commit({WEIGHTS_FILE: other, "deep/best.safetensors": weights}, "better")
    assert fetch("hf://me/night").file.read_bytes() == other
    for revision in ("v1", before, "refs/pr/4"):
        got = fetch(f"hf://me/night@{revision}")
        assert (got.file.read_bytes(), got.pinned) == (weights, f"hf://me/night@{before}/{WEIGHTS_FILE}")
    got = fetch("hf://me/night/deep/best.safetensors")
    assert (got.file.read_bytes(), got.pinned) == (weights, f"hf://me/night@{after}/deep/best.safetensors")
    assert fetch(f"hf://me/night@{after}/deep/best.safetensors") == got


def test_a_checkpoint_is_read_where_it_is_named_and_runs_no_code(hub: HubServer, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = DCENet()
    torch.save(network.state_dict(), tmp_path / "a.pth")
    torch.save({"state_dict": print}, tmp_path / "b.pth")
    hub.add("me/night", {name: (tmp_path / name).read_bytes() for name in ("a.pth", "b.pth")})
    state = read_weights("hf://me/night/a.pth").state
    assert np.array_equal(state["e_conv1.bias"], network.e_conv1.bias.detach().numpy())
    with pytest.raises(ValueError, match="could run any code"):
        read_weights("hf://me/night/b.pth")
    with pytest.raises(
        FileNotFoundError, match=r"no file weights.safetensors; it has a.pth, b.pth: hf://me/night/a.pth"
    ):
        fetch("hf://me/night")


OUT = "../../../../../../../../../../tmp"


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"ETag": f'"{OUT}/x"'}, "names a revision or a file as no Hub does"),
        ({"X-Repo-Commit": f"{OUT}/x"}, "names a revision or a file as no Hub does"),
        ({"X-Repo-Commit": "f" * 39 + "g"}, "names a revision or a file as no Hub does"),
        ({"ETag": '"' + "a" * 3000 + '"'}, "names a revision or a file as no Hub does"),
        ({"X-Linked-Size": "9" * 20}, "MB, which no network"),
    ],
)
def test_a_hostile_hub_is_not_followed(
    headers: dict[str, str], message: str, hub: HubServer, weights: bytes, tmp_path: Path
) -> None:
    hub.add("me/night", {WEIGHTS_FILE: weights})
    hub.headers = headers
    with pytest.raises((ConnectionError, ValueError), match=rf"hf://me/night.*{message}"):
        fetch("hf://me/night")
    assert not hub.downloads(), "nothing was fetched"
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and file.read_bytes() == weights]


@pytest.mark.parametrize("listing", [b"", b"[5]", b"{", b'{"a": 1}', b"null", b"[" * 100_000, b'[{"type": "file"}]'])
def test_a_listing_that_is_none_is_said(listing: bytes, hub: HubServer) -> None:
    hub.add("me/night", {"a.txt": b"a"})
    hub.listing = listing
    with pytest.raises(OSError, match="hf://me/night"):
        fetch("hf://me/night")


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the package itself says: an earlier run in this process may have let libraries log their requests."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("zero_dce")]


def test_without_a_network_the_copy_is_taken_and_said(
    hub: HubServer, weights: bytes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("me/night", {WEIGHTS_FILE: weights})
    before = fetch("hf://me/night")
    assert not told(caplog)
    hub.status = 503
    with caplog.at_level(logging.WARNING, "zero_dce"):
        assert fetch("hf://me/night") == before
    (message,) = told(caplog)
    assert "cannot be reached" in message
    assert "The copy of an earlier time is taken" in message
    caplog.clear()
    count = len(hub.requests)
    assert fetch(before.pinned) == before
    assert len(hub.requests) == count, "what is pinned needs no network"
    assert not told(caplog)
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch("hf://me/night") == before
    assert "HF_HUB_OFFLINE is set" in caplog.text


def silence(hub: HubServer) -> None:
    hub.silent = True


def fail(hub: HubServer) -> None:
    hub.status = 500


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        pytest.param(silence, "timed out", marks=pytest.mark.slow),
        (fail, "500"),
    ],
)
def test_out_of_reach_and_no_copy(
    break_it: Callable[[HubServer], None], reason: str, hub: HubServer, weights: bytes
) -> None:
    hub.add("me/night", {WEIGHTS_FILE: weights})
    break_it(hub)
    with pytest.raises(ConnectionError, match=rf"hf://me/night: http://127.*cannot be reached \(.*{reason}") as told:
        fetch("hf://me/night")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("address", "token", "error", "message"),
    [
        (
            "hf://me/nigth",
            None,
            FileNotFoundError,
            "there is no such repository at http.*or it is private.*hf auth login",
        ),
        ("hf://me/nigth", "hf_me", FileNotFoundError, "there is no such repository at"),
        (
            "hf://me/secret",
            None,
            FileNotFoundError,
            "or it is private: correct the name, or log in with `hf auth login`",
        ),
        ("hf://me/secret", "hf_other", FileNotFoundError, "or it is private"),
        ("hf://me/night", "hf_wrong", PermissionError, "refuses it .status 401: Invalid credentials.*hf auth login"),
        ("hf://me/gated", "hf_other", PermissionError, "access has to be asked for"),
        ("hf://me/night@v9", None, FileNotFoundError, "no such revision"),
        (
            "hf://me/night/best.safetensors",
            None,
            FileNotFoundError,
            "no file best.safetensors; it has weights.safetensors",
        ),
        ("hf://me/empty", None, FileNotFoundError, "no file weights.safetensors; it holds no weights at all"),
    ],
)
def test_what_is_not_there_or_not_allowed(
    address: str,
    token: str | None,
    error: type[Exception],
    message: str,
    hub: HubServer,
    weights: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, options in (("night", {}), ("secret", {"private": True}), ("gated", {"gated": True})):
        hub.add(f"me/{name}", {WEIGHTS_FILE: weights}, **options)
    hub.add("me/empty", {"README.md": b""})
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(error, match=message) as told:
        fetch(address)
    assert "\n" not in str(told.value)
    assert str(told.value).startswith(f"{address}: ")


def test_a_private_repository_with_its_owners_login(
    hub: HubServer, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("me/secret", {WEIGHTS_FILE: weights}, private=True)
    monkeypatch.setenv("HF_TOKEN", "hf_me")
    assert fetch("hf://me/secret").file.read_bytes() == weights


@pytest.mark.parametrize(
    "address",
    [
        "hf://night",
        "hf://",
        "hf:/me/night",
        "hf://me/night@",
        "hf://datasets/me/night",
        "hf://me/ni ght",
        "hf://me/night/../x",
    ],
)
def test_a_malformed_address_says_what_was_expected(address: str, hub: HubServer) -> None:
    with pytest.raises((ValueError, FileNotFoundError)) as told:
        fetch(address)
    assert "expected" in str(told.value)
    assert "hf://USER/NAME" in str(told.value)
    assert not hub.downloads()


def test_a_file_that_is_no_such_network_is_not_fetched(hub: HubServer) -> None:
    hub.add("me/large", {WEIGHTS_FILE: b"0" * 65_000_000})
    with pytest.raises(ValueError, match="has 65 MB, which no network of this package has"):
        fetch("hf://me/large")
    assert not hub.downloads()


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"hf://me/night needs huggingface_hub: pip install 'zero-dce-lightning\[hub"
    ):
        fetch("hf://me/night")


@pytest.mark.slow
def test_of_several_processes_one_fetches(
    hub: HubServer, weights: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("me/night", {WEIGHTS_FILE: weights})
    for name, value in environment(hub, tmp_path / "theirs").items():
        monkeypatch.setenv(name, value)
    code = "from zero_dce.weights import find_file; print(find_file('hf://me/night'))"
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    files = {process.communicate(timeout=100)[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    (file,) = files
    assert Path(file.strip()).read_bytes() == weights
    assert len(hub.downloads()) == 1


@pytest.fixture
def wandb_server() -> Iterator[Server]:
    with serve() as running:
        yield running


def add_artifact(server: Server, weights: bytes, *aliases: str) -> None:
    """Put an artifact on the server as a pick is sent there."""
    artifact = Artifact("night", "model", "run", PROJECT["name"], [*aliases], {}, committed=True)
    artifact.files = {WEIGHTS_FILE: weights, "origin.json": b"{}"}
    digests = {
        name: base64.b64encode(hashlib.md5(content).digest()).decode() for name, content in artifact.files.items()
    }
    artifact.manifest = {
        "version": 1,
        "storagePolicy": "wandb-storage-policy-v1",
        "storagePolicyConfig": {"storageLayout": "V2"},
        "contents": {name: {"digest": digest, "size": len(artifact.files[name])} for name, digest in digests.items()},
    }
    server.artifacts.all.append(artifact)


SHOW = """
import sys
from zero_dce.remote_weights import fetch_weights
from zero_dce.terminal import errors_as_messages
with errors_as_messages():
    got = fetch_weights(sys.argv[1], "weights.safetensors")
    print(got.pinned, got.file)
"""


def fetch_from_wandb(
    server: Server,
    folder: Path,
    alias: str = "picked",
    address: str = "wandb://someone/zero_dce/night",
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    variables = {
        **os.environ,
        "WANDB_BASE_URL": server.address,
        "WANDB_API_KEY": KEY,
        "HOME": str(folder),
        "ZERO_DCE_CACHE": str(folder / "cache"),
        **environment,
    }
    command = [sys.executable, "-c", SHOW, f"{address}:{alias}"]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.slow
def test_an_artifact_arrives_pinned_to_its_version(wandb_server: Server, weights: bytes, tmp_path: Path) -> None:
    other = make_weights(tmp_path, seed=1)
    add_artifact(wandb_server, weights, "picked")
    done = fetch_from_wandb(wandb_server, tmp_path)
    assert done.returncode == 0, done.stderr
    pinned, file = done.stdout.split()
    assert pinned == "wandb://someone/zero_dce/night:v0"
    assert Path(file).read_bytes() == weights
    assert Path(file).is_relative_to(tmp_path / "cache")
    assert done.stderr == ""
    add_artifact(wandb_server, other, "picked")
    pinned, file = fetch_from_wandb(wandb_server, tmp_path).stdout.split()
    assert (pinned, Path(file).read_bytes()) == ("wandb://someone/zero_dce/night:v1", other)
    pinned, file = fetch_from_wandb(wandb_server, tmp_path, "v0").stdout.split()
    assert Path(file).read_bytes() == weights
    assert wandb_server.artifacts.given == [WEIGHTS_FILE] * 2, "each version once, and nothing else of the artifact"


@pytest.mark.slow
def test_an_artifact_without_a_network(wandb_server: Server, weights: bytes, tmp_path: Path) -> None:
    add_artifact(wandb_server, weights, "picked")
    first = fetch_from_wandb(wandb_server, tmp_path)
    wandb_server.silent = True
    again = fetch_from_wandb(wandb_server, tmp_path)
    assert again.returncode == 0, again.stderr
    assert again.stdout == first.stdout
    assert "cannot be reached" in again.stderr
    assert "The copy of an earlier time is taken: version v0" in again.stderr
    assert fetch_from_wandb(wandb_server, tmp_path, "v0").stderr == "", "a version needs no network"
    done = fetch_from_wandb(wandb_server, tmp_path, "step-3")
    assert done.returncode == 1
    assert done.stderr.startswith("wandb://someone/zero_dce/night:step-3: W&B at http://127")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "key", "message"),
    [
        ("wandb://someone/zero_dce/dusk", KEY, "W&B does not give it: .*not found"),
        ("wandb://someone/other/night", KEY, "W&B does not give it: .*not found"),
        ("wandb://someone/zero_dce/night", "", "W&B has no API key for .*wandb login"),
    ],
)
def test_an_artifact_that_is_not_given(
    address: str, key: str, message: str, wandb_server: Server, weights: bytes, tmp_path: Path
) -> None:
    add_artifact(wandb_server, weights, "picked")
    done = fetch_from_wandb(wandb_server, tmp_path, address=address, WANDB_API_KEY=key)
    assert done.returncode == 1
    assert re.fullmatch(rf"{address}:picked: {message}.*\n", done.stderr), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size", "message"),
    [(WEIGHTS_FILE, 65_000_000, "has 65 MB, which no network"), ("model.pth", 10, "the artifact has no file weights")],
)
def test_an_artifact_that_is_no_pick(
    name: str, size: int, message: str, wandb_server: Server, weights: bytes, tmp_path: Path
) -> None:
    add_artifact(wandb_server, weights, "picked")
    contents = wandb_server.artifacts.all[0].manifest["contents"]
    contents[name] = {**contents.pop(WEIGHTS_FILE), "size": size}
    done = fetch_from_wandb(wandb_server, tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert not wandb_server.artifacts.given


@pytest.mark.parametrize(
    "address", ["wandb://someone/night:picked", "wandb://someone/zero_dce/night", "wandb:a/b/c:d", "wandb://a/../c:d"]
)
def test_a_malformed_address_of_an_artifact(address: str) -> None:
    with pytest.raises(ValueError, match=r"expected wandb://ENTITY/PROJECT/ARTIFACT:ALIAS"):
        fetch(address)

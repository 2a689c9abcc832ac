"""A pick as a W&B artifact, against a small server on loopback."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.helpers.processes import run_module
from tests.helpers.wandb_server import KEY, Server, serve
from zero_dce.review.upload import artifact_name, check_upload


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        yield running


def pick(sweep: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["pick", str(sweep), "--run", "1", "--step", "2", *arguments]
    return run_module("zero_dce.review", command, sweep, {"HOME": str(sweep), "WANDB_API_KEY": KEY, **environment})


def make_online(sweep: Path) -> None:
    """Let the run's configuration say that it was logged online."""
    file = sweep / "1" / ".hydra" / "config.yaml"
    text = file.read_text()
    assert "mode: offline" in text
    file.write_text(text.replace("mode: offline", "mode: online"))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "the run was logged online"])
def test_the_folder_arrives_byte_for_byte(asked: bool, server: Server, sweep: Path) -> None:
    if not asked:
        make_online(sweep)
    done = pick(sweep, "--note", "calm sky", *(["--upload"] if asked else []), WANDB_BASE_URL=server.address)
    assert done.returncode == 0, done.stderr
    assert "in W&B: someone/zero_dce/grid-today:v0" in done.stdout
    assert done.stderr == ""
    (artifact,) = server.artifacts.all
    files = contents(sweep / "picked")
    assert len(files) == 10
    assert artifact.files == files
    digests = {name: entry["digest"] for name, entry in artifact.manifest["contents"].items()}
    assert digests == {name: base64.b64encode(hashlib.md5(data).digest()).decode() for name, data in files.items()}
    assert (artifact.name, artifact.kind, artifact.project) == ("grid-today", "model", "zero_dce")
    assert {"picked", "step-2"} <= set(artifact.aliases) <= {"picked", "step-2", "latest"}
    assert artifact.committed
    assert (artifact.metadata["name"], artifact.metadata["note"]) == ("exp=10", "calm sky")
    (run,) = server.runs.values()
    assert run.name == artifact.run
    assert (run.display_name, run.job_type, run.exit_code) == ("pick: run 1 (exp=10) at step 2", "pick", 0)
    assert not run.rows, "the sweep's plots stay as they were"
    assert not list(sweep.glob("**/wandb/run-*")), "nothing is left beside the offline runs"


@pytest.mark.slow
def test_what_was_sent_is_taken_as_weights(server: Server, sweep: Path, tmp_path: Path) -> None:
    done = pick(sweep, "--upload", WANDB_BASE_URL=server.address)
    assert done.returncode == 0, done.stderr
    settings = {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": server.address, "ZERO_DCE_CACHE": str(tmp_path / "cache")}
    address = "wandb://someone/zero_dce/grid-today:step-2"
    options = ["--weights", address, "--format", "torch", "--output", str(sweep / "net.pt2")]
    done = run_module("zero_dce.export", options, sweep, {"HOME": str(sweep), **settings})
    assert done.returncode == 0, done.stderr
    assert server.artifacts.given == ["weights.safetensors"]
    (copy,) = (tmp_path / "cache").rglob("weights.safetensors")
    assert copy.parent.name == "v0"
    assert copy.read_bytes() == (sweep / "picked" / "weights.safetensors").read_bytes()


@pytest.mark.slow
def test_offline_runs_are_not_sent(server: Server, sweep: Path) -> None:
    done = pick(sweep, WANDB_BASE_URL=server.address)
    assert done.returncode == 0, done.stderr
    make_online(sweep)
    done = pick(sweep, "--overwrite", "--no-upload", WANDB_BASE_URL=server.address)
    assert done.returncode == 0, done.stderr
    assert not server.runs
    assert not server.artifacts.all


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "address", "message"),
    [(KEY, "http://127.0.0.1:9", "cannot be reached"), ("", "http://127.0.0.1:9", "has no API key")],
)
def test_without_a_server_it_says_so(key: str, address: str, message: str, sweep: Path) -> None:
    done = pick(sweep, "--upload", WANDB_BASE_URL=address, WANDB_API_KEY=key)
    assert done.returncode == 1
    assert re.match(rf"W&B .*{message}.*--no-upload picks without sending", done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert not (sweep / "picked").exists()


@pytest.mark.slow
def test_a_server_that_refuses_the_artifact(server: Server, sweep: Path) -> None:
    server.artifacts.refuses = True
    done = pick(sweep, "--upload", WANDB_BASE_URL=server.address)
    assert done.returncode == 1
    assert "W&B did not take the artifact" in done.stderr
    assert "artifacts are not for you" in done.stderr
    assert f"{sweep / 'picked'} is whole" in done.stderr
    assert "Traceback" not in done.stderr
    (run,) = server.runs.values()
    assert run.exit_code == 1, "closed, and as failed"


def test_the_rest_of_the_logger_is_not_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files lie in the run's folder, which only Hydra knows."""
    monkeypatch.setattr("zero_dce.review.upload.check_connection", lambda: None)
    logger = {"project": "night", "id_file": "${run_dir}/wandb_id.txt"}
    config = OmegaConf.create({"run_dir": "${hydra:runtime.output_dir}", "logger": {"wandb": logger}})
    target = check_upload(config, tmp_path)
    assert (target.project, target.entity) == ("night", None)
    config.logger.wandb.entity = "someone"
    assert check_upload(config, tmp_path).entity == "someone"
    config.logger.wandb.project = 3
    with pytest.raises(ValueError, match=r"config\.yaml has logger\.wandb\.project=3"):
        check_upload(config, tmp_path)
    with pytest.raises(ValueError, match="was not logged to W&B"):
        check_upload(OmegaConf.create({"logger": {}}), tmp_path)


@pytest.mark.slow
def test_a_run_that_was_not_logged_to_wandb(sweep: Path) -> None:
    file = sweep / "1" / ".hydra" / "config.yaml"
    text = file.read_text()
    file.write_text(re.sub(r"^logger:\n(  .*\n)+", "logger: {}\n", text, flags=re.MULTILINE))
    done = pick(sweep, "--upload")
    assert done.returncode == 1
    assert "was not logged to W&B, so there is no project to send to" in done.stderr


@pytest.mark.parametrize(
    ("run", "name"),
    [
        ("/runs/loss_weights/2026-11-23_10-00-00/3", "loss_weights-2026-11-23_10-00-00"),
        ("/runs/night, 天空/a=b/3", "night-a-b"),
        (f"/{'a' * 200}/{'b' * 100}/0", "a" * 27 + "-" + "b" * 100),
    ],
)
def test_names_that_wandb_takes(run: str, name: str) -> None:
    assert artifact_name(Path(run)) == name

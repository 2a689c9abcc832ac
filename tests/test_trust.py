"""What docs/trust.md promises of all commands: no code from files, no connections, no secrets, umask."""

from __future__ import annotations

import ast
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import zero_dce
from tests.helpers.app_server import WATCH
from tests.helpers.paths import ROOT
from tests.helpers.pictures import make_picture
from tests.helpers.runs import read_wandb, tiny
from zero_dce.files import write_file
from zero_dce.train.loggers.tracker import read_id
from zero_dce.train.resuming import read_step

PACKAGE = Path(zero_dce.__file__).parent
# Where programs look for keys.
SECRETS = {
    "WANDB_API_KEY": "0c" * 20,
    "HF_TOKEN": "hf_canaryCanaryCanaryCanary",
    "MLFLOW_TRACKING_PASSWORD": "canary-password",
    "AWS_SECRET_ACCESS_KEY": "canary-secret",
}
REMOTE = "https://me:canary-git@git.example/photos.git"
# What leaves each of them out, as docs/trust.md says.
LEFT_OUT = {
    "disable_git": True,
    "console": "off",
    "host": "elsewhere",
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_save_requirements": False,
}
LOG_A_STEP = """
import json, sys
from zero_dce.train.loggers.step_wandb import StepWandbLogger
logger = StepWandbLogger("offline", "id.txt", json.loads(sys.argv[1]), save_dir=".", project="p")
logger.log_hyperparams({"seed": 1})
print("printed")
logger.log_metrics({"a": 1.0}, 1)
logger.close("finished")
"""


def run_watched(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, umask: int = -1
) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run a Python command line, and return it and the names of the machines that it wanted to speak to."""
    watch, log = folder.parent / f"{folder.name}-watch", folder.parent / f"{folder.name}-spoken.txt"
    watch.mkdir(exist_ok=True)
    (watch / "sitecustomize.py").write_text(WATCH.format(log=str(log)))
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(watch), str(ROOT)]), **(environment or {})}
    # W&B's process of an earlier test in this one would write with the umask of that, and outside of what is watched.
    variables.pop("WANDB_SERVICE", None)
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=variables,
        umask=umask,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return done, set(log.read_text().split()) if log.exists() else set()


def test_the_watch_sees_connections(tmp_path: Path) -> None:
    script = "import socket\ntry: socket.create_connection(('elsewhere.invalid', 80), timeout=1)\nexcept OSError: pass"
    (tmp_path / "here").mkdir()
    done, spoken_to = run_watched(tmp_path / "here", "-c", script)
    assert done.returncode == 0, done.stderr
    assert spoken_to == {"elsewhere.invalid"}


def calls() -> list[tuple[str, ast.Call]]:
    """Every call in the package, by the dotted name of what is called."""
    found = []
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                found.append((ast.unparse(node.func), node))
    return found


def test_no_call_runs_code_from_a_file() -> None:
    """Also what would only do so with another option."""
    names = {name for name, _ in calls()}
    assert "torch.load" in names, "the walk sees calls"
    assert not names & {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "runpy.run_path"}
    assert not [name for name in names if name.partition(".")[0] in ("pickle", "dill", "joblib", "shelve", "marshal")]
    for name, call in calls():
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert name != "torch.load" or options["weights_only"] == "True"
        assert "ckpt_path" not in options or options.get("weights_only") == "True"
        assert "allow_pickle" not in options
        assert "shell" not in options or name == "shellcode", name


class _Hostile:
    def __init__(self, taken: Path) -> None:
        self.taken = taken

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.taken),))


def test_a_checkpoint_that_is_resumed_brings_no_code(tmp_path: Path) -> None:
    file, taken = tmp_path / "last.ckpt", tmp_path / "taken"
    torch.save({"global_step": 2, "state_dict": {}, "callbacks": _Hostile(taken)}, file)
    with pytest.raises(ValueError, match="could run any code"):
        read_step(file)
    assert not taken.exists()
    pickle.loads(pickle.dumps(_Hostile(taken)))
    assert taken.exists(), "the test would notice"


@pytest.mark.parametrize("text", ["*", "../../x", "a\nb", "", "a\n\n../b"])
def test_the_id_of_a_run_finds_no_other_files(text: str, tmp_path: Path) -> None:
    file = tmp_path / "wandb_id.txt"
    file.write_text("1a2b3c4d\n")
    assert read_id(file) == "1a2b3c4d"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"holds (no id|2 ids) of a run"):
        read_id(file)


def test_a_link_is_replaced_and_its_target_stays(tmp_path: Path) -> None:
    elsewhere, file = tmp_path / "elsewhere", tmp_path / "file"
    elsewhere.write_text("kept")
    file.symlink_to(elsewhere)
    write_file(file, "new")
    assert (file.is_symlink(), file.read_text(), elsewhere.read_text()) == (False, "new", "kept")


def permissions(folder: Path) -> dict[str, str]:
    """The permissions of everything below a folder that are not those of its umask 027."""
    found = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode & 0o777
        if not path.is_symlink() and mode != (0o750 if path.is_dir() else 0o640):
            found[str(path.relative_to(folder))] = oct(mode)
    return found


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=me", "-c", "user.email=me@mail.example"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def make_repository(folder: Path) -> None:
    """A repository with a remote that has a password, and with a change that is not committed."""
    folder.mkdir()
    git(folder, "init")
    git(folder, "remote", "add", "origin", REMOTE)
    (folder / "own.py").write_text("committed = 1\n")
    git(folder, "add", "own.py")
    git(folder, "commit", "-m", "one")
    (folder / "own.py").write_text("uncommitted = 1\n")


@pytest.mark.slow
def test_a_run_that_is_logged_offline(sice: Path, tmp_path: Path) -> None:
    """Whom it speaks to, what it writes, who may read that, and what W&B would send of it."""
    folder, cache = tmp_path / "here", tmp_path / "cache"
    make_repository(folder)
    environment = {**SECRETS, "ZERO_DCE_CACHE": str(cache)}
    arguments = tiny(sice, "logger=[wandb,mlflow,tensorboard]", "hydra.run.dir=run/0", "report_page=true")
    done, spoken_to = run_watched(folder, "-m", "zero_dce.train", *arguments, environment=environment, umask=0o027)
    assert done.returncode == 0, done.stderr
    assert spoken_to == set()
    assert permissions(folder / "run") == {}
    assert permissions(cache) == {}
    for file in (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts):
        content = file.read_bytes()
        for secret in (*SECRETS.values(), "canary-git"):
            assert secret.encode() not in content, file
    assert not [secret for secret in SECRETS.values() if secret in done.stdout + done.stderr]
    records = read_wandb(folder / "run" / "wandb")
    text = json.dumps(records)
    for sent in ("git.example/photos.git", "trainer.max_steps=4", "output_raw", "requirements.txt", "cpu_count"):
        assert sent in text
    assert f'"host": "{os.uname().nodename}"' in text
    for kept in ("me@mail.example", "uncommitted", "committed = 1", str(Path.home())):
        assert kept not in text.replace(str(folder), "")


@pytest.mark.slow
def test_what_is_left_out_of_wandb(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    make_repository(folder)
    done, spoken_to = run_watched(folder, "-c", LOG_A_STEP, json.dumps(LEFT_OUT))
    assert done.returncode == 0, done.stderr
    assert spoken_to == set()
    records = read_wandb(folder / "wandb")
    kinds = {record["type"] for record in records}
    assert kinds.isdisjoint({"environment", "stats", "output_raw", "output"}), kinds
    text = json.dumps(records)
    for kept in ("git.example", "printed", "requirements.txt", os.uname().nodename + '"', sys.executable):
        assert kept not in text
    assert '"a": 1' in text
    configured = (ROOT / "conf" / "logger" / "wandb.yaml").read_text()
    assert all(f"    {name}: null" in configured for name in LEFT_OUT), "each is an option"


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "torch"])
def test_enhancing_speaks_to_nobody(backend: str, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    make_picture(1, 0.2).save(folder / "dark.jpg")
    # A home in which nobody has refused anything.
    home = {"HOME": str(tmp_path)}
    arguments = ["-m", "zero_dce.enhance", "dark.jpg", "--output", "bright", "--backend", backend]
    done, spoken_to = run_watched(folder, *arguments, environment=home, umask=0o027)
    assert done.returncode == 0, done.stderr
    assert spoken_to == set()
    assert permissions(folder / "bright") == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnx", "openvino", "ncnn"])
def test_exporting_speaks_to_nobody(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    suffix = {"onnx": "onnx", "openvino": "xml", "ncnn": "param"}[name]
    arguments = ["-m", "zero_dce.export", "--format", name, "--output", f"net.{suffix}"]
    done, spoken_to = run_watched(folder, *arguments, environment={"HOME": str(tmp_path)}, umask=0o027)
    assert done.returncode == 0, done.stderr
    assert spoken_to == set()
    assert permissions(folder) == {}

"""The job that runs the tests with the next versions: what it installs, reports and ends with."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.helpers.paths import ROOT


def load(name: str) -> ModuleType:
    """Import a script of .ci."""
    spec = importlib.util.spec_from_file_location(f"ci_{name}", ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pinned(file: str) -> dict[str, str]:
    lines = [line for line in (ROOT / file).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    pairs = (line.partition("==") for line in lines)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, _, version in pairs}


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The script, with folders of its own."""
    module = load("next")
    for name, file in (("ENVIRONMENT", ".venv-next"), ("REPORT", "report.txt"), ("CONSTRAINTS", "next.txt")):
        monkeypatch.setattr(module, name, tmp_path / file)
    return module


def test_both_files_pin_the_same_packages() -> None:
    now, after = pinned("constraints.txt"), pinned("constraints-next.txt")
    # Hydra 1.4 does without ANTLR's runtime.
    assert set(now) - {"antlr4-python3-runtime"} == set(after)
    assert all(after.values())
    assert after["hydra-core"].startswith("1.4.")
    assert after["omegaconf"].startswith("2.4.")


@pytest.mark.parametrize("uv", ["/usr/bin/uv", None])
@pytest.mark.parametrize("upgrade", [False, True])
def test_what_is_installed(
    uv: str | None, upgrade: bool, job: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(job, "run", commands.append)
    monkeypatch.setattr(job.shutil, "which", lambda name: uv)
    python = job.make_environment(tmp_path / "venv", upgrade)
    make, install = commands
    assert make[-1] == str(tmp_path / "venv")
    assert install[:3] == ([uv, "pip", "install"] if uv else [str(python), "-m", "pip"])
    assert install[-2:] == ["--editable", f"{ROOT}[dev]"]
    assert ("--constraint" in install) is not upgrade
    assert ("hydra-core>=1.4.0.dev0" in install) is upgrade


def test_pins_are_for_any_machine(job: ModuleType) -> None:
    versions = {"torch": "2.14.1+cu130", "nvidia-cublas": "13.1", "triton": "3.8", "pip": "26", "wandb": "0.31.0"}
    assert job.pins({**versions, "zero-dce-lightning": "0.1.0"}) == ["torch==2.14.1", "wandb==0.31.0"]


@pytest.mark.slow
@pytest.mark.parametrize(("value", "code"), [(1, 0), (2, 1)])
def test_the_report(value: int, code: int, job: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    job.ENVIRONMENT.mkdir()
    (tmp_path / "test_it.py").write_text(
        f"import pytest\n\ndef test_one():\n    assert {value} == 1\n\ndef test_two():\n    pass\n\n"
        "def test_three():\n    pytest.skip('not here')\n"
    )
    monkeypatch.setattr(job, "make_environment", lambda folder, upgrade: Path(sys.executable))
    assert job.main([str(tmp_path / "test_it.py")]) == code
    _, *lines = job.REPORT.read_text().splitlines()
    assert any(line.startswith("hydra-core 1.") for line in lines)
    assert f"{2 - code} passed, {code} failed, 1 skipped" in "\n".join(lines)
    assert [line.rpartition("::")[2] for line in lines if line.startswith("FAILED")] == ["test_one"] * code


@pytest.mark.slow
def test_nothing_to_report(job: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test at all is a failure too, and so is a package that cannot be had."""
    job.ENVIRONMENT.mkdir()
    monkeypatch.setattr(job, "make_environment", lambda folder, upgrade: Path(sys.executable))
    assert job.main([str(tmp_path / "nowhere")]) == 1

    def refuse(folder: Path, upgrade: bool) -> Path:
        raise job.subprocess.CalledProcessError(2, ["pip", "install", "nothing"])

    monkeypatch.setattr(job, "make_environment", refuse)
    assert job.main([]) == 1
    assert job.REPORT.read_text().endswith("not installed: pip install nothing ended with 2\n")


def test_upgrading_writes_what_was_found(job: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "make_environment", lambda folder, upgrade: Path(sys.executable))
    monkeypatch.setattr(job, "run_tests", lambda python, arguments: (0, "all passed"))
    assert job.main(["--upgrade"]) == 0
    header, *found = job.CONSTRAINTS.read_text().splitlines()
    assert header.startswith("# The next versions")
    assert any(line.startswith("hydra-core==") for line in found)

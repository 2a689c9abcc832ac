"""What is released: the archives and what they hold, one version, the public interface, the container."""

from __future__ import annotations

import email
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from email.message import Message
from importlib import import_module
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import zero_dce
from tests.helpers.paths import ROOT
from tests.helpers.public_api import PUBLIC, describe
from tests.helpers.runs import read_result, tiny
from tests.test_next import load
from zero_dce.train.configuration import find_targets

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# What is no part of a checkout.
LEFTOVERS = shutil.ignore_patterns(
    "__pycache__", ".*_cache", ".venv*", ".git", "runs", "wandb", "build", "dist", "*.egg-info"
)
# What a person who uses the package may write; the last line but one is wrong.
SCRIPT = """
import numpy as np
import zero_dce
from zero_dce.networks import load_weights
dark: np.ndarray = np.zeros((8, 8, 3), np.uint8)
bright: np.ndarray = zero_dce.enhance(dark, exposure=0.5)
zero_dce.enhance(dark, strength="much")
reveal_type(load_weights("weights.pth"))
"""


@dataclass(frozen=True)
class Built:
    """The two archives of a release."""

    wheel: Path
    source: Path

    def description(self) -> Message:
        """Return what the registry reads of the wheel."""
        with zipfile.ZipFile(self.wheel) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            return email.message_from_bytes(archive.read(name))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The wheel is built from what the source archive holds."""
    source = shutil.copytree(ROOT, tmp_path_factory.mktemp("source") / "checkout", ignore=LEFTOVERS)
    target = tmp_path_factory.mktemp("archives")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(source)]
    done = subprocess.run(command, timeout=300, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "absent from the `packages`" not in done.stdout + done.stderr
    (wheel,), (archive,) = target.glob("*.whl"), target.glob("*.tar.gz")
    return Built(wheel, archive)


@pytest.fixture(scope="module")
def clean(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment in which the wheel is installed, beside what it depends on."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, symlinks=True)
    pip = ["-m", "pip", "--python", str(folder), "install", "--no-deps", "--no-index", "--quiet", str(built.wheel)]
    assert run_clean(Path(sys.executable), folder, *pip).returncode == 0
    (site,) = folder.glob("lib/python*/site-packages")
    # Of the dependencies' folder only what lies in it counts: not the editable installation of the checkout.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "python"


def run_clean(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(python), *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def of_the_package() -> set[str]:
    """The names that the package's own files have in the wheel."""
    folders = {"zero_dce": "zero_dce", "hydra_plugins": "hydra_plugins", "conf": "zero_dce/conf"}
    return {
        f"{place}/{file.relative_to(ROOT / folder).as_posix()}"
        for folder, place in folders.items()
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_all_folders_are_listed() -> None:
    """Setuptools leaves a folder out that is not in the list, without a word."""
    folders = {Path(name).parent for name in of_the_package()}
    listed = {Path(*package.split(".")) for package in SETTINGS["tool"]["setuptools"]["packages"]}
    assert listed == folders


@pytest.mark.slow
def test_the_wheel_holds_the_package(built: Built) -> None:
    held = zipfile.ZipFile(built.wheel).namelist()
    names = {name for name in held if ".dist-info/" not in name}
    assert names == of_the_package()
    assert any(name.endswith("/LICENSE") for name in held)
    assert {"zero_dce/py.typed", "zero_dce/step/parts.py", "zero_dce/conf/config.yaml"} <= names
    assert built.wheel.stat().st_size < 6_000_000


@pytest.mark.slow
def test_the_source_archive_holds_what_is_committed(built: Built) -> None:
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout, or git is not installed")
    with tarfile.open(built.source) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    made = {"PKG-INFO", "setup.cfg"} | {name for name in names if ".egg-info/" in name}
    assert {name for name in listed.split("\0") if name and (ROOT / name).exists()} <= names - made
    assert built.source.stat().st_size < 10_000_000


@pytest.mark.slow
def test_the_registry_would_take_them(built: Built) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", str(built.wheel), str(built.source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_description_needs_no_files_beside_it(built: Built) -> None:
    text = built.description().get_payload()
    assert isinstance(text, str)
    assert text.startswith("# zero_dce\n")
    assert "pip install zero-dce-lightning" in text
    assert re.findall(r"\]\((?!https://)[^)]*\)", text) == []
    assert "![" not in text
    assert "by eye (`sweeps/quality/by_eye.md`)" in text
    # Nothing else is lost: each heading and each block of commands is there.
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for part in re.findall(r"^#+ [^\n]*$|^```.*?^```$", readme, re.MULTILINE | re.DOTALL):
        assert part in text


@pytest.mark.slow
def test_types_are_there_for_users(clean: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = run_clean(Path(sys.executable), tmp_path, "-m", "mypy", "--python-executable", str(clean), "script.py")
    lines = done.stdout.splitlines()
    assert lines[0].startswith('script.py:7: error: Argument "strength" to "enhance" has incompatible type "str"')
    assert lines[1] == 'script.py:8: note: Revealed type is "zero_dce.networks.CurveNet"'
    assert lines[2].startswith("Found 1 error")


@pytest.mark.slow
def test_the_installed_command_helps(clean: Path, tmp_path: Path) -> None:
    done = run_clean(clean.parent / "zero-dce", tmp_path, "--help")
    assert done.stdout.startswith("usage: zero-dce COMMAND"), done.stderr
    done = run_clean(clean, tmp_path, "-c", "import zero_dce.step.parts as m; print(m.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(clean.parents[1]), done.stderr


@pytest.mark.slow
def test_an_installed_wheel_trains(clean: Path, sice: Path, tmp_path: Path) -> None:
    options = tiny(sice, "+sweep=loss_weights", "loss.weights.exp=3", "logger=csv")
    done = run_clean(clean, tmp_path, "-m", "zero_dce.train", *options)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs" / "loss_weights").iterdir()
    assert [read_result(folder / number)["state"] for number in "01"] == ["finished", "finished"]


def test_there_is_one_version() -> None:
    release = load("release")
    assert release.read_version() == zero_dce.__version__
    assert release.find("CITATION.cff", r"^version: (.+)$") == zero_dce.__version__
    heading = release.find("CHANGELOG.md", r"^## (.+)$")
    assert re.fullmatch(rf"{re.escape(zero_dce.__version__)} \((unreleased|\d{{4}}-\d\d-\d\d)\)", heading)


def test_what_keeps_a_tag_from_being_released(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    release = load("release")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    (tmp_path / "zero_dce").mkdir()
    (tmp_path / "zero_dce" / "__init__.py").write_text('__version__ = "1.2.0"\n')
    (tmp_path / "CITATION.cff").write_text("cff-version: 1.2.0\nversion: 1.2.0\n")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.0 (2026-12-01)\n\n## 1.1.0 (unreleased)\n")
    assert release.find_faults("v1.2.0") == []
    assert release.find_faults("1.2.0") == ["the tag is 1.2.0, and zero_dce.__version__ is 1.2.0: expected v1.2.0"]
    (tmp_path / "CHANGELOG.md").write_text("## 1.2.0 (unreleased)\n")
    (tmp_path / "CITATION.cff").write_text("version: 1.1.0\n")
    assert release.find_faults("v1.2.0") == [
        "CITATION.cff has version 1.1.0; expected 1.2.0",
        "CHANGELOG.md begins with '1.2.0 (unreleased)'; expected '1.2.0 (YYYY-MM-DD)', the day of the release",
    ]


def test_the_public_interface_is_as_it_was() -> None:
    written = (ROOT / "tests" / "public_api.txt").read_text(encoding="utf-8")
    assert describe() == written, "if the change is meant, make api writes it down"


def test_what_configurations_name_is_public() -> None:
    files = [OmegaConf.load(file) for file in sorted((ROOT / "conf").rglob("*.yaml"))]
    named = {target for file in files for target in find_targets(file) if target.startswith("zero_dce.")}
    public = {f"{module}.{name}" for module, names in PUBLIC.items() for name in names}
    assert named <= public


def test_hydra_finds_each_plugin_by_an_entry_point() -> None:
    """Hydra 1.4 does, in an editable installation too."""
    points = SETTINGS["project"]["entry-points"]["hydra.plugins"]
    targets = {
        target
        for file in (ROOT / "conf" / "hydra").rglob("*.yaml")
        for target in find_targets(OmegaConf.load(file))
        if target.startswith("hydra_plugins.")
    }
    assert {value.replace(":", ".") for value in points.values()} == targets
    for value in points.values():
        module, _, name = value.partition(":")
        assert hasattr(import_module(module), name)


def test_the_container_agrees_with_the_package() -> None:
    """Its Python, its extras and the folders that it copies; what is not copied is not sent to the builder either."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    versions = set(re.findall(r"^FROM python:([\d.]+)-slim", text, re.MULTILINE))
    (version,) = versions
    assert f"Programming Language :: Python :: {version}" in SETTINGS["project"]["classifiers"]
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', text)
    assert set(extras.split(",")) <= set(SETTINGS["project"]["optional-dependencies"])
    copied = {name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for name in line.split()}
    assert all((ROOT / name).exists() for name in copied)
    # What the wheel is built from, and the versions.
    places = {folder.partition("/")[0] for folder in SETTINGS["tool"]["setuptools"]["package-dir"].values()}
    assert copied >= places | {"hydra_plugins", "pyproject.toml", "setup.py", "README.md", "constraints.txt"}
    assert copied >= set(SETTINGS["project"]["license-files"])
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == copied
    script = SETTINGS["project"]["scripts"]
    assert re.findall(r'^ENTRYPOINT \["(.+)"\]$', text, re.MULTILINE) == list(script)
    assert re.search(r"^USER [1-9]", text, re.MULTILINE), "not as root"

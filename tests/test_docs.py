"""What README.md and the pages say: links lead somewhere, commands and their options exist, overrides compose."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from tests.helpers.paths import ROOT
from tests.train.test_configuration import CONF, composed
from zero_dce.cli import COMMANDS, INSTALL
from zero_dce.train.command_line import expand_arguments
from zero_dce.train.configuration import register_plugins

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "sweeps").rglob("*.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
]
IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
OVERRIDE = re.compile(r"[+~]{0,2}[a-z_]+([/.][a-z_]+)*=\S+")
# Text in backticks that only looks like an override, and a launcher that is refused.
NOT_OVERRIDES = {"weights_only=True", "exp=3", "exp=30 tv=200", "hydra/launcher=ray", "HYDRA_FULL_ERROR=1"}
# The command line takes it before Hydra does.
NOT_OVERRIDES |= {"allow_targets=[my_package]"}
every_page = pytest.mark.parametrize("page", PAGES, ids=IDS)


def fenced(page: Path, *languages: str) -> str:
    blocks = FENCE.findall(page.read_text(encoding="utf-8"))
    return "\n".join(text for language, text in blocks if language in languages)


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command line, in blocks and in backticks, without comments."""
    lines = fenced(page, "console").replace("\\\n", " ").splitlines()
    for line in [*lines, *INLINE.findall(prose(page))]:
        command = line.removeprefix("# = ")
        if command.startswith(("python ", "zero-dce ", "make ", "torchrun ", "sbatch ")):
            yield shlex.split(command, comments=True)


def module_commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield module and arguments of each ``python -m zero_dce...`` and ``torchrun ... -m zero_dce...``."""
    for words in commands(page):
        for flag, name in pairwise(words):
            if flag == "-m" and name.startswith("zero_dce"):
                yield name, words[words.index(name) + 1 :]
                break


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    # A link in a heading leaves its text.
    texts = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# W&B, 1,000 runs\n\n## What? [x.md](x.md)\n\n```\n# no heading\n```\n")
    assert anchors(page) == {"wb-1000-runs", "what-xmd"}


@every_page
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_is_reached_from_the_readme() -> None:
    linked = {(ROOT / link).resolve() for link in re.findall(r"\]\((docs/[a-z]+\.md)\)", prose(ROOT / "README.md"))}
    assert linked == {*(ROOT / "docs").glob("*.md")}


def test_commands_are_found() -> None:
    found = [name for page in PAGES for name, _ in module_commands(page)]
    assert len(found) > 50
    assert {module.removesuffix(".__main__") for module, _ in COMMANDS.values()} <= {*found}


@every_page
def test_commands_exist(page: Path) -> None:
    rules = [file.read_text(encoding="utf-8") for file in (ROOT / "Makefile", *(ROOT / "sweeps").rglob("*.mk"))]
    targets = re.findall(r"^([a-z0-9-]+):", "\n".join(rules), re.MULTILINE)
    for name, _ in module_commands(page):
        assert find_spec(name), name
    for words in commands(page):
        if words[0] == "make":
            assert words[1] in targets, words
        if words[0] == "zero-dce":
            assert words[1] in {*COMMANDS, INSTALL}, words
        for word in words:
            if word.startswith(("benchmarks/", "sweeps/")) and word.endswith((".py", ".sbatch")):
                assert (ROOT / word).is_file(), words


@every_page
def test_python_code_imports_what_exists(page: Path) -> None:
    for node in ast.walk(ast.parse(fenced(page, "python"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("zero_dce"):
            module = import_module(str(node.module))
            assert all(hasattr(module, name.name) for name in node.names), ast.unparse(node)


HELP: dict[tuple[str, ...], str] = {}


def help_text(capsys: pytest.CaptureFixture[str], name: str, command: list[str]) -> str:
    key = (name, *command)
    if key not in HELP:
        module = import_module(name if name == "zero_dce.data.inspect" else f"{name}.__main__")
        with pytest.raises(SystemExit):
            module.main([*command, "--help"])
        HELP[key] = capsys.readouterr().out
    return HELP[key]


@every_page
def test_options_of_commands_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, arguments in module_commands(page):
        if name == "zero_dce.train":
            continue
        options = [word for word in arguments if word.startswith("--")]
        command = arguments[:1] if name == "zero_dce.review" and arguments else []
        known = re.findall(r"--[a-z-]+", help_text(capsys, name, command)) if options else []
        assert not [option for option in options if option not in known], (name, arguments)


def one_run(overrides: list[str]) -> list[str]:
    """The overrides of a sweep's first run; a search gives a key a distribution, which no run has."""
    first = []
    for override in OverridesParser.create().parse_overrides(overrides):
        if override.is_discrete_sweep():
            first.append(f"{override.get_key_element()}={next(override.sweep_string_iterator())}")
        elif not override.is_sweep_override():
            first.append(str(override.input_line))
    return first


@cache
def compose_line(*overrides: str) -> None:
    composed(*one_run([*overrides]), hydra_settings=True)


@pytest.fixture(autouse=True)
def _sice_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SICE_ROOT", "/data/SICE")
    register_plugins()


@every_page
def test_command_lines_of_training_compose(page: Path) -> None:
    for name, arguments in module_commands(page):
        overrides = [word for word in arguments if not word.startswith("-") and word != "..."]
        if name != "zero_dce.train":
            continue
        if "resume=SWEEP_DIR" in overrides and any(word.startswith("hydra.sweeper.") for word in overrides):
            # The sweep's own command line comes first.
            overrides = ["+sweep=optuna", *overrides]
        if "resume=SWEEP_DIR" in overrides and any(word.startswith("hydra.launcher.") for word in overrides):
            overrides = ["hydra/launcher=slurm", *overrides]
        # As the command line takes them: with ~ expanded.
        compose_line(*expand_arguments(overrides))


@cache
def known_keys() -> set[str]:
    """Every key of the configuration, with all files of those groups that have different ones."""
    files = [
        ["data=sice", "logger=[wandb_online,mlflow,trackio,tensorboard]", "hydra/launcher=slurm"],
        ["data=folder", "data/split=file", "hydra/launcher=local"],
        ["data=sample", "+sweep=optuna"],
        ["data=sample", "experiment=adaptive"],
    ]
    keys = set()
    for overrides in files:
        config = OmegaConf.to_container(composed(*overrides, hydra_settings=True))
        keys |= {*keys_below(config)}
    return keys


def keys_below(node: Any, prefix: str = "") -> Iterator[str]:
    for name, value in node.items():
        yield prefix + name
        if isinstance(value, dict):
            yield from keys_below(value, f"{prefix}{name}.")


def is_known(override: str) -> bool:
    """Whether an override chooses a file that exists, or a key that exists gets a value that Hydra can read."""
    parsed = OverridesParser.create().parse_override(override)
    key = parsed.key_or_group
    group = CONF / key
    if not group.is_dir():
        return key in known_keys()
    value = parsed.value()
    return all((group / f"{name}.yaml").is_file() for name in (value if isinstance(value, list) else [value]))


@every_page
def test_overrides_in_the_text_exist(page: Path) -> None:
    for text in INLINE.findall(prose(page)):
        words = shlex.split(text) if text.count("'") % 2 == 0 else text.split()
        if words and text not in NOT_OVERRIDES and all(OVERRIDE.fullmatch(word) for word in words):
            assert not [word for word in words if not is_known(word)], text


def test_what_does_not_exist_is_noticed() -> None:
    assert is_known("loss=official")
    assert is_known("hydra/launcher=slurm")
    assert is_known("logger=[wandb,mlflow]")
    assert not is_known("logger=[wandb,mlfow]")
    assert is_known("hydra.launcher.slots=2")
    assert is_known("data.cache=disk")
    assert not is_known("loss=unofficial")
    assert not is_known("data.cash=disk")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("data", [[], ["SICE_ROOT=/data/SICE"]], ids=["sample", "SICE"])
def test_command_lines_of_make_figures_compose(data: list[str]) -> None:
    # Another folder than the checkout's own, in which they may have been trained.
    command = ["make", "--dry-run", "figures", "READY=", "FIGURES=runs/elsewhere", *data]
    environment = {name: value for name, value in os.environ.items() if name != "SICE_ROOT"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    lines = [shlex.split(line) for line in done.stdout.splitlines() if "zero_dce.train" in line]
    assert len(lines) == 3
    for words in lines:
        compose_line(*words[words.index("zero_dce.train") + 1 : words.index("&&")])


def test_paths_of_the_project_exist() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for path in re.findall(r"`((?:zero_dce|conf|tests|hydra_plugins)/[\w/.]*)`", prose(page)):
            assert (ROOT / path).exists(), (page.name, path)

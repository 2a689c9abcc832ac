"""The rules that keep the package readable: who imports whom (lazily too), what names mean, where tests are."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import zero_dce
from tests.helpers.paths import ROOT

PACKAGE = Path(zero_dce.__file__).parent
COMMANDS = ("train", "sweep", "review", "evaluate", "export", "enhance", "app")
# What a command may use of other commands; everything else that it uses is a library room.
ALLOWED = {
    "train": set[str](),
    # A sweep starts runs, and ends with its page.
    "sweep": {"train", "review"},
    "review": set[str](),
    "evaluate": set[str](),
    # A graph is exported as it is run.
    "export": {"enhance"},
    "enhance": set[str](),
    # The page enhances as the command does.
    "app": {"enhance"},
}
# Libraries that whole rooms do without, and who may use them.
LIBRARIES = {
    "lightning": {"train", "sweep", "module", "step", "data"},
    "wandb": {"train", "sweep", "review", "connection", "remote_weights"},
    "mlflow": {"train"},
    "trackio": {"train"},
    "huggingface_hub": {"review", "remote_weights"},
    "hydra": {"train", "sweep", "records"},
}


# Tests of several modules together, or of what is outside the package.
OF_SEVERAL = {
    "benchmarks": "each benchmark is imported",
    "clean_machine": "the commands' output in an empty home",
    "completion": "the console script, as shells ask it",
    "docs": "README and docs",
    "endurance.power": "a loss of power after each call of a command; tests/endurance",
    "endurance.punish": "a sweep on SLURM among troubles of the cluster",
    "endurance.load": "launchers, caches and folders under load, and how often files are read",
    "images.formats.damaged": "damaged files of every format",
    "endurance.crash": "a sweep that is killed, and whose calls fail; tests/endurance",
    "endurance.scenarios_commands": "other commands that are disturbed; tests/endurance",
    "endurance.bombs": "small files of all formats that would take much",
    "endurance.fuzz": "all readers of files, with the committed corpora",
    "endurance.hostile_commands": "commands, given a stranger's files and folders",
    "endurance.record_readers": "all readers of what is no picture",
    "enhance.graph.graph": "the room itself, which chooses a backend",
    "imports": "what commands load",
    "next": ".ci/next.py",
    "notebooks": "notebooks",
    "photographs": "sweeps/quality/photographs.py",
    "release": "the archives, the public interface, the container",
    "repository": "committed files",
    "review.judge": "the page in Chromium",
    "review.large": "the page in Chromium",
    "review.page": "the page in Chromium",
    "review.page_exposure": "the page in Chromium",
    "review.page_live": "the page in Chromium",
    "review.page_pareto": "the page in Chromium",
    "site": "the documentation, built strictly",
    "step.budget": "bytes and operations of a step",
    "structure": "this file",
    "studies": "scripts in sweeps/",
    "sweep.plugins": "hydra_plugins",
    "train.loggers.loggers": "the room itself, which knows what a run is logged to",
    "train.loggers.wandb_contract": "W&B itself, in the version that is installed",
    "trust": "what docs/trust.md promises of all commands",
    "version_before": "what an earlier version has written",
    "zero_dce_pp": "training and enhancing with Zero-DCE++",
}
# Modules without a test file of their name, and where they are tested.
TESTED_ELSEWHERE = {
    "enhance.graph.openvino_silent": "one line; trust",
    "enhance.trained": "one path; enhance.interface",
    "export.contents": "two records; export.formats",
    "export.module": "export.graphs and export.check, whose references it computes",
    "export.sizes": "export.graphs, on pictures of many sizes",
    "export.whole": "export.graphs, against zero_dce.enhance",
    "sweep.launching.preload": "imports only; sweep.launching.processes",
    "sweep.cost": "sweep.estimate, and sweep.overview, which prints it",
    "train.__main__": "train.run, and every test of a command line",
}
# Names that several modules define because they are one interface: of commands, and of the subcommands of review.
INTERFACES = {"main", "run", "add_arguments"}


def module_name(file: Path) -> str:
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in sorted(PACKAGE.rglob("*.py"))}


def imports(module: str) -> list[str]:
    """The full names of all that a module imports, wherever in it."""
    names = []
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def own(module: str) -> set[str]:
    """The modules of this package that one imports."""
    found = set()
    for name in imports(module):
        if name.partition(".")[0] == "zero_dce":
            inner = name.partition(".")[2]
            found.add(inner if inner in MODULES else inner.rpartition(".")[0])
    return found - {module}


GRAPH = {module: own(module) for module in MODULES}


def room(module: str) -> str:
    return module.partition(".")[0]


def test_the_walk_sees_imports_of_every_kind() -> None:
    assert "records.run" in GRAPH["train.run"] | GRAPH["train.result"]
    assert "train.__main__" in GRAPH["sweep.launching.processes"], "one inside a function"
    assert len(MODULES) > 150


def test_no_circle() -> None:
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_no_circle_between_rooms() -> None:
    rooms: dict[str, set[str]] = {}
    for module, used in GRAPH.items():
        rooms.setdefault(room(module), set()).update(room(name) for name in used)
    # The package itself names the one function that it offers.
    rooms = {name: used - {name, ""} for name, used in rooms.items() if name}
    try:
        TopologicalSorter(rooms).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of rooms: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_folders(command: str) -> None:
    assert (PACKAGE / command / "__init__.py").is_file()
    assert command == "sweep" or (PACKAGE / command / "__main__.py").is_file(), "a sweep is started by train"


def test_who_may_import_commands() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, used in GRAPH.items()
        for name in used
        if room(name) in COMMANDS
        and room(module) != room(name)
        and room(name) not in ALLOWED.get(room(module), set())
        and module not in ("", "cli")
    ]
    assert not wrong


@pytest.mark.parametrize("library", LIBRARIES)
def test_who_may_use_libraries(library: str) -> None:
    wrong = [
        module
        for module in MODULES
        if any(name.partition(".")[0] == library for name in imports(module)) and room(module) not in LIBRARIES[library]
    ]
    assert not wrong


def test_few_doors_at_the_top() -> None:
    files = [file.name for file in PACKAGE.glob("*.py")]
    folders = [folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file()]
    assert len(files) <= 14, sorted(files)
    assert len(folders) <= 13, sorted(folders)


def test_installing_is_said_in_one_way() -> None:
    """As the registry has it: most people have no checkout. Code gets it from zero_dce.terminal.pip_install."""
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "conf").rglob("*.yaml")]
    assert not [file for file in files if "pip install -e" in file.read_text(encoding="utf-8")]


def test_every_folder_says_what_it_is() -> None:
    for module, file in MODULES.items():
        if file.name == "__init__.py":
            assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))), f"{module} has no docstring"


def defined_names(module: str) -> set[str]:
    """The public names that a module defines at its top."""
    names = set()
    for node in ast.parse(MODULES[module].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    return {name for name in names if not name.startswith("_")} - {"log"}


def test_a_public_name_means_one_thing() -> None:
    places: dict[str, list[str]] = {}
    for module in MODULES:
        for name in defined_names(module) - INTERFACES:
            places.setdefault(name, []).append(module)
    assert not {name: modules for name, modules in places.items() if len(modules) > 1}


def test_tests_are_where_their_modules_are() -> None:
    tests = ROOT / "tests"
    tested = set()
    for file in tests.rglob("test_*.py"):
        name = file.stem.removeprefix("test_")
        tested.add(".".join((*file.parent.relative_to(tests).parts, "__main__" if name == "main" else name)))
    modules = {module for module, file in MODULES.items() if file.name != "__init__.py"}
    assert tested - modules == set(OF_SEVERAL), "a test file is named after the module that it tests"
    assert modules - tested == set(TESTED_ELSEWHERE), "a module is tested in a file of its name"

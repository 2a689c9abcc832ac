"""Commands that are given folders and files of somebody who means harm: one line, and nothing else of the disk."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pickle
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.endurance.record_folders import BEFORE, sweep_template
from tests.helpers.runs import run_here
from tests.records.test_checkpoint import archive, doubled
from tests.records.test_configuration import LAUGHS
from zero_dce.review.live import LiveSweep

# What is put into a file of a sweep, and what the message must name.
PLAN = json.loads((BEFORE / "sweep.json").read_text())
RESULT = '{"state": "finished", "last_step": null, "weights": null, "measures": {"a": 1}}'
HOSTILE = {
    "a run elsewhere": ("sweep.json", json.dumps({**PLAN, "folders": {"0": "../outside"}}), r"sweep\.json puts a run"),
    "a run anywhere": ("sweep.json", json.dumps({**PLAN, "folders": {"0": "/etc"}}), r"sweep\.json puts a run"),
    "a run of no name": ("sweep.json", json.dumps({**PLAN, "folders": {"0": "a\0b"}}), r"sweep\.json puts a run"),
    "jobs of numbers": ("sweep.json", json.dumps({**PLAN, "jobs": [[1]]}), r"sweep\.json has jobs\[0\]\[0\]=1"),
    "no override": ("0/.hydra/overrides.yaml", '["{{"]', r"stored override '\{\{'.*overrides\.yaml"),
    "too many runs": ("sweep.json", json.dumps({**PLAN, "jobs": [[]] * 100_001}), r"sweep\.json has 100001 runs"),
    "deep": ("sweep.json", "[" * 100_000, r"sweep\.json is no JSON"),
    "measures of texts": ("0/result.json", RESULT.replace("1", '"b"'), r"result\.json has measures\.a"),
    "laughs": ("0/.hydra/overrides.yaml", LAUGHS, r"overrides\.yaml cannot be read as YAML"),
    "itself": ("0/.hydra/config.yaml", "loss: {exp: {target: '${loss.exp.target}'}}", r"config\.yaml has a value of"),
    "a step before the first": ("0/metrics.csv", "step,a\n-5,1\n", r"metrics\.csv is not the table of a run"),
    "a number of a million digits": (
        "0/metrics.csv",
        f"step,a\n{'9' * 1_000_000},1\n",
        r"metrics\.csv is not the table",
    ),
}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    shutil.copytree(sweep_template() / "0", outside)
    return Path(shutil.copytree(sweep_template(), tmp_path / "sweep"))


def message_of(module: str, arguments: list[str]) -> str:
    """What a command says as it ends, which must be a message and no traceback."""
    with pytest.raises(SystemExit) as stop:
        importlib.import_module(f"zero_dce.{module}.__main__").main(arguments)
    assert isinstance(stop.value.code, str)
    return stop.value.code


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_report_says_what_is_wrong(kind: str, sweep: Path) -> None:
    place, content, message = HOSTILE[kind]
    (sweep / place).write_text(content)
    before = sorted(sweep.parent.rglob("*"))
    said = message_of("review", ["report", str(sweep)])
    assert "\n" not in said
    assert re.search(message, said), said
    assert sorted(sweep.parent.rglob("*")) == before, "nothing was written"


@pytest.mark.parametrize(
    ("place", "content", "message"),
    [
        ("sweep.json", {**PLAN, "folders": {"0": "../outside"}}, "puts a run into '../outside'"),
        (
            "sweep.json",
            {**PLAN, "flags": ["--config-dir", "/"]},
            "was started with --config-dir /, which may bring any code",
        ),
        ("sweep.json", {**PLAN, "hydra": ["hydra.searchpath=[/tmp]"]}, "may run any code"),
        ("sweep.json", {**PLAN, "overrides": [5]}, "has overrides[0]=5"),
    ],
)
def test_resume_says_what_is_wrong(
    place: str,
    content: object,
    message: str,
    sweep: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (sweep / place).write_text(json.dumps(content))
    assert run_here(monkeypatch, sweep.parent, f"resume={sweep}") == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_a_vote_and_a_pick(sweep: Path) -> None:
    votes = sweep / "votes.json"
    votes.write_text('{"candidates": [{"run": 0, "name": "a", "step": 1}], "votes": [{"left": 0, "right": 0.5}]}')
    assert "votes.json is no record of votes" in message_of("review", ["rank", str(votes)])
    (sweep / "0" / "environment.json").write_text('{"data_fingerprint": "a", "versions": {"torch": [1]}}')
    said = message_of("review", ["pick", str(sweep), "--run", "0", "--step", "10"])
    assert "environment.json has versions.torch=[1]" in said


def code(folder: Path) -> bytes:
    """A checkpoint that would write a file."""

    class Run:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
            return exec, (f"open({str(folder / 'ran')!r}, 'w')", "")

    return archive(pickle.dumps({"state_dict": Run()}, 2))


WEIGHTS: dict[str, Callable[[Path], bytes]] = {
    "code.ckpt": code,
    "doubled.pth": lambda _: archive(doubled(60)),
    "header.safetensors": lambda _: (2**63).to_bytes(8, "little") + b"{}",
    "empty.safetensors": lambda _: b"",
    "side.safetensors": lambda _: safetensors_of([2**63 - 1, 0]),
    "sides.safetensors": lambda _: safetensors_of([1] * 99 + [0]),
}


def safetensors_of(shape: list[int]) -> bytes:
    """A file of one tensor without numbers."""
    header = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}}).encode()
    return len(header).to_bytes(8, "little") + header


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("command", ["enhance", "evaluate", "export"])
def test_weights_are_refused_wherever_they_are_given(name: str, command: str, tmp_path: Path) -> None:
    file, photo = tmp_path / name, BEFORE / "picked" / "samples" / "00_input.png"
    file.write_bytes(WEIGHTS[name](tmp_path))
    arguments = {
        "enhance": [str(photo), "--output", str(tmp_path / "out"), "--weights", str(file)],
        "evaluate": ["--weights", str(file), "--images", str(photo.parent)],
        "export": ["--format", "onnx", "--weights", str(file), "--output", str(tmp_path / "a.onnx")],
    }
    said = message_of(command, arguments[command])
    assert name in said
    assert sorted(path.name for path in tmp_path.iterdir()) == [name], "nothing was written, and no code has run"


def make_pipe(place: Path) -> None:
    os.mkfifo(place)


def make_folder(place: Path) -> None:
    (place / "inner").mkdir(parents=True)


def make_circle(place: Path) -> None:
    place.symlink_to(place)


def make_link_to_nothing(place: Path) -> None:
    place.symlink_to(place.with_name("gone"))


PLACES = (
    *("sweep.json", "0", "1", "0/.hydra", "0/.hydra/config.yaml", "0/.hydra/overrides.yaml", "0/result.json"),
    *("0/metrics.csv", "0/samples", "0/samples/step-000010", "0/samples/step-000010/00_output.png", "0/checkpoints"),
    *("0/samples/step-000010/00_input.png", "0/checkpoints/step-000010.ckpt", "0/environment.json"),
)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
@pytest.mark.parametrize("kind", [make_pipe, make_folder, make_circle, make_link_to_nothing])
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_file_is_passed_over_or_named(kind: Callable[[Path], None], place: str, sweep: Path) -> None:
    """A pipe in the place of a file would wait for ever, for who writes to it."""
    file = sweep / place
    shutil.rmtree(file) if file.is_dir() else file.unlink(missing_ok=True)
    kind(file)
    signal.alarm(60)
    try:
        for arguments in (["report", str(sweep)], ["pick", str(sweep), "--run", "0", "--step", "10"]):
            with contextlib.suppress(SystemExit):
                importlib.import_module("zero_dce.review.__main__").main(arguments)
        live = LiveSweep(sweep)
        with contextlib.suppress(OSError, ValueError):
            live.look()
    finally:
        signal.alarm(0)


def test_a_folder_that_is_a_circle_is_named(tmp_path: Path) -> None:
    (tmp_path / "sweep").symlink_to(tmp_path / "sweep")
    for command in ("report", "pick"):
        more = ["--step", "3"] if command == "pick" else []
        said = message_of("review", [command, str(tmp_path / "sweep"), *more])
        assert "sweep" in said

"""The command line before Hydra reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from tests.helpers.processes import free_port, ranks
from zero_dce.files import write_json
from zero_dce.train.command_line import (
    as_further_process,
    check_quotes,
    continue_requeued,
    expand_resume,
    given_targets,
    name_mode,
)
from zero_dce.train.configuration import ALLOW_VARIABLE


def write_run(run: Path, overrides: list[str]) -> Path:
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints" / "last.ckpt").write_text("x")
    (run / ".hydra").mkdir()
    OmegaConf.save(OmegaConf.create(overrides), run / ".hydra" / "overrides.yaml")
    OmegaConf.save({"hydra": {"runtime": {"choices": {"data": "sice"}}}}, run / ".hydra" / "hydra.yaml")
    return run


def test_resume_repeats_the_runs_command_line(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a b,c", ["loss.weights.exp=3", "+sweep=loss_weights"])
    line = expand_resume([f'resume="{run}"', "trainer.max_steps=9"])
    quoted = f'"{run}"'
    assert line == [
        "data=sice",
        "loss.weights.exp=3",
        "+sweep=loss_weights",
        "trainer.max_steps=9",
        f"resume={quoted}",
        f"hydra.run.dir={quoted}",
        "hydra.output_subdir=.hydra_resumed",
        "hydra.mode=RUN",
    ]
    check_quotes(line)
    assert expand_resume(line) == line, "a further process of the run gets the expanded line"


def test_flags_that_are_given_again_come_first(tmp_path: Path) -> None:
    """Hydra reads no overrides after one."""
    run = write_run(tmp_path / "run", ["seed=1"])
    given = [f"resume={run}", "--config-dir", "mine", "--cfg=job", "trainer.max_steps=9"]
    flags = ["--config-dir", "mine", "--cfg=job"]
    assert expand_resume(given)[:6] == [*flags, "data=sice", "seed=1", "trainer.max_steps=9"]


def test_a_run_goes_on_with_what_is_given_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW_VARIABLE, "")
    root, mine = "data.root='${oc.env:SCRATCH}/sice'", "+callbacks.mine={_target_: mine.Own, n: 1}"
    run = write_run(tmp_path / "run", ["seed=1", root, mine])
    with pytest.raises(ValueError, match=r"SCRATCH.*give it again"):
        expand_resume([f"resume={run}"])
    again = [f"resume={run}", root, "+callbacks.mine={_target_: mine.Own, n: 2}"]
    # Nothing of the stored one is left, which a mapping given now would be merged into.
    assert expand_resume(again)[:4] == ["data=sice", "seed=1", *again[1:]]
    assert os.environ[ALLOW_VARIABLE] == "mine.Own"
    assert expand_resume([f"resume={run}", root.replace("SCRATCH", "HOME"), mine])[2] == root.replace("SCRATCH", "HOME")


def test_a_requeued_job_repeats_what_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW_VARIABLE, "")
    monkeypatch.setattr("zero_dce.train.command_line.is_requeued", lambda: True)
    root = "data.root='${oc.env:SCRATCH}/a,b'"
    run = write_run(tmp_path / "run", [root])
    given = [root, f"hydra.run.dir={run}"]
    assert expand_resume(continue_requeued(given), given)[:2] == ["data=sice", root]
    (run / ".hydra" / "overrides.yaml").write_text('- "data.root=${oc.env:SCRATCH}/a"')
    with pytest.raises(ValueError, match="SCRATCH"):
        expand_resume(continue_requeued(given), given)
    # The plan of a sweep that was resumed gives a job's line then, and allows nothing.
    mine = "+callbacks.mine={_target_: mine.Own}"
    assert continue_requeued([*given, mine], own=False) == [f"resume={run}"]
    assert os.environ[ALLOW_VARIABLE] == ""


ROOT, SETUP = "data.root='${oc.env:SCRATCH}/sice'", "hydra.launcher.setup=[module load cuda]"


@pytest.mark.parametrize(
    ("given", "begins"),
    [
        # What is not given again is stored; nothing is on the line twice.
        ([ROOT, SETUP], ["+sweep=mine", ROOT, "hydra/launcher=slurm", SETUP]),
        ([ROOT, SETUP, "+sweep=mine"], ["+sweep=mine", ROOT, "hydra/launcher=slurm", SETUP]),
        # Another grid.
        ([ROOT, SETUP, "seed=7"], [ROOT, SETUP, "seed=7"]),
        ([SETUP], None),
        ([ROOT], None),
        ([], None),
        (["seed=7"], None),
    ],
)
def test_a_sweep_goes_on_with_what_is_given_again(given: list[str], begins: list[str] | None, tmp_path: Path) -> None:
    plan = {"jobs": [[ROOT, "seed=1"]], "swept": [], "overrides": ["+sweep=mine", ROOT]}
    write_json(tmp_path / "sweep.json", {**plan, "hydra": ["hydra/launcher=slurm", SETUP]})
    line = [f"resume={tmp_path}", *given]
    if begins is None:
        with pytest.raises(ValueError, match="give it again on the command line"):
            expand_resume(line)
    else:
        assert expand_resume(line)[: len(begins)] == begins


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (["--config-dir", "new"], "--config-name x"),
        (["--config-dir=new"], "--config-name x"),
        (["-cd", "new"], "--config-name x"),
        (["-cn", "y", "--config-dir=new"], ""),
    ],
)
def test_flags_are_given_again(given: list[str], left: str, tmp_path: Path) -> None:
    plan: dict[str, Any] = {"jobs": [], "swept": [], "overrides": ["seed=1"], "hydra": []}
    write_json(tmp_path / "sweep.json", {**plan, "flags": ["--config-dir", str(tmp_path), "--config-name", "x"]})
    with pytest.raises(ValueError, match=r"was started with --config-dir .* give it again"):
        expand_resume([f"resume={tmp_path}", "-cn", "y"])
    line = [*given, f"resume={tmp_path}"]
    if left:
        with pytest.raises(ValueError, match=f"was started with {left}, which"):
            expand_resume(line)
    else:
        assert expand_resume(line)[: len(given) + 1] == [*given, "seed=1"]


@pytest.mark.parametrize("content", ["[]", "7", '{"jobs": [], "swept": []}', "hello", "\0"])
def test_a_plan_of_another_kind_is_not_resumed(content: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(ValueError, match=r"sweep\.json (holds|has no overrides|is no JSON).*expected a .*restore it"):
        expand_resume([f"resume={tmp_path}"])


def test_without_resume_nothing_changes() -> None:
    assert expand_resume(["a=1", "-m"]) == ["a=1", "-m"]
    assert expand_resume(["resume=null"]) == ["resume=null"]


def test_resume_without_a_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no checkpoint .* nothing to resume"):
        expand_resume([f"resume={tmp_path}"])
    run = write_run(tmp_path / "run", [])
    (run / ".hydra" / "overrides.yaml").unlink()
    with pytest.raises(FileNotFoundError, match="does not hold the run's configuration"):
        expand_resume([f"resume={run}"])


@pytest.mark.parametrize("value", ["/a(b", "/a=b", "[a", "a:b}"])
def test_what_hydra_cannot_read_is_shown_quoted(value: str) -> None:
    with pytest.raises(ValueError, match="needs two pairs of quotes") as error:
        check_quotes(["-m", "data=sice", f"data.root={value}"])
    assert f"'data.root=\"{value}\"'" in str(error.value)
    check_quotes([f'data.root="{value}"'])


@pytest.mark.parametrize("overrides", [[], ["+sweep=loss_weights"]], ids=["alone", "of a sweep"])
def test_only_the_first_process_writes_the_configuration_of_a_resumed_part(
    overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "0", overrides)
    for rank, expected in enumerate(["hydra.output_subdir=.hydra_resumed", "hydra.output_subdir=null"]):
        for name, value in ranks(free_port())[rank].items():
            monkeypatch.setenv(name, value)
        line = as_further_process(expand_resume([f"resume={run}"]))
        assert [word for word in line if word.startswith("hydra.output_subdir")] == [expected]


@pytest.mark.parametrize(
    ("line", "added"),
    [
        (["+sweep=loss_weights", "seed=1"], ["hydra.mode=MULTIRUN"]),
        (["+sweep=loss_weights", "hydra.mode=RUN"], []),
        (["-m", "+sweep=loss_weights"], []),
        (["seed=1"], []),
    ],
)
def test_a_sweep_is_named_on_the_line(line: list[str], added: list[str]) -> None:
    assert name_mode(line) == [*line, *added]


def test_given_targets() -> None:
    line = ["--config-dir", "mine", "+callbacks.own={_target_: mine.Own}", "seed=1", "nonsense"]
    assert given_targets(line) == ["mine.Own"]

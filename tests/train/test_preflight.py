"""What is refused before a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.processes import Command, wait_for
from tests.helpers.runs import read_metrics, run_apart, run_here, tiny


def test_a_used_folder_is_not_overwritten(
    finished: Path, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (finished / "result.json").read_text()
    assert run_here(monkeypatch, tmp_path, *tiny(sice, f"hydra.run.dir={finished}")) == 1
    assert "already holds a run" in capsys.readouterr().err
    assert (finished / "result.json").read_text() == before


@pytest.mark.slow
def test_runs_that_start_at_once_have_folders_of_their_own(sice: Path, tmp_path: Path) -> None:
    given = tiny(sice, "logger=csv")
    commands = [Command("zero_dce.train", [*given, f"seed={seed}"], tmp_path) for seed in range(4)]
    assert [command.wait() for command in commands] == [0] * 4
    runs = list((tmp_path / "runs" / "train").glob("*/0"))
    assert len(runs) == len(list((tmp_path / "runs" / "train").iterdir())) == 4
    assert len({str(read_metrics(run)) for run in runs}) == 4, "each with its own seed's numbers"
    assert [len(read_metrics(run)) for run in runs] == [len(read_metrics(runs[0]))] * 4


@pytest.mark.slow
def test_one_folder_has_one_owner(sice: Path, tmp_path: Path) -> None:
    """A second run is refused while the first one lives; of one that was killed, the folder is free at once."""
    given = tiny(sice, "logger=csv", "hydra.run.dir=mine/0", "trainer.max_steps=100000")
    last = tmp_path / "mine" / "0" / "checkpoints" / "last.ckpt"
    first = Command("zero_dce.train", given, tmp_path)
    wait_for(last.exists, [first])
    for second in (given, ["resume=mine/0"]):
        refused = run_apart(tmp_path, *second)
        assert refused.returncode == 1
        assert refused.stderr.startswith("another process is writing to "), refused.stderr
        assert refused.stderr.endswith("wait until it has ended, or end it first, or choose another hydra.run.dir\n")
    assert first.poll() is None
    first.kill()
    assert len(refused.stderr.splitlines()) == 1
    steps = len(read_metrics(tmp_path / "mine" / "0")) + 20
    assert run_apart(tmp_path, "resume=mine/0", f"trainer.max_steps={steps}").returncode == 0

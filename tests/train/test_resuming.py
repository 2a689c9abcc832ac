"""A run that stops at any moment continues exactly: the same losses, each step logged once, no broken checkpoint."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from PIL import Image

from tests.helpers.processes import changed, start, wait_for
from tests.helpers.runs import (
    assert_same_losses,
    read_metrics,
    read_result,
    read_wandb,
    run_here,
    tiny,
    validated,
    wandb_rows,
)
from zero_dce.module import ZeroDCE
from zero_dce.train.result import RunResult
from zero_dce.train.resuming import read_step

KILLS = 20
# More steps than the killed parts get through, so that each kill hits a training run.
STEPS = 100_000
# After a part's first checkpoint: some ten steps, each with a checkpoint.
LATEST_KILL_S = 0.4


def without_samples(options: list[str]) -> list[str]:
    return [*(o for o in options if not o.startswith("callbacks.samples.")), "callbacks.samples=null"]


def kill_in_training(folder: Path, arguments: list[str], seconds: float) -> None:
    """Start a run and kill -9 it some time after it has written a checkpoint."""
    begun = changed(folder / "parts" / "0" / "checkpoints" / "last.ckpt")
    process = start(folder, arguments)
    wait_for(begun, [process])
    process.join(seconds)
    process.kill()
    process.join()


@pytest.mark.slow
def test_killed_at_20_random_moments(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint is written at each step, so that kills hit the writing of one."""
    options = without_samples(tiny(sice, "logger=csv", "callbacks.progress=null"))
    options += ["every_n_steps=1", f"trainer.max_steps={STEPS}"]
    run, moments = tmp_path / "parts" / "0", random.Random(0)
    arguments, resumed_from = [*options, "hydra.run.dir=parts/0"], []
    for _ in range(KILLS):
        kill_in_training(tmp_path, arguments, moments.uniform(0, LATEST_KILL_S))
        for file in (run / "checkpoints").glob("*.ckpt"):
            torch.load(file, weights_only=True)
        resumed_from.append(int(torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]))
        arguments = ["resume=parts/0"]
    assert resumed_from == sorted({*resumed_from}), "each part got further"
    final = resumed_from[-1] + 3
    assert run_here(monkeypatch, tmp_path, "resume=parts/0", f"trainer.max_steps={final}") == 0
    assert run_here(monkeypatch, tmp_path, *options, f"trainer.max_steps={final}", "hydra.run.dir=whole/0") == 0
    assert_same_losses(run, tmp_path / "whole" / "0")
    assert not list((run / "checkpoints").glob("*.unfinished"))


def stop_at(run: Path, step: int) -> None:
    """Leave a run as a kill right after a step would."""
    for file in (run / "checkpoints").glob("step-*.ckpt"):
        if int(file.stem.removeprefix("step-")) > step:
            file.unlink()
    shutil.copyfile(run / "checkpoints" / f"step-{step:06d}.ckpt", run / "checkpoints" / "last.ckpt")
    (run / "result.json").unlink()


@pytest.mark.slow
@pytest.mark.parametrize("more", [["trainer.log_every_n_steps=2"], ["trainer.accumulate_grad_batches=2"]])
def test_killed_after_every_step(more: list[str], sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two epochs with 6 batches, and of the last one's end: the rows are byte for byte those of a run never killed.

    Validated at every third step only, logged at every second one.
    """
    options = without_samples(tiny(sice, "every_n_steps=1", "callbacks.validation.every_n_steps=3", *more))
    steps = 14 if "trainer.log_every_n_steps=2" in more else 7
    options += [f"trainer.max_steps={steps}", "logger=csv"]
    assert run_here(monkeypatch, tmp_path, *options, "hydra.run.dir=whole/0") == 0
    expected = (tmp_path / "whole" / "0" / "metrics.csv").read_bytes()
    assert len(expected.splitlines()) > steps // 2
    for step in range(1, steps):
        run = Path(shutil.copytree(tmp_path / "whole", tmp_path / str(step))) / "0"
        stop_at(run, step)
        assert run_here(monkeypatch, tmp_path, f"resume={step}/0") == 0
        assert (run / "metrics.csv").read_bytes() == expected, f"resumed after step {step}"


@pytest.mark.slow
@pytest.mark.parametrize("stops", [(6, 12), (6, 12, 18), (5, 6, 12, 13), (7, 12)])
def test_killed_several_times(
    stops: tuple[int, ...], sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Trainer's count of epochs, of 6 steps, is wrong after two stops in a row at their ends."""
    options = without_samples(tiny(sice, "logger=csv", "every_n_steps=1", "trainer.max_steps=20"))
    options.append("trainer.log_every_n_steps=3")
    assert run_here(monkeypatch, tmp_path, *options, "hydra.run.dir=whole/0") == 0
    run = Path(shutil.copytree(tmp_path / "whole", tmp_path / "parts")) / "0"
    for step in stops:
        stop_at(run, step)
        assert run_here(monkeypatch, tmp_path, "resume=parts/0") == 0
    assert (run / "metrics.csv").read_bytes() == (tmp_path / "whole" / "0" / "metrics.csv").read_bytes()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [1, 3, 6, 8])
def test_resume_continues_exactly(
    stop: int, workers: int, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also inside an epoch (of 6 or 7 steps), and at its end."""
    options = tiny(sice, "logger=csv", f"data.num_workers={workers}", "every_n_steps=3")
    assert run_here(monkeypatch, tmp_path, *options, "hydra.run.dir=whole/0", "trainer.max_steps=9") == 0
    assert run_here(monkeypatch, tmp_path, *options, "hydra.run.dir=parts/0", f"trainer.max_steps={stop}") == 0
    assert run_here(monkeypatch, tmp_path, "resume=parts/0", "trainer.max_steps=9") == 0
    assert_same_losses(tmp_path / "parts" / "0", tmp_path / "whole" / "0")
    assert read_result(tmp_path / "parts" / "0")["last_step"] == 9
    environment = json.loads((tmp_path / "parts" / "0" / "environment.json").read_text())
    assert len(environment["resumed"]) == 1


def test_a_schedule_and_what_is_restored_go_on(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The learning rate, the new exposures and their noise are those of a run that was never stopped."""
    options = [*tiny(sice, "logger=csv"), "experiment=adaptive", "every_n_steps=2", "data.size=16"]
    assert run_here(monkeypatch, tmp_path, *options, "trainer.max_steps=6", "hydra.run.dir=whole/0") == 0
    with monkeypatch.context() as patch:
        # As if the first part were stopped: the schedule's end is that of the whole run.
        patch.setattr(L.Trainer, "estimated_stepping_batches", 6)
        assert run_here(patch, tmp_path, *options, "trainer.max_steps=3", "hydra.run.dir=parts/0") == 0
    assert run_here(monkeypatch, tmp_path, "resume=parts/0", "trainer.max_steps=6") == 0
    assert_same_losses(tmp_path / "parts" / "0", tmp_path / "whole" / "0")


def test_resume_refuses_other_data(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(sice, tmp_path / "data")
    assert run_here(monkeypatch, tmp_path, *tiny(copy, "logger=csv", "hydra.run.dir=run/0")) == 0
    picture = copy / "Dataset_Part1" / "1" / "1.JPG"
    whole, before = picture.read_bytes(), files_of(tmp_path / "run" / "0")
    picture.write_bytes(whole + b"x")
    changed = ["trainer.max_steps=8", "model.learning_rate=1"]
    assert run_here(monkeypatch, tmp_path, "resume=run/0", *changed) == 1
    assert "have changed since" in capsys.readouterr().err
    after = files_of(tmp_path / "run" / "0")
    assert {name: after[name] for name in before} == before, "a refused resume leaves the run as it was"
    picture.write_bytes(whole)
    assert run_here(monkeypatch, tmp_path, "resume=run/0", "trainer.max_steps=6") == 0
    model = ZeroDCE.load_from_checkpoint(tmp_path / "run" / "0" / "checkpoints" / "last.ckpt", weights_only=True)
    assert model.hparams["learning_rate"] == 1e-4
    assert not (tmp_path / "run" / "0" / ".hydra_resumed").exists()
    assert "trainer.max_steps=6" in (tmp_path / "run" / "0" / ".hydra" / "overrides.yaml").read_text()


def files_of(run: Path) -> dict[str, bytes]:
    """What a run's folder holds, but for its log."""
    files = [file for file in run.rglob("*") if file.is_file() and file.suffix != ".log"]
    return {file.relative_to(run).as_posix(): file.read_bytes() for file in files}


def test_resume_without_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_here(monkeypatch, tmp_path, "resume=nowhere") == 1
    assert list(tmp_path.iterdir()) == [], "never a silent start from step 0"


@pytest.mark.parametrize("log_every", [1, 2])
def test_resume_with_half_the_batch_keeps_to_steps(
    log_every: int, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = tiny(sice, "hydra.run.dir=run/0", "logger=csv", "trainer.max_steps=3", "every_n_steps=3")
    options.append(f"trainer.log_every_n_steps={log_every}")
    assert run_here(monkeypatch, tmp_path, *options) == 0
    smaller = ["data.batch_size=1", "trainer.accumulate_grad_batches=2", "trainer.max_steps=8"]
    assert run_here(monkeypatch, tmp_path, "resume=run/0", *smaller) == 0
    assert validated(tmp_path / "run" / "0") == [3, 6, 8]
    logged = [int(row["step"]) for row in read_metrics(tmp_path / "run" / "0") if row["train/exp"]]
    assert logged == [step for step in range(1, 9) if step % log_every == 0]
    result = read_result(tmp_path / "run" / "0")
    assert result["measures"]["val/exp"] == pytest.approx(float(read_metrics(tmp_path / "run" / "0")[-1]["val/exp"]))
    assert "train/exp" in result["measures"]


def test_resume_with_nothing_left_is_refused(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=csv", "hydra.run.dir=run/0")) == 0
    before = (tmp_path / "run" / "0" / "result.json").read_text()
    assert run_here(monkeypatch, tmp_path, "resume=run/0") == 1
    assert "has 4 steps already: give more than that as trainer.max_steps=8" in capsys.readouterr().err
    assert (tmp_path / "run" / "0" / "result.json").read_text() == before


def test_wandb_has_each_step_once(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after its last checkpoint and at an epoch's end: one folder is left to send, as of a run in one piece."""
    step = ZeroDCE.training_step

    def stopped(self: ZeroDCE, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        if self.global_step == 5:
            raise RuntimeError("as if killed")
        return step(self, batch, batch_idx)

    options = tiny(sice, "trainer.max_steps=14", "trainer.log_every_n_steps=3")
    assert run_here(monkeypatch, tmp_path, *options, "hydra.run.dir=whole/0") == 0
    with monkeypatch.context() as patch:
        patch.setattr(ZeroDCE, "training_step", stopped)
        assert run_here(monkeypatch, tmp_path, *options, "hydra.run.dir=parts/0") == 1
    assert run_here(monkeypatch, tmp_path, "resume=parts/0", "trainer.max_steps=6") == 0
    assert run_here(monkeypatch, tmp_path, "resume=parts/0", "trainer.max_steps=14") == 0
    folder = tmp_path / "parts" / "wandb"
    assert len(list(folder.glob("offline-run-*"))) == 1
    assert len(list(folder.glob("superseded-offline-run-*"))) == 2
    steps = sorted({*range(0, 15, 2), *range(0, 15, 3)})
    parts, whole = (wandb_rows(read_wandb(tmp_path / name / "wandb")) for name in ("parts", "whole"))
    assert [row["_step"] for row in parts] == [row["_step"] for row in whole] == steps
    for row, other in zip(parts, whole, strict=True):
        assert {*row} == {*other}
        for name, value in other.items():
            if name.startswith(("train/", "val/")):
                assert float(row[name]) == pytest.approx(float(value), abs=1e-6, nan_ok=True), (row["_step"], name)
            if name.endswith(".captions"):
                assert row[name] == value
    assert pictures(folder, parts) == pictures(tmp_path / "whole" / "wandb", whole)


def test_stopped_after_its_last_checkpoint(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single run that was killed before it wrote its result is ended, for W&B too, and not asked for more steps."""
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "hydra.run.dir=whole/0")) == 0
    run = Path(shutil.copytree(tmp_path / "whole", tmp_path / "parts")) / "0"
    (run / "result.json").unlink()
    (run / "metrics.csv.unfinished").write_text("step")
    # Its last row was never sent.
    shutil.rmtree(tmp_path / "parts" / "wandb")
    with monkeypatch.context() as patch:
        # As if killed there once more: with a result, nobody would come back for the resumed part's configuration.
        patch.setattr(RunResult, "write", lambda _: (_ for _ in ()).throw(OSError("killed")))
        assert run_here(monkeypatch, tmp_path, "resume=parts/0") == 1
    assert not (run / ".hydra_resumed").exists()
    assert run_here(monkeypatch, tmp_path, "resume=parts/0") == 0
    for name in ("state", "measures", "last_step"):
        assert read_result(run)[name] == read_result(tmp_path / "whole" / "0")[name]
    assert {file.name for file in run.iterdir()} == {file.name for file in (tmp_path / "whole" / "0").iterdir()}
    parts, whole = (wandb_rows(read_wandb(tmp_path / name / "wandb")) for name in ("parts", "whole"))
    assert [row["_step"] for row in parts] == [row["_step"] for row in whole] == list(range(5))
    assert pictures(tmp_path / "parts" / "wandb", parts) == pictures(tmp_path / "whole" / "wandb", whole)
    assert run_here(monkeypatch, tmp_path, "resume=parts/0") == 1, "it has finished"


def test_a_step_whose_rows_may_be_missing_is_not_resumed_from(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kill between a run's first checkpoint and its rows: in a sweep it begins anew, by itself it says what to do."""
    options = tiny(sice, "logger=csv", "loss.weights.exp=3", "hydra.sweep.dir=sweep", "-m")
    assert run_here(monkeypatch, tmp_path, *options) == 0
    run = tmp_path / "sweep" / "0"
    expected = (run / "metrics.csv").read_bytes()
    for name in ("result.json", "metrics.csv", "checkpoints/last.ckpt", "checkpoints/step-000004.ckpt"):
        (run / name).unlink()
    assert run_here(monkeypatch, tmp_path, "resume=sweep/0") == 1
    assert "before it had checkpoints/last.ckpt: metrics.csv may lack what was measured" in capsys.readouterr().err
    assert run_here(monkeypatch, tmp_path, "resume=sweep") == 0
    assert (run / "metrics.csv").read_bytes() == expected


def pictures(folder: Path, rows: list[dict[str, Any]]) -> dict[tuple[int, str], bytes]:
    """The pixels of an offline run's pictures, by step and name."""
    (run,) = folder.glob("offline-run-*")
    return {
        (row["_step"], name): Image.open(run / "files" / value[0]).tobytes()
        for row in rows
        for name, value in row.items()
        if name.endswith(".filenames")
    }


def test_an_unreadable_checkpoint_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "last.ckpt"
    torch.save({"global_step": 3, "more": torch.zeros(1000)}, file)
    whole = file.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"no checkpoint"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"(?s)last\.ckpt is not a PyTorch checkpoint .*copy step-\*\.ckpt"):
            read_step(file)


@pytest.mark.parametrize("content", [{"state_dict": {}}, {"global_step": None}, [3]])
def test_a_file_of_other_content_is_no_checkpoint_of_a_run(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "last.ckpt")
    with pytest.raises(ValueError, match=r"(?s)last\.ckpt is not a checkpoint of a run.*copy step-\*\.ckpt"):
        read_step(tmp_path / "last.ckpt")

"""The command line end to end, on a small data set in SICE's layout."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers.runs import TINY, only_run, read_metrics, read_result, read_wandb, run_here, tiny, wandb_rows
from zero_dce.data.split import Split
from zero_dce.images.decode import decode_within
from zero_dce.images.sheets import GAP, to_image, to_pixels
from zero_dce.module import ZeroDCE
from zero_dce.networks import load_weights


def test_the_runs_folder(finished: Path) -> None:
    files = {path.relative_to(finished).as_posix() for path in finished.rglob("*") if path.is_file()}
    expected = {
        *(f".hydra/{name}.yaml" for name in ("config", "hydra", "overrides")),
        *(f"checkpoints/{name}.ckpt" for name in ("step-000002", "step-000004", "last")),
        *(
            f"samples/step-{step:06d}/{n:02d}_{side}.png"
            for step in (0, 2, 4)
            for n in (0, 1)
            for side in ("input", "output", "curves")
        ),
        "metrics.csv",
        "split.json",
        "environment.json",
        "result.json",
        "wandb_id.txt",
        "train.log",
        ".lock",
    }
    assert files == expected


def test_metrics_file(finished: Path) -> None:
    rows = read_metrics(finished)
    assert [row["step"] for row in rows] == ["1", "2", "3", "4"]
    assert all(row["train/exp"] for row in rows)
    assert [bool(row["val/exp"]) for row in rows] == [False, True, False, True]


def test_sample_pictures_are_what_the_checkpoint_makes(finished: Path, sice: Path) -> None:
    network = load_weights(finished / "checkpoints" / "step-000004.ckpt")
    for number in (0, 1):
        folder = finished / "samples" / "step-000004"
        before = np.asarray(Image.open(folder / f"{number:02d}_input.png"))
        with torch.no_grad():
            enhanced, _ = network(to_image(before)[None])
        after = np.asarray(Image.open(folder / f"{number:02d}_output.png"))
        assert np.abs(after.astype(int) - to_pixels(enhanced[0])).max() <= 1
    assert before.shape == (32, 48, 3), "true proportions"
    split = json.loads((finished / "split.json").read_text())
    assert any(np.array_equal(before, decode_within(sice / path, 48)) for path in split["val"])


def test_step_0_shows_the_untrained_network(finished: Path) -> None:
    first = np.asarray(Image.open(finished / "samples" / "step-000000" / "00_output.png")).astype(int)
    last = np.asarray(Image.open(finished / "samples" / "step-000004" / "00_output.png")).astype(int)
    source = np.asarray(Image.open(finished / "samples" / "step-000000" / "00_input.png")).astype(int)
    assert np.abs(first - source).mean() < 3, "curves begin near the identity"
    assert not np.array_equal(first, last)


def test_checkpoints_load_without_running_code(finished: Path) -> None:
    model = ZeroDCE.load_from_checkpoint(finished / "checkpoints" / "last.ckpt", weights_only=True)
    assert model.loss.weights["tv"] == 200


def test_wandb_offline_has_metrics_steps_and_pixels(finished: Path) -> None:
    records = read_wandb(finished.parent / "wandb")
    rows = {row["_step"]: row for row in wandb_rows(records)}
    assert sorted(rows) == [0, 1, 2, 3, 4], "W&B's own step is the training step"
    for row in read_metrics(finished):
        logged = rows[int(row["step"])]
        for name, value in row.items():
            if name != "step" and value:
                assert float(logged[name]) == pytest.approx(float(value), rel=1e-6, nan_ok=True)
    (folder,) = (finished.parent / "wandb").glob("offline-run-*")
    for step in (0, 2, 4):
        for number in (0, 1):
            key = f"samples/{number:02d}"
            picture = np.asarray(Image.open(folder / "files" / rows[step][f"{key}.filenames"][0]).convert("RGB"))
            samples = finished / "samples" / f"step-{step:06d}"
            before, after = (
                np.asarray(Image.open(samples / f"{number:02d}_{side}.png")) for side in ("input", "output")
            )
            np.testing.assert_array_equal(picture[:, : before.shape[1]], before)
            np.testing.assert_array_equal(picture[:, before.shape[1] + GAP :], after)
            assert rows[step][f"{key}.captions"][0].startswith(f"step {step} · Dataset_Part1/")


def test_wandb_run_is_readable_on_the_dashboard(finished: Path) -> None:
    records = read_wandb(finished.parent / "wandb")
    run = next(record["run"] for record in records if record["type"] == "run")
    assert run["project"] == "zero_dce"
    assert run["run_group"] == f"train/{finished.parent.name}"
    assert "loss-official" in run["tags"]
    updates = [record["config"]["update"] for record in records if record["type"] == "config"]
    config = next(update for update in updates if "loss" in update)
    assert config["loss"]["weights"]["exp"] == 10, "nested"
    assert [record["exit"]["exit_code"] for record in records if record["type"] == "exit"] == [0]


def test_runs_are_reproducible(finished: Path, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=csv")) == 0
    assert read_metrics(only_run(tmp_path)) == read_metrics(finished)
    assert not (only_run(tmp_path).parent / "wandb").exists()


def test_sweep_with_a_failing_point(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = tiny(sice, "+sweep=loss_weights", "loss.weights.exp=3,1e39,10", "loss.weights.tv=200")
    assert run_here(monkeypatch, tmp_path, *options) == 1
    (folder,) = (tmp_path / "runs" / "loss_weights").iterdir()
    with (folder / "sweep.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["point"], row["state"]) for row in rows] == [
        ("exp=3", "finished"),
        ("exp=1e+39", "failed"),
        ("exp=10", "finished"),
    ]
    assert [float(row["exp"]) for row in rows] == [3, 1e39, 10]
    printed = capsys.readouterr()
    assert "Sweep loss_weights: 3 runs of 4 steps" in printed.out
    assert "MB of disk" in printed.out
    assert "Run 1 failed: the loss is not finite after 0 steps" in printed.out
    assert "the loss is not finite after 0 steps" in printed.err
    assert (folder / "contact_sheet.png").is_file()
    # Everything but the weights is shared.
    manifests = {(folder / number / "split.json").read_text() for number in "02"}
    pictures = {(folder / number / "samples" / "step-000000" / "00_input.png").read_bytes() for number in "02"}
    untrained = {(folder / number / "samples" / "step-000000" / "00_output.png").read_bytes() for number in "02"}
    first_spatial = {read_metrics(folder / number)[0]["train/exp"] for number in "02"}
    assert {len(same) for same in (manifests, pictures, untrained, first_spatial)} == {1}
    assert read_metrics(folder / "0")[-1] != read_metrics(folder / "2")[-1]
    # One wandb/ folder, a W&B run for each run that began, named by its weights.
    names = [path.name for path in (folder / "wandb").glob("offline-run-*")]
    assert len(names) == 3


def test_a_swept_run_can_be_trained_on(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = tiny(sice, "+sweep=loss_weights", "loss.weights.exp=3,10", "loss.weights.tv=200", "logger=csv")
    assert run_here(monkeypatch, tmp_path, *options) == 0
    (folder,) = (tmp_path / "runs" / "loss_weights").iterdir()
    assert run_here(monkeypatch, tmp_path, f"resume={folder / '1'}", "trainer.max_steps=6") == 0
    assert read_result(folder / "1")["last_step"] == 6
    assert read_result(folder / "1")["weights"]["exp"] == 10
    assert read_result(folder / "0")["last_step"] == 4


def test_a_used_sweep_folder_is_not_overwritten(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = tiny(sice, "logger=csv", "trainer.max_steps=1", "hydra.sweep.dir=one")
    assert run_here(monkeypatch, tmp_path, *options, "seed=1,2", "-m") == 0
    before = (tmp_path / "one" / "sweep.csv").read_text()
    assert run_here(monkeypatch, tmp_path, *options, "seed=3,4", "-m") == 1
    assert (tmp_path / "one" / "sweep.csv").read_text() == before


def test_published_weights_are_measured_without_training(
    finished: Path, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same measures as those of the run that the weights came from, and its pictures."""
    weights = finished / "checkpoints" / "step-000004.ckpt"
    assert run_here(monkeypatch, tmp_path, *tiny(sice, f"model.weights={weights}", "trainer.max_steps=0")) == 0
    run = only_run(tmp_path)
    result, trained = read_result(run), read_result(finished)
    assert (result["state"], result["last_step"]) == ("finished", 0)
    measures = {name: value for name, value in trained["measures"].items() if name.startswith("val/")}
    assert result["measures"].keys() == measures.keys()
    for name, value in measures.items():
        # Null is a standard error of one picture.
        assert result["measures"][name] == (value if value is None else pytest.approx(value, rel=1e-6)), name
    for number in (0, 1):
        name = f"{number:02d}_output.png"
        picture = Image.open(run / "samples" / "step-000000" / name)
        assert picture.tobytes() == Image.open(finished / "samples" / "step-000004" / name).tobytes()
    assert not (run / "checkpoints").exists()
    assert "resume=" not in capsys.readouterr().out
    assert sorted(row["_step"] for row in wandb_rows(read_wandb(run.parent / "wandb"))) == [0]


def test_measuring_needs_a_validation_side(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = tiny(sice, "trainer.max_steps=0", "data.val_fraction=0", "logger=csv")
    assert run_here(monkeypatch, tmp_path, *options) == 1
    assert "nothing to measure on" in capsys.readouterr().err


def test_training_on_from_weights(finished: Path, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new run begins with the weights, not with the old run's optimizer or step; its checkpoint needs no file."""
    weights = shutil.copy(finished / "checkpoints" / "last.ckpt", tmp_path / "start.ckpt")
    options = tiny(sice, "logger=csv", f"model.weights={weights}", "trainer.max_steps=1")
    assert run_here(monkeypatch, tmp_path, *options, "hydra.run.dir=on/0") == 0
    first = Image.open(tmp_path / "on" / "0" / "samples" / "step-000000" / "00_output.png")
    assert first.tobytes() == Image.open(finished / "samples" / "step-000004" / "00_output.png").tobytes()
    (tmp_path / "start.ckpt").unlink()
    assert ZeroDCE.load_from_checkpoint(tmp_path / "on" / "0" / "checkpoints" / "last.ckpt", weights_only=True)
    assert run_here(monkeypatch, tmp_path, "resume=on/0", "trainer.max_steps=2") == 0
    assert read_result(tmp_path / "on" / "0")["last_step"] == 2


@pytest.mark.parametrize("choice", ["callbacks.samples=null", "callbacks.progress=null"])
def test_callbacks_can_be_left_out(choice: str, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = [option for option in tiny(sice, "logger=csv") if not option.startswith("callbacks.samples")]
    assert run_here(monkeypatch, tmp_path, *options, choice) == 0
    assert (only_run(tmp_path) / "samples").exists() is (choice != "callbacks.samples=null")


def test_hydra_mode_run_makes_one_run_of_a_sweep(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "+sweep=loss_weights", "hydra.mode=RUN", "logger=csv")) == 0
    assert read_result(only_run(tmp_path))["state"] == "finished"


def test_hydras_own_launcher_refuses_several_processes(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    basic = ("hydra/launcher=basic", "trainer.devices=2", "seed=1,2", "-m")
    assert run_here(monkeypatch, tmp_path, *tiny(sice, *basic)) == 1
    assert "a run of 2 processes does not work inside a sweep's own process" in capsys.readouterr().err


def test_tensorboard(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=tensorboard")) == 0
    events = EventAccumulator(str(only_run(tmp_path) / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("train/exp")] == [1, 2, 3, 4]
    assert [event.step for event in events.Images("samples/00")] == [0, 2, 4]


def test_no_validation_side(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "data.val_fraction=0", "logger=csv")) == 0
    run = only_run(tmp_path)
    assert not [name for name in read_result(run)["measures"] if name.startswith("val/")]
    assert (run / "samples" / "step-000004" / "01_output.png").is_file()


def test_any_folder_and_own_sample_pictures(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(sice / "Dataset_Part1" / "2", tmp_path / "my pictures, of 2026")
    quoted = f'"{folder}"'
    options = [*TINY, "data=folder", f"data.root={quoted}", f"callbacks.samples.images={quoted}", "logger=csv"]
    assert run_here(monkeypatch, tmp_path, *options, "data.val_fraction=0.25") == 0
    run = only_run(tmp_path)
    assert Split.read(run / "split.json").counts() == {"train": 3, "val": 1, "test": 0}
    assert len(list((run / "samples" / "step-000000").glob("*_input.png"))) == 4


@pytest.mark.slow
def test_sample_data_says_that_it_is_not_sice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_here(monkeypatch, tmp_path, *TINY, "trainer.max_steps=1") == 0
    run = only_run(tmp_path)
    assert "NOT SICE results" in (run / "train.log").read_text().splitlines()[0]
    record = next(record["run"] for record in read_wandb(run.parent / "wandb") if record["type"] == "run")
    assert "embedded sample, NOT SICE" in record["tags"]
    assert "source: embedded sample, NOT SICE" in (run / ".hydra" / "config.yaml").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("state", ["finished", "failed", "interrupted"])
def test_a_single_run_ends_with_its_page(
    state: str, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = ZeroDCE.training_step

    def disturbed(self: ZeroDCE, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        if self.global_step == 2 and state != "finished":
            raise KeyboardInterrupt if state == "interrupted" else ValueError("something is wrong")
        return step(self, batch, batch_idx)

    monkeypatch.setattr(ZeroDCE, "training_step", disturbed)
    options = tiny(sice, "logger=csv", "report_page=true", "hydra.run.dir=today/0")
    code = run_here(monkeypatch, tmp_path, *options)
    assert (code == 0) == (state == "finished")
    run = tmp_path / "today" / "0"
    assert read_result(run)["state"] == state
    page = (run / "report.html").read_text(encoding="utf-8")
    assert f'"state":"{state}"' in page
    assert '"checkpoints":[2,4]' in page or state != "finished"
    assert f"{run / 'report.html'} (0." in capsys.readouterr().out


def test_non_finite_loss_stops_with_the_last_good_checkpoint(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = ZeroDCE.training_step

    def poisoned(self: ZeroDCE, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        if self.global_step == 3:
            batch["image"][0] = float("nan")
        return step(self, batch, batch_idx)

    monkeypatch.setattr(ZeroDCE, "training_step", poisoned)
    assert run_here(monkeypatch, tmp_path, *tiny(sice)) == 1
    run = only_run(tmp_path)
    result = read_result(run)
    assert (result["state"], result["last_step"]) == ("failed", 3)
    assert result["error"].startswith("the loss is not finite after 3 steps")
    assert "Dataset_Part1/" in capsys.readouterr().err
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 2
    assert [row["step"] for row in read_metrics(run)] == ["1", "2", "3"]
    exits = [record["exit"]["exit_code"] for record in read_wandb(run.parent / "wandb") if record["type"] == "exit"]
    assert exits == [1], "the failed run is closed, as failed"

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.processes import exit_code, start_function
from tests.helpers.runs import read_metrics, run_here, tiny
from zero_dce.files import REPLACED
from zero_dce.module import ZeroDCE
from zero_dce.networks import load_weights
from zero_dce.review import pick
from zero_dce.review.__main__ import main

FILES = {"weights.safetensors", "config.yaml", "measures.json", "origin.json", "samples"}


def refused(*arguments: object) -> str:
    """Run the command line, which is expected to end with a message."""
    with pytest.raises(SystemExit) as stop:
        main([*map(str, arguments)])
    assert isinstance(stop.value.code, str), "a message, and so the exit code 1"
    return stop.value.code


def read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def read_safetensors(file: Path) -> tuple[dict[str, str], dict[str, bytes]]:
    """Metadata and tensors' bytes by the format's own description: length, JSON header, data."""
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    metadata = header.pop("__metadata__")
    assert {item["dtype"] for item in header.values()} == {"F32"}
    return metadata, {name: data[slice(*item["data_offsets"])] for name, item in header.items()}


def test_a_pick_holds_everything(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["pick", str(sweep), "--run", "1", "--step", "2", "--note", "sky is kept, 天空"])
    picked, run = sweep / "picked", sweep / "1"
    assert f"Picked run 1 (exp=10) at step 2: {picked}" in capsys.readouterr().out
    assert {part.name for part in picked.iterdir()} == FILES
    assert (picked / "config.yaml").read_bytes() == (run / ".hydra" / "config.yaml").read_bytes()
    pictures = {file.name: file.read_bytes() for file in (run / "samples" / "step-000002").iterdir()}
    assert len(pictures) == 6, "input, output and curve map of two"
    assert {file.name: file.read_bytes() for file in (picked / "samples").iterdir()} == pictures
    origin, environment = read(picked / "origin.json"), read(run / "environment.json")
    checkpoint = run / "checkpoints" / "step-000002.ckpt"
    assert origin["checkpoint_sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert (origin["sweep"], origin["checkpoint"]) == (str(sweep), str(checkpoint))
    assert (origin["run"], origin["name"], origin["step"]) == ("1", "exp=10", 2)
    assert origin["note"] == "sky is kept, 天空"
    for key in ("versions", "commit", "data_fingerprint"):
        assert origin[key] == environment[key]
    age = datetime.now(UTC) - datetime.fromisoformat(origin["picked_at"])
    assert timedelta(0) <= age + timedelta(seconds=1) < timedelta(minutes=5)


def test_colleagues_can_read_all_of_it(sweep: Path) -> None:
    before = os.umask(0o022)
    try:
        main(["pick", str(sweep), "--run", "1", "--step", "2"])
    finally:
        os.umask(before)
    parts = [file for file in (sweep / "picked").rglob("*") if file.is_file()]
    assert {file.name: file.stat().st_mode & 0o777 for file in parts} == {file.name: 0o644 for file in parts}
    assert (sweep / "picked").stat().st_mode & 0o777 == 0o755


def test_measures_are_those_of_the_step(sweep: Path) -> None:
    main(["pick", str(sweep), "--run", "1", "--step", "2"])
    measures = read(sweep / "picked" / "measures.json")
    (row,) = [row for row in read_metrics(sweep / "1") if row["step"] == "2"]
    assert measures["step"] == measures["train"]["step"] == measures["val"]["step"] == 2
    both = {**measures["train"]["measures"], **measures["val"]["measures"]}
    assert len(both) > 25
    # NaN, which JSON lacks, is null: the standard error of one gain, and by how much bright pictures rose: none was.
    assert {name for name, value in both.items() if value is None} == {"val/psnr_gain_se", "val/brightened_by"}
    assert both == {
        name: None if value == "nan" else float(value) for name, value in row.items() if value and name != "step"
    }


def test_measures_of_the_last_rows_before_a_step() -> None:
    rows = {
        10: {"train/exp": 1.0, "val/exp": 2.0},
        20: {"train/exp": 3.0},
        25: {"lr": 1.0},
        30: {"train/exp": 5.0, "val/exp": 6.0},
    }
    assert pick.measures_at(rows, 29) == {
        "step": 29,
        "train": {"step": 20, "measures": {"train/exp": 3.0}},
        "val": {"step": 10, "measures": {"val/exp": 2.0}},
    }
    assert pick.measures_at(rows, 30)["val"] == {"step": 30, "measures": {"val/exp": 6.0}}
    assert pick.measures_at(rows, 9)["train"] == {"step": None, "measures": {}}


def test_weights_are_the_checkpoints_bit_by_bit(sweep: Path) -> None:
    main(["pick", str(sweep), "--run", "0", "--step", "4"])
    checkpoint = sweep / "0" / "checkpoints" / "step-000004.ckpt"
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    metadata, tensors = read_safetensors(sweep / "picked" / "weights.safetensors")
    assert metadata == {"network": "zero_dce", "step": "4", "format_version": "1"}
    assert {f"network.{name}" for name in tensors} == set(state)
    for name, data in tensors.items():
        assert data == state[f"network.{name}"].contiguous().numpy().tobytes(), name
    trained = ZeroDCE.load_from_checkpoint(checkpoint, map_location="cpu", weights_only=True).network.eval()
    image = torch.rand(2, 3, 24, 40, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = trained.to(memory_format=torch.contiguous_format)(image)
        for path in ("picked", "picked/weights.safetensors", "0", "0/checkpoints/step-000004.ckpt"):
            for one, other in zip(load_weights(sweep / path)(image), expected, strict=True):
                assert torch.equal(one, other), path


def test_training_from_a_pick_begins_at_its_measures(
    sweep: Path, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sweep, pick, and measure again: all validation values equal to the last digit."""
    main(["pick", str(sweep), "--run", "1", "--step", "2"])
    options = [f"model.weights={sweep / 'picked'}", "trainer.max_steps=0", "loss.weights.exp=10", "logger=csv"]
    assert run_here(monkeypatch, tmp_path, *tiny(sice, *options, "hydra.run.dir=again/0")) == 0
    (row,) = read_metrics(tmp_path / "again" / "0")
    measures = read(sweep / "picked" / "measures.json")["val"]["measures"]
    assert float(row["val/exp"]) == measures["val/exp"]
    for name, value in measures.items():
        assert row[name] == ("nan" if value is None else str(value)), name
    options = [f"model.weights={sweep / 'picked'}", "trainer.max_steps=1", "logger=csv"]
    assert run_here(monkeypatch, tmp_path, *tiny(sice, *options, "hydra.run.dir=on/0")) == 0


def test_an_earlier_pick_is_named_and_kept(sweep: Path) -> None:
    main(["pick", str(sweep), "--run", "1", "--step", "2"])
    before = (sweep / "picked" / "origin.json").read_bytes()
    message = refused("pick", sweep, "--run", 0, "--step", 4)
    assert "already holds run 1 (exp=10) at step 2, picked 20" in message
    assert "--overwrite" in message
    assert (sweep / "picked" / "origin.json").read_bytes() == before
    main(["pick", str(sweep), "--run", "0", "--step", "4", "--output", str(sweep / "deep" / "other")])
    assert read(sweep / "deep" / "other" / "origin.json")["step"] == 4
    main(["pick", str(sweep), "--run", "0", "--step", "4", "--overwrite"])
    assert read(sweep / "picked" / "origin.json")["name"] == "exp=3"
    assert {part.name for part in (sweep / "picked").iterdir()} == FILES
    assert not list(sweep.glob("picked.*"))


def test_what_is_no_pick_is_never_replaced(sweep: Path, tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs" / "wedding.jpg").write_text("dear")
    arguments = ["pick", sweep, "--run", 0, "--step", 4, "--overwrite", "--output"]
    assert "holds what is no pick (wedding.jpg)" in refused(*arguments, tmp_path / "photographs")
    assert "holds what is no pick (wedding.jpg)" in refused(*arguments, tmp_path / "photographs" / "wedding.jpg")
    assert (tmp_path / "photographs" / "wedding.jpg").read_text() == "dear"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([".", "--run", "7", "--step", "2"], "--run 7: there is no such run; {} holds: 0 (exp=3), 1 (exp=10)"),
        ([".", "--step", "2"], "--run is missing; {} holds: 0 (exp=3), 1 (exp=10)"),
        ([".", "--run", "1", "--step", "3"], "1 has no checkpoint of step 3; there are: 2, 4"),
        (["1", "--run", "1", "--step", "2"], "1 is the folder of a single run: leave out --run 1"),
        (["1/samples", "--run", "1", "--step", "2"], "samples holds no runs; expected the folder of a sweep"),
        (["gone", "--run", "1", "--step", "2"], "gone does not exist; expected the folder of a sweep"),
    ],
)
def test_wrong_arguments_are_answered_with_what_there_is(arguments: list[str], message: str, finished: Path) -> None:
    said = refused("pick", finished / arguments[0], *arguments[1:])
    assert message.format(finished) in said
    assert not (finished / "picked").exists()


def test_a_single_runs_folder(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (sweep / "1" / "checkpoints" / "step-mine.ckpt").write_text("somebody's own")
    monkeypatch.chdir(sweep / "1")
    main(["pick", ".", "--step", "4"])
    assert read(sweep / "1" / "picked" / "origin.json")["name"] == "exp=10"
    assert "is no pick" in refused("pick", ".", "--step", 4, "--output", ".", "--overwrite")


def test_a_run_without_pictures_says_so(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sweep / "1" / "samples" / "step-000002").rename(sweep / "elsewhere")
    main(["pick", str(sweep), "--run", "1", "--step", "2"])
    assert "without pictures" in capsys.readouterr().out
    assert {part.name for part in (sweep / "picked").iterdir()} == FILES - {"samples"}


def pick_until_killed(after: int, arguments: list[str]) -> None:
    """In a process of its own: kill -9 before one of the files is written, so many having been before."""
    write, left = pick.write_json, [None] * after

    def stop(file: Path, content: object) -> None:
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left.pop()
        write(file, content)

    pick.write_json = stop
    main(arguments)


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 1], ids=["before its measures", "before its origin"])
def test_a_kill_leaves_nothing_that_looks_finished(after: int, sweep: Path) -> None:
    arguments = ["pick", str(sweep), "--run", "1", "--step", "2"]
    assert exit_code(start_function(pick_until_killed, after, arguments)) == -signal.SIGKILL
    assert not (sweep / "picked").exists()
    assert (sweep / "picked.unfinished").is_dir()
    main(arguments)
    assert {part.name for part in (sweep / "picked").iterdir()} == FILES
    assert not (sweep / "picked.unfinished").exists()


def test_a_kill_in_the_moment_of_the_exchange_keeps_the_earlier_pick(sweep: Path) -> None:
    main(["pick", str(sweep), "--run", "1", "--step", "2"])
    (sweep / "picked").rename(sweep / f"picked{REPLACED}")
    assert "already holds run 1 (exp=10) at step 2" in refused("pick", sweep, "--run", 0, "--step", 4)
    assert read(sweep / "picked" / "origin.json")["step"] == 2


def test_a_full_disk_keeps_the_earlier_pick(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main(["pick", str(sweep), "--run", "1", "--step", "2"])

    def fail(file: Path, content: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(file))

    monkeypatch.setattr(pick, "write_json", fail)
    assert "No space left" in refused("pick", sweep, "--run", 0, "--step", 4, "--overwrite")
    assert read(sweep / "picked" / "origin.json")["step"] == 2
    assert not list(sweep.glob("picked.*"))


def test_a_broken_checkpoint_is_refused(sweep: Path) -> None:
    (sweep / "1" / "checkpoints" / "step-000002.ckpt").write_text("no checkpoint")
    message = refused("pick", sweep, "--run", 1, "--step", 2)
    assert "step-000002.ckpt is not a PyTorch checkpoint" in message
    assert not list(sweep.glob("picked*"))

"""Zero-DCE++ through the command lines: train, resume, sweep beside DCE-Net, measure, pick, train on from the pick."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers.runs import read_metrics, read_result, run_here, tiny
from zero_dce.evaluate import __main__ as evaluate
from zero_dce.images.sheets import to_image, to_pixels
from zero_dce.module import ZeroDCE
from zero_dce.networks import DCENet, DCENetPP, load_weights
from zero_dce.review.__main__ import main as review
from zero_dce.train.callbacks.samples import curve_picture


@pytest.fixture(scope="module")
def finished(sice: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of Zero-DCE++ and one of DCE-Net, as a sweep; read only."""
    folder = tmp_path_factory.mktemp("finished")
    options = ["model=zero_dce_pp,zero_dce", "logger=csv", "hydra.sweep.dir=both", "-m"]
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.delenv("SICE_ROOT", raising=False)
        assert run_here(monkeypatch, folder, *tiny(sice, *options)) == 0
    return folder / "both"


@pytest.fixture
def sweep(finished: Path, tmp_path: Path) -> Path:
    """A copy of one's own."""
    return Path(shutil.copytree(finished, tmp_path / "both"))


def test_each_network_is_trained_with_its_own_loss(finished: Path) -> None:
    for run, kind, smoothness in (("0", DCENetPP, 1600), ("1", DCENet, 200)):
        result = read_result(finished / run)
        assert result["state"] == "finished"
        assert result["weights"] == {"spa": 1.0, "exp": 10.0, "col": 5.0, "tv": smoothness}
        measures = result["measures"]
        weighted = {name: weight * measures[f"val/{name}"] for name, weight in result["weights"].items()}
        assert measures["val/total"] == pytest.approx(sum(weighted.values()), rel=1e-5)
        assert type(load_weights(finished / run)) is kind
        module = ZeroDCE.load_from_checkpoint(finished / run / "checkpoints" / "last.ckpt", weights_only=True)
        assert type(module.network) is kind
    assert "model=zero_dce_pp" in (finished / "sweep.csv").read_text()


def test_training_moves_the_weights(finished: Path) -> None:
    early, late = (load_weights(finished / "0" / "checkpoints" / f"step-00000{step}.ckpt") for step in (2, 4))
    for (name, before), after in zip(early.named_parameters(), late.parameters(), strict=True):
        assert not torch.equal(before, after), name


def test_sample_pictures_are_what_the_checkpoint_makes(finished: Path) -> None:
    network = load_weights(finished / "0" / "checkpoints" / "step-000004.ckpt")
    for number in (0, 1):
        before, after, curves = (
            np.asarray(Image.open(finished / "0" / "samples" / "step-000004" / f"{number:02d}_{side}.png"))
            for side in ("input", "output", "curves")
        )
        with torch.no_grad():
            enhanced, maps = network(to_image(before)[None])
        assert np.abs(after.astype(int) - to_pixels(enhanced[0])).max() <= 1
        assert np.abs(curves.astype(int) - curve_picture(maps[0])).max() <= 1


def test_resume_continues_exactly(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From inside an epoch, with the experiment's own loss and the user's size."""
    options = tiny(sice, "experiment=zero_dce_pp", "logger=csv", "every_n_steps=3")
    assert run_here(monkeypatch, tmp_path, *options, "hydra.run.dir=whole/0", "trainer.max_steps=6") == 0
    assert run_here(monkeypatch, tmp_path, *options, "hydra.run.dir=parts/0", "trainer.max_steps=3") == 0
    assert run_here(monkeypatch, tmp_path, "resume=parts/0", "trainer.max_steps=6") == 0
    rows, expected = (read_metrics(tmp_path / name / "0") for name in ("parts", "whole"))
    assert len(rows) == 6
    for row, other in zip(rows, expected, strict=True):
        for name, value in other.items():
            assert float(row[name] or "nan") == pytest.approx(float(value or "nan"), abs=1e-6, nan_ok=True), name
    assert read_result(tmp_path / "parts" / "0")["weights"]["tv"] == 1600


@pytest.mark.parametrize(("run", "other"), [("0", "zero_dce"), ("1", "zero_dce_pp")])
def test_resume_as_the_other_network_is_refused(
    run: str, other: str, sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    resume = [f"resume={sweep / run}", "trainer.max_steps=5"]
    assert run_here(monkeypatch, sweep, *resume, f"model={other}") == 1
    error = capsys.readouterr().err
    assert "last.ckpt holds " in error
    assert f"but model.network is '{other}': resume without model=" in error
    assert run_here(monkeypatch, sweep, *resume) == 0, "what was refused changed nothing"
    assert read_result(sweep / run)["last_step"] == 5


def test_pick_and_train_on_from_it(
    sweep: Path, sice: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    review(["pick", str(sweep), "--run", "0", "--step", "4"])
    picked = sweep / "picked"
    assert b'"network":"zero_dce_pp"' in (picked / "weights.safetensors").read_bytes()[:200]
    state, checkpoint = load_weights(picked).state_dict(), load_weights(sweep / "0").state_dict()
    assert all(torch.equal(value, checkpoint[name]) for name, value in state.items())
    options = tiny(sice, f"model.weights={picked}", "trainer.max_steps=0", "logger=csv", "hydra.run.dir=again/0")
    assert run_here(monkeypatch, sweep, *options) == 1
    assert "add model=zero_dce_pp, or give other weights" in capsys.readouterr().err
    shutil.rmtree(sweep / "again")
    assert run_here(monkeypatch, sweep, *options, "model=zero_dce_pp") == 0
    (row,) = read_metrics(sweep / "again" / "0")
    measures = json.loads((picked / "measures.json").read_text())["val"]["measures"]
    assert float(row["val/total"]) == measures["val/total"]


def test_evaluate_measures_both(finished: Path, sice: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = ["--images", str(sice / "Dataset_Part1" / "1"), "--json", str(tmp_path / "o.json")]
    both = ["--weights", str(finished / "0"), str(finished / "1")]
    rows = {}
    for factor in (1, 12):
        evaluate.main([*both, *pictures, "--scale-factor", str(factor)])
        rows[factor] = json.loads((tmp_path / "o.json").read_text())["rows"][-2:]
        label = f"{finished / '0'} (scale factor 12)"
        assert (label in capsys.readouterr().out) == (factor == 12)
    assert [row["network"] for row in rows[12]] == ["zero_dce_pp", "zero_dce"]
    assert [row.get("scale_factor") for row in rows[12]] == [12, None]
    plusplus, dce_net = ([rows[factor][index]["values"] for factor in (1, 12)] for index in (0, 1))
    assert plusplus[0] != plusplus[1]
    assert dce_net[0] == dce_net[1]


@pytest.mark.parametrize(
    ("run", "factor", "message"),
    [
        ("1", "12", "--scale-factor is 12, but only Zero-DCE++ has one, and --weights names none"),
        ("0", "0", "--scale-factor is 0; expected a whole number of at least 1"),
    ],
)
def test_wrong_scale_factors(run: str, factor: str, message: str, finished: Path, sice: Path) -> None:
    pictures = ["--images", str(sice / "Dataset_Part1" / "1")]
    with pytest.raises(SystemExit) as stop:
        evaluate.main(["--weights", str(finished / run), *pictures, "--scale-factor", factor])
    assert message in str(stop.value.code)

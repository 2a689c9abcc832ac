from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.plugins.precision import Precision

from tests.helpers.garbage import is_freed_at_once
from zero_dce.data.datamodule import ExposureDataModule
from zero_dce.losses import CompositeLoss
from zero_dce.metrics.colour import colour_error
from zero_dce.metrics.means import picture_measures
from zero_dce.metrics.picture import brightened_bright, entropy, noise
from zero_dce.metrics.reference import absolute_error, ssim
from zero_dce.module import ZeroDCE, one_cycle
from zero_dce.networks import CurveNet, save_weights
from zero_dce.step.finite import NonFiniteLossError
from zero_dce.step.parts import in_parts
from zero_dce.train.configuration import quiet


def batch_of(size: int = 2, **extra: Any) -> dict[str, Any]:
    return {"image": torch.rand(size, 3, 16, 16), "path": [f"scene/{n}.JPG" for n in range(size)], **extra}


def fit(data: ExposureDataModule, model: ZeroDCE, folder: Path, **options: Any) -> L.Trainer:
    quiet()
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        log_every_n_steps=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
        use_distributed_sampler=False,
        **options,
    )
    trainer.fit(model, data)
    return trainer


def data_on(sice: Path, **options: Any) -> ExposureDataModule:
    return ExposureDataModule(str(sice), split={"test_fraction": 0.2}, val_fraction=0.3, size=16, **options)


def test_what_its_maker_had_is_freed_at_once() -> None:
    assert is_freed_at_once(ZeroDCE)


def test_logs_losses_shares_total_and_measures(sice: Path, tmp_path: Path) -> None:
    trainer = fit(data_on(sice), ZeroDCE(), tmp_path)
    logged = {name: value.item() for name, value in trainer.callback_metrics.items()}
    for stage in ("train", "val"):
        terms = {name: logged[f"{stage}/{name}"] for name in CompositeLoss.NAMES}
        total = sum(weight * terms[name] for name, weight in CompositeLoss().weights.items())
        assert logged[f"{stage}/total"] == pytest.approx(total, rel=1e-5)
        for name, weight in CompositeLoss().weights.items():
            assert logged[f"{stage}/share/{name}"] == pytest.approx(weight * terms[name] / total, rel=1e-4)
        assert 0 < logged[f"{stage}/brightness_in"] < 1
        assert {
            f"{stage}/{name}" for name in ("brightness_out", "clipped_in", "clipped_out", "saturation_ratio")
        } <= set(logged)
    assert 0 < logged["val/ssim"] < 1
    assert 0 < logged["val/mae"] < 1 < logged["val/delta_e"]
    assert 0 < logged["val/entropy_out"] < 8
    assert not [name for name in logged if name.startswith("train/") and name.endswith(("ssim", "loe", "noise_out"))]
    assert logged["val/psnr"] - logged["val/psnr_input"] == pytest.approx(logged["val/psnr_gain"], abs=1e-4)
    assert not [name for name in logged if name.startswith("train/psnr")]


def test_validation_measures_are_means_over_all_images(sice: Path, tmp_path: Path) -> None:
    """Batches of 4 with a smaller last one give what one batch of everything gives."""
    torch.manual_seed(0)
    model = ZeroDCE(learning_rate=1e-30)
    small = fit(data_on(sice, batch_size=4), model, tmp_path).callback_metrics
    large = fit(data_on(sice, batch_size=100), model, tmp_path).callback_metrics
    assert {name for name in small if name.startswith("val/")} == {name for name in large if name.startswith("val/")}
    for name in small:
        if name.startswith("val/"):
            torch.testing.assert_close(small[name], large[name], rtol=1e-4, atol=1e-6, equal_nan=True)


def test_training_changes_the_loss_downwards(sice: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = ZeroDCE(learning_rate=1e-3)
    before = fit(data_on(sice), model, tmp_path).callback_metrics["val/total"]
    after = fit(data_on(sice), model, tmp_path).callback_metrics["val/total"]
    assert after < before


def test_training_in_parts_learns_the_same(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of 4, whole and as 3 pictures and 1, with restoring, whose losses need what each picture was."""
    logged, sizes = [], []
    estimate = CurveNet.estimate_curves

    def count(network: CurveNet, image: torch.Tensor) -> torch.Tensor:
        sizes[-1].add(len(image))
        return estimate(network, image)

    monkeypatch.setattr(CurveNet, "estimate_curves", count)
    for at_once in (3, 4):
        sizes.append(set[int]())
        torch.manual_seed(0)
        model = ZeroDCE(learning_rate=1e-3, exposure=0.44, pictures_at_once=at_once)
        trainer = fit(data_on(sice, batch_size=4, augment={"restore": True}), model, tmp_path)
        logged.append({name: value.item() for name, value in trainer.callback_metrics.items()})
    assert logged[0] == pytest.approx(logged[1], rel=1e-3, abs=1e-6, nan_ok=True)
    assert max(sizes[0]) == 3, "in validation too"
    assert max(sizes[1]) == 4


def test_by_itself_a_batch_is_divided_where_that_is_quickest(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def choose(device: torch.device, pixels: int) -> int:
        asked.append((device.type, pixels))
        return 3

    parts = []
    monkeypatch.setattr("zero_dce.module.pictures_at_once", choose)
    monkeypatch.setattr("zero_dce.module.in_parts", lambda *given: parts.append(given[2]) or in_parts(*given))
    fit(data_on(sice, batch_size=4), ZeroDCE(), tmp_path)
    assert asked == [("cpu", 256)] * 2, "once in training and once in validation"
    assert set(parts) == {3}


def test_gradients_in_float16_are_scaled_as_a_whole(sice: Path, tmp_path: Path) -> None:
    model = ZeroDCE(pictures_at_once=1)
    with pytest.raises(ValueError, match=r"pictures_at_once is 1, but trainer\.precision=16-mixed scales"):
        fit(data_on(sice), model, tmp_path, plugins=[Float16()])


class Float16(Precision):
    """Says that it is mixed precision in float16, which a CPU has not."""

    precision = "16-mixed"  # type: ignore[assignment]


def test_what_suits_a_picture_is_found_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under autocast, matrix products would be rounded to bfloat16."""
    model = ZeroDCE(exposure=0.44, init="identity")
    image = torch.rand(1, 3, 80, 90)
    image[..., 40:, :] *= 0.03
    with torch.no_grad():
        expected, _ = model(image)
        with torch.autocast("cpu", torch.bfloat16):
            found, maps = model(image)
    assert maps.abs().max() == 0, "so that nothing else differs"
    assert (found - expected).abs().max() <= 1e-6


def test_the_layout_is_that_of_the_device(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for layout in ("blocked", "channels_last"):
        asked: list[tuple[str, ...]] = []

        def choose(*given: str, layout: str = layout, asked: list[tuple[str, ...]] = asked) -> str:
            asked.append(given)
            return layout

        monkeypatch.setattr("zero_dce.module.fastest_layout", choose)
        model = ZeroDCE()
        fit(data_on(sice, batch_size=100), model, tmp_path)
        assert asked == [("zero_dce", "cpu", "32-true")]
        assert model.network.blocked == (layout == "blocked")


@pytest.mark.parametrize("value", [0, 1.5, "all", None, True])
def test_wrong_numbers_of_pictures_at_once(value: Any) -> None:
    with pytest.raises(ValueError, match=r"model\.pictures_at_once is .*; expected"):
        ZeroDCE(pictures_at_once=value)


def test_restoring_at_an_exposure(sice: Path, tmp_path: Path) -> None:
    """The losses see each picture at the mean of what it was; the learning rate goes up and down."""
    weights = {"spa": 0.0, "exp": 0.0, "col": 0.0, "tv": 0.1, "rec": 10.0}
    model = ZeroDCE(loss={"weights": weights}, exposure=0.44, schedule="one_cycle", learning_rate=1e-3)
    trainer = fit(data_on(sice, batch_size=2, augment={"restore": True}), model, tmp_path)
    logged = {name: value.item() for name, value in trainer.callback_metrics.items()}
    assert 0 < logged["train/rec"] < 1
    assert logged["train/share/rec"] == pytest.approx(10 * logged["train/rec"] / logged["train/total"], rel=1e-4)
    assert "val/rec" not in logged
    image = torch.rand(2, 3, 16, 16) / 8 + 0.01
    enhanced, curve_maps = model(image)
    assert enhanced.mean((1, 2, 3)).tolist() == pytest.approx([0.44, 0.44], abs=0.002), "what suits a dark picture"
    assert torch.equal(curve_maps, model.network.estimate_curves(image))


def test_one_cycle() -> None:
    assert one_cycle(0.0) == pytest.approx(1 / 25)
    assert one_cycle(0.15) == pytest.approx(1)
    assert one_cycle(0.575) == pytest.approx(0.5, abs=1e-4)
    assert one_cycle(1.0) == one_cycle(2.0) == pytest.approx(1e-5)


def test_optimizer_is_the_released_codes() -> None:
    optimizer = ZeroDCE().configure_optimizers()
    assert isinstance(optimizer, torch.optim.Adam)
    assert (optimizer.defaults["lr"], optimizer.defaults["weight_decay"]) == (1e-4, 1e-4)


def test_a_validation_that_is_not_finite_names_the_term(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ZeroDCE()
    monkeypatch.setattr("zero_dce.losses.colour_constancy_loss", lambda *_, **__: torch.tensor(float("inf")))
    with pytest.raises(NonFiniteLossError, match="after 0 steps: col "):
        model.validation_step(batch_of(), 0)


def test_references_count_only_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ZeroDCE()
    batch = batch_of(3)
    batch["reference"] = batch["image"] * 0.5
    batch["has_reference"] = torch.tensor([True, False, True])
    model.validation_step(batch, 0)
    assert model.val_psnr.count == 2
    assert model.val_means["brightness_out"].weight == 3
    means = model.val_means.compute()
    expected = picture_measures(batch["image"], model(batch["image"])[0])
    torch.testing.assert_close(means["brightness_out"], expected["brightness_out"].detach())


def test_measures_of_validation_equal_the_functions_under_autocast() -> None:
    model = ZeroDCE(loss={"exp": {"target": 0.3}})
    batch = batch_of(4)
    batch["image"] *= torch.tensor([0.2, 0.5, 0.8, 1.0]).view(4, 1, 1, 1)
    batch["reference"] = batch["image"].sqrt()
    batch["has_reference"] = torch.tensor([True, True, False, True])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        model.validation_step(batch, 0)
        enhanced = model(batch["image"])[0]
    changed, compared = model.val_changes.compute(), model.val_comparisons.compute()
    for side, pictures in (("in", batch["image"]), ("out", enhanced)):
        torch.testing.assert_close(changed[f"noise_{side}"], noise(pictures).mean())
        torch.testing.assert_close(changed[f"entropy_{side}"], entropy(pictures).mean())
    # Two of the four are brighter than the loss's own target.
    bright = brightened_bright(batch["image"], enhanced, target=0.3).mean()
    torch.testing.assert_close(changed["brightened_bright"], bright)
    output, reference = (pictures[[0, 1, 3]] for pictures in (enhanced, batch["reference"]))
    for name, measure in (("ssim", ssim), ("mae", absolute_error), ("delta_e", colour_error)):
        torch.testing.assert_close(compared[name], measure(output, reference).mean())


@pytest.mark.parametrize(("network", "other"), [("zero_dce", "zero_dce_pp"), ("zero_dce_pp", "zero_dce")])
def test_weights_of_the_other_network_are_refused(network: str, other: str, tmp_path: Path) -> None:
    save_weights(ZeroDCE(network).network, tmp_path / "a.safetensors", 0)
    assert ZeroDCE(network, weights=str(tmp_path / "a.safetensors")).network.training
    with pytest.raises(ValueError, match=rf"a\.safetensors holds .*, but .* '{other}', .*: add model={network}, or"):
        ZeroDCE(other, weights=str(tmp_path / "a.safetensors"))


def test_a_checkpoint_loads_anywhere(tmp_path: Path) -> None:
    weights = {"spa": 1.0, "exp": 3.0, "col": 5.0, "tv": 7.0}
    model = ZeroDCE(loss={"weights": weights}, learning_rate=2e-4)
    quiet()
    trainer = L.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", enable_model_summary=False)
    trainer.strategy.connect(model)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    loaded = ZeroDCE.load_from_checkpoint(tmp_path / "a.ckpt", weights_only=True)
    assert loaded.loss.weights == weights
    assert loaded.hparams["learning_rate"] == 2e-4
    assert torch.equal(loaded.network.e_conv1.weight, model.network.e_conv1.weight)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "unet"}, r"model\.network is 'unet'; expected one of zero_dce, zero_dce_pp"),
        ({"learning_rate": 0}, r"model\.learning_rate is 0"),
        ({"weight_decay": -1}, r"model\.weight_decay is -1"),
        ({"loss": {"weights": {"exp": 1}}}, r"loss\.weights has the names \['exp'\]"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ZeroDCE(**options)

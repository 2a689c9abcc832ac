"""Steps that are not finite, in real training: they change no weights, and are told of later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from zero_dce.module import ZeroDCE
from zero_dce.step.finite import NonFiniteLossError
from zero_dce.train.configuration import quiet

pytestmark = [
    pytest.mark.filterwarnings("ignore:You defined a `validation_step`"),
    pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers"),
]
SIDE = 16


def batches(count: int, *bad: int) -> list[dict[str, Any]]:
    """Batches of two pictures; those with a number in ``bad`` hold a NaN."""
    made = torch.rand(count, 2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    for number in bad:
        made[number, 0, 0, 0, 0] = torch.nan
    return [{"image": image, "path": [f"{number}/{k}.JPG" for k in range(2)]} for number, image in enumerate(made)]


def make_model(**options: Any) -> ZeroDCE:
    torch.manual_seed(0)
    return ZeroDCE(learning_rate=1e-2, init="identity", **options)


def fit(model: ZeroDCE, given: Sequence[dict[str, Any]], resumed: Path | None = None, **options: Any) -> L.Trainer:
    quiet()
    settings = {"log_every_n_steps": 100, "max_epochs": 1, "gradient_clip_val": 0.1, "precision": "32-true"} | options
    off = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    trainer = L.Trainer(accelerator="cpu", **dict.fromkeys(off, False), **settings)
    trainer.fit(model, DataLoader(list(given), batch_size=None), ckpt_path=resumed, weights_only=False)
    return trainer


def weights(model: ZeroDCE) -> Tensor:
    return torch.cat([value.detach().flatten() for value in model.network.parameters()])


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("at_once", [1, 2])
def test_a_bad_step_is_left_out(precision: Any, at_once: int) -> None:
    given, model = batches(5, 1, 3), make_model(pictures_at_once=at_once)
    with pytest.raises(NonFiniteLossError, match=r"(?s)not finite after 1 steps: .*spa=nan.*1/0\.JPG\n  1/1\.JPG"):
        fit(model, given, precision=precision)
    without = make_model(pictures_at_once=at_once)
    fit(without, [given[0], given[2], given[4]], precision=precision)
    assert torch.equal(weights(model), weights(without)), "neither weights nor Adam's moments and steps know of it"


def test_it_is_told_after_the_next_logged_step() -> None:
    model = make_model()
    seen = []
    model.register_forward_pre_hook(lambda *_: seen.append(1))
    with pytest.raises(NonFiniteLossError, match="after 1 steps"):
        fit(model, batches(12, 1), log_every_n_steps=4)
    assert len(seen) == 4


def test_a_bad_part_of_an_accumulated_step() -> None:
    given, model = batches(4, 2), make_model()
    with pytest.raises(NonFiniteLossError, match=r"(?s)after 1 steps.*2/0\.JPG"):
        fit(model, given, accumulate_grad_batches=2)
    without = make_model()
    fit(without, given[:2], accumulate_grad_batches=2)
    assert torch.equal(weights(model), weights(without))


def test_a_gradient_that_is_not_finite_though_the_loss_is() -> None:
    model, steps = make_model(), []

    def spoil(gradient: Tensor) -> Tensor:
        steps.append(1)
        return gradient * (torch.inf if len(steps) == 2 else 1)

    model.network.e_conv1.weight.register_hook(spoil)  # type: ignore[union-attr, arg-type]
    with pytest.raises(NonFiniteLossError, match=r"(?s)gradient is not finite after 1 steps.*spa=.*1/0\.JPG"):
        fit(model, batches(3))
    assert torch.isfinite(weights(model)).all()


def test_no_checkpoint_is_written_after_a_bad_step(tmp_path: Path) -> None:
    class Save(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
            trainer.save_checkpoint(tmp_path / f"{trainer.global_step}.ckpt")

    with pytest.raises(NonFiniteLossError, match="after 2 steps"):
        fit(make_model(), batches(5, 2), callbacks=[Save()])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["1.ckpt", "2.ckpt"]


@pytest.mark.parametrize("layout", ["channels_last", "contiguous"])
def test_the_fused_kernel_is_adam_in_every_layout(layout: str) -> None:
    """It walks through weights, gradients and moments side by side in memory."""
    model, plain = make_model(), make_model()
    optimizers = []
    for one, fused in ((model, True), (plain, False)):
        one.use_layout(layout)
        optimizers.append(torch.optim.Adam(one.network.parameters(), lr=1e-3, weight_decay=1e-4, fused=fused))
        for batch in batches(5):
            optimizers[-1].zero_grad()
            enhanced, maps = one(batch["image"])
            one.loss(batch["image"], enhanced, maps).total.backward()
            optimizers[-1].step()
    assert isinstance(model.configure_optimizers(), torch.optim.Adam)
    assert model.configure_optimizers().defaults["fused"]
    # Where a gradient is nearly 0, its sign decides a step of Adam.
    assert (weights(model) - weights(plain)).abs().median() < 1e-7
    assert (weights(model) - weights(plain)).abs().quantile(0.99) < 1e-5


@pytest.mark.parametrize(("before", "after"), [("32-true", "bf16-mixed"), ("bf16-mixed", "32-true")])
def test_moments_of_another_layout_and_kernel_go_on(before: Any, after: Any, tmp_path: Path) -> None:
    """A run of before, whose Adam was not fused, goes on with weights that lie otherwise in memory."""
    given, file = batches(6), tmp_path / "run.ckpt"
    trainer = fit(make_model(), given[:3], precision=before)
    trainer.save_checkpoint(file)
    stored = torch.load(file, weights_only=False)
    stored["optimizer_states"][0]["param_groups"][0]["fused"] = None
    torch.save(stored, file)
    model = make_model()

    class Look(L.Callback):
        def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
            (optimizer,) = trainer.optimizers
            assert optimizer.param_groups[0]["fused"]
            for parameter, state in optimizer.state.items():
                assert state["exp_avg"].stride() == state["exp_avg_sq"].stride() == parameter.stride()

    again = fit(model, given[3:], file, precision=after, max_epochs=2, callbacks=[Look()])
    assert again.global_step == 6
    state = again.optimizers[0].state[next(iter(model.network.parameters()))]
    stored_first = stored["optimizer_states"][0]["state"][0]["exp_avg_sq"]
    assert torch.allclose(state["exp_avg_sq"], stored_first, rtol=0.1, atol=1e-9), "each moment stayed with its weight"


@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_gradients_are_clipped_as_the_trainer_would(algorithm: str) -> None:
    model, plain, bound = make_model(), make_model(), 0.01
    for one in (model, plain):
        for number, parameter in enumerate(one.network.parameters()):
            parameter.grad = torch.full_like(parameter, 0.02 * (number + 1))
    optimizer = model.configure_optimizers()
    model.configure_gradient_clipping(optimizer, bound, algorithm)
    clip = {"norm": torch.nn.utils.clip_grad_norm_, "value": torch.nn.utils.clip_grad_value_}[algorithm]
    clip(plain.network.parameters(), bound)
    for own, expected in zip(model.network.parameters(), plain.network.parameters(), strict=True):
        assert own.grad is not None
        assert expected.grad is not None
        assert torch.equal(own.grad, expected.grad)

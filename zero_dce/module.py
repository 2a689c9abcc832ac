"""The LightningModule: a network, the composite loss and the measures, in one shared step."""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from zero_dce.checks import check_option
from zero_dce.hardware import fastest_layout, pictures_at_once
from zero_dce.losses import EXPOSURE_TARGET, CompositeLoss, LossTerms
from zero_dce.metrics.means import (
    COMPARISONS,
    MEASURE_NAMES,
    changes,
    picture_means,
    picture_measures,
    weighted_means,
    with_saturation_ratio,
)
from zero_dce.metrics.reference import PSNRGain
from zero_dce.networks import NETWORKS, CurveNet, load_weights, start_from_identity
from zero_dce.step.finite import BatchLosses
from zero_dce.step.graph import compiled, why_not
from zero_dce.step.module import StepModule
from zero_dce.step.parts import Computed, in_parts
from zero_dce.step.reading import is_read
from zero_dce.weights import TITLES

Batch = Mapping[str, Any]
log = logging.getLogger(__name__)

WARM_UP, FIRST_SHARE, LAST_SHARE = 0.15, 1 / 25, 1e-5


def one_cycle(progress: float) -> float:
    """Return the share of the highest learning rate, at a progress of 0 to 1: up and down along half cosines.

    Smith and Topin, "Super-Convergence" (arXiv 1708.07120), with the shares that PyTorch's OneCycleLR has.

    Examples:
        >>> [round(one_cycle(progress), 2) for progress in (0, 0.15, 1)]
        [0.04, 1.0, 0.0]
    """
    if progress < WARM_UP:
        start, end, part = FIRST_SHARE, 1.0, progress / WARM_UP
    else:
        start, end, part = 1.0, LAST_SHARE, min(1.0, (progress - WARM_UP) / (1 - WARM_UP))
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


class ZeroDCE(StepModule):
    """Zero-reference deep curve estimation.

    A batch is a mapping with ``image`` (B x 3 x H x W, [0, 1]), ``path`` (B strings) and, where references exist,
    ``reference`` (like ``image``) and ``has_reference`` (B booleans). References serve measures only.

    Args:
        network: which network; ``zero_dce`` is DCE-Net, ``zero_dce_pp`` Zero-DCE++.
        loss: the arguments of :class:`zero_dce.losses.CompositeLoss`; ``None`` is the released code's loss.
        learning_rate: of Adam; the paper's 1e-4.
        weight_decay: of Adam; the released code's 1e-4.
        init: of untrained weights: ``published``, or ``identity``, see :func:`zero_dce.networks.start_from_identity`.
        schedule: of the learning rate: ``constant``, as published, or ``one_cycle``, which rises to it during the first
            part of the steps and falls to almost 0 at the end, see :func:`one_cycle`.
        exposure: the mean, in [0.05, 0.95], at which the losses see each enhanced picture in training, see
            :func:`~zero_dce.exposure.search.expose_to_mean`; what is to be restored is seen at its own mean. Validation
            and sample pictures are then at what suits each one, and smoothed. ``None``, as published, is the brightness
            that the network gives, everywhere.
        pictures_at_once: for how many pictures of a batch the gradient is computed at a time, see
            :func:`zero_dce.step.parts.in_parts`; ``auto`` is what this device is quickest with.
        weights: a checkpoint or an address to start from, see :func:`zero_dce.networks.load_weights`;
            ``None`` starts untrained.

    Raises:
        FileNotFoundError: if the checkpoint to start from does not exist.
        ValueError: if the network is unknown, a loss option is wrong, a number is out of its range, or the file to
            start from is no checkpoint of this network.
    """

    def __init__(
        self,
        network: str = "zero_dce",
        loss: Mapping[str, Any] | None = None,
        learning_rate: float = 1e-4,
        weight_decay: float = 1e-4,
        init: str = "published",
        schedule: str = "constant",
        exposure: float | None = None,
        pictures_at_once: str | int = "auto",
        weights: str | None = None,
    ) -> None:
        super().__init__()
        check_option("model.network", network)
        check_option("model.learning_rate", learning_rate)
        check_option("model.weight_decay", weight_decay)
        check_option("model.init", init)
        check_option("model.schedule", schedule)
        check_option("model.exposure", exposure)
        check_option("model.pictures_at_once", pictures_at_once)
        # The loggers get the whole composed configuration instead, from zero_dce.train. The weights are not saved, as a
        # checkpoint must load also where the file that it started from is gone. Left to find the frame, Lightning keeps
        # all that the callers have until the garbage collector comes by.
        self.save_hyperparameters(ignore=["weights"], logger=False, frame=inspect.currentframe())
        self.network = NETWORKS[network]() if weights is None else _load(weights, network)
        if init == "identity" and weights is None:
            start_from_identity(self.network)
        self.use_layout("channels_last")
        self._at_once: dict[tuple[bool, int], int] = {}
        self._whole = 0
        self._compiled: Callable[[Batch], Computed] | None = None
        self.loss = CompositeLoss(**(loss or {}))
        self.val_means = weighted_means((*CompositeLoss.NAMES, *MEASURE_NAMES))
        self.val_psnr = PSNRGain()
        self.val_changes = picture_means(changes(target=self.loss.options["exp"].get("target", EXPOSURE_TARGET)))
        self.val_comparisons = picture_means(COMPARISONS)

    def use_layout(self, layout: str) -> None:
        """Compute features in a layout: ``channels_last``, ``contiguous`` (NCHW) or ``blocked`` (DCE-Net on a CPU)."""
        self._format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        self.network.to(memory_format=self._format)  # type: ignore[call-overload]  # missing in its stubs
        self.network.blocked = layout == "blocked"

    def setup(self, stage: str) -> None:
        """Choose the layout that this device trains fastest in."""
        precision, at_once = str(self.trainer.precision), self.hparams["pictures_at_once"]
        layout = fastest_layout(self.network.NAME, self.trainer.strategy.root_device.type, precision)
        log.info("features are computed in the layout %s", layout)
        self.use_layout(layout)
        self._compile()
        if at_once != "auto" and self.scales_gradients():
            raise ValueError(
                f"model.pictures_at_once is {at_once}, but trainer.precision={precision} scales the loss of a whole "
                "batch: leave it at auto, or train with bf16-mixed or 32-true"
            )

    def _compile(self) -> None:
        trainer, chosen = self.trainer, getattr(self.trainer, "graph", None)
        reason = why_not(
            chosen,
            trainer.strategy.root_device,
            trainer.world_size,
            trainer.accumulate_grad_batches,
            self.hparams["pictures_at_once"],
            self.scales_gradients(),
        )
        self._compiled = None if reason else compiled(self._learn)
        if chosen:
            log.info("steps are %s", f"not compiled: {reason}" if reason else "compiled and recorded as CUDA graphs")

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the enhanced image (B x 3 x H x W, [0, 1]) and its curve maps (B x 3n x H x W, [-1, 1]).

        The maps are the network's own. With ``exposure``, the image is at what suits it, and without the noise that was
        brightened, as :mod:`zero_dce.enhance` writes it: that is what a checkpoint is chosen by.
        """
        image = image.contiguous(memory_format=self._format)
        if self.hparams["exposure"] is None:
            enhanced, curve_maps = self.network(image)
            return enhanced, curve_maps
        # Imported here because most runs do not need it.
        from zero_dce.exposure.setting import enhance_at
        from zero_dce.images.denoise import denoise_whole

        curve_maps = self.network.estimate_curves(image)
        # Small differences of large numbers, in which bfloat16 would be seen.
        with torch.autocast(image.device.type, enabled=False):
            return denoise_whole(image, enhance_at("auto", image, curve_maps)), curve_maps

    def _train(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Enhance a batch as :meth:`forward` does, but with ``exposure`` at that mean, or at that of what it was."""
        mean = self.hparams["exposure"]
        if mean is None:
            return self(batch["image"])  # type: ignore[no-any-return]
        from zero_dce.exposure.search import expose_to_mean

        enhanced, curve_maps = self.network(batch["image"].contiguous(memory_format=self._format))
        if "clean" in batch:
            mean = batch["clean"].mean(dim=(1, 2, 3), keepdim=True)
        return expose_to_mean(enhanced, mean), curve_maps

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Make the Trainer log at multiples of optimizer steps, where its own count would differ.

        It counts one too many after a resume, and loses count where a resumed run accumulates other numbers of batches.
        """
        self.trainer.fit_loop.epoch_loop._batches_that_stepped = self.global_step

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch; log losses and measures every ``log_every_n_steps``."""
        enhanced, losses = self.learn(batch)
        if self.trainer.log_every_n_steps and is_read(self.trainer, self.global_step + 1):  # type: ignore[attr-defined]
            values = {**losses.terms, **picture_measures(batch["image"], enhanced)}
            self._log_means(self._means_over_processes(values), "train")
            # Loggers label the row with the number of steps after this one, as in step-000300.
            self.log("step", float(self.global_step + 1))
        return self.finite_steps.add(self.global_step, losses, batch["path"])

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a validation batch to the means of losses and measures."""
        enhanced, losses = self._validate(batch)
        BatchLosses.of(self.global_step, losses, batch["path"]).require_finite()
        size = len(batch["image"])
        for name, value in {**losses.terms, **picture_measures(batch["image"], enhanced)}.items():
            self.val_means[name].update(value, size)
        self.val_changes.update(batch["image"], enhanced)
        if "reference" in batch:
            known = batch["has_reference"]
            output, reference = enhanced[known], batch["reference"][known]
            self.val_psnr.update(batch["image"][known], output, reference)
            self.val_comparisons.update(output, reference)

    def on_validation_epoch_end(self) -> None:
        """Log the means over the whole validation set; torchmetrics gathers them over all processes."""
        self._log_means(self.val_means.compute(), "val")
        self._log(self.val_changes.compute(), "val")
        gains = self.val_psnr.compute() if self.val_psnr.update_called else {}
        if gains:
            self._log({**gains, **self.val_comparisons.compute()}, "val")
        for metric in (self.val_means, self.val_psnr, self.val_changes, self.val_comparisons):
            metric.reset()
        self.log("step", float(self.global_step), sync_dist=True)

    def configure_optimizers(self) -> Any:
        """Return Adam over the network's parameters, and the schedule of its learning rate where there is one."""
        rate, decay = self.hparams["learning_rate"], self.hparams["weight_decay"]
        optimizer = self.adam(self.network.parameters(), rate, decay)
        if self.hparams["schedule"] == "constant":
            return optimizer
        if not math.isfinite(self.trainer.estimated_stepping_batches):
            raise ValueError("model.schedule=one_cycle needs to know the end: set trainer.max_steps or max_epochs")
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._share_of_rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _share_of_rate(self, step: int) -> float:
        # Asked for at each step, so that a run can be resumed with another number of steps.
        return one_cycle(step / max(1, self.trainer.estimated_stepping_batches))

    def learn(self, batch: Batch) -> Computed:
        """Return the enhanced pictures and the losses of a batch, some pictures at a time where that is chosen.

        The total alone has a gradient.
        """
        tensors = {name: value for name, value in batch.items() if isinstance(value, Tensor)}
        size = len(batch["image"])
        if (at_once := self._pictures_at_once(batch["image"])) < size:
            return in_parts(self._learn, tensors, at_once, list(self.network.parameters()))
        # The last batch of an epoch may be short; what is compiled has one shape.
        self._whole = max(size, self._whole)
        compute = self._compiled if self._compiled and size == self._whole else self._learn
        return compute(tensors)

    def _learn(self, batch: Batch) -> Computed:
        """Return the enhanced pictures and the losses of a batch, of which the total alone has a gradient."""
        enhanced, curve_maps = self._train(batch)
        losses = self.loss(batch["image"], enhanced, curve_maps, batch.get("clean"))
        terms = {name: term.detach() for name, term in losses.terms.items()}
        return enhanced.detach(), LossTerms(terms, losses.weights, losses.total)

    def _validate(self, batch: Batch) -> tuple[Tensor, LossTerms]:
        parts = batch["image"].split(self._pictures_at_once(batch["image"]))
        enhanced, curve_maps = (torch.cat(values) for values in zip(*map(self, parts), strict=True))
        return enhanced, self.loss(batch["image"], enhanced, curve_maps)

    def _pictures_at_once(self, image: Tensor) -> int:
        chosen = self.hparams["pictures_at_once"]
        if chosen != "auto":
            return int(chosen)
        # Asked for once, as the answer of a GPU changes with what is on it.
        kind = (self.training, image.shape[2] * image.shape[3])
        if kind not in self._at_once:
            fitting = len(image) if self.scales_gradients() else pictures_at_once(image.device, kind[1])
            if self._compiled:
                # What a recorded step holds stays held while short batches and validation take theirs.
                fitting = max(1, fitting // 2)
                if self.training and fitting < len(image):
                    log.warning("steps are not compiled: whole batches of %s do not fit in memory twice", len(image))
            self._at_once[kind] = fitting
        return self._at_once[kind]

    def _log_means(self, means: dict[str, Tensor], stage: str) -> None:
        """Log means of losses and measures, and ratios of these means: no ratio is a mean of ratios."""
        terms = {name: means[name] for name in self.loss.weights if name in means}
        losses = LossTerms.weighted(terms, self.loss.weights)
        shares = {f"share/{name}": value for name, value in losses.shares.items()}
        self._log({**losses.terms, **shares, "total": losses.total}, stage)
        self._log(with_saturation_ratio({name: means[name] for name in MEASURE_NAMES}), stage)

    def _means_over_processes(self, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """Average scalars over the processes, whose batches of a step have equal sizes, in one reduction."""
        if self.trainer.world_size == 1:
            return values
        own = torch.stack([value.detach().float() for value in values.values()])
        means: Tensor = self.trainer.strategy.reduce(own, reduce_op="mean")
        return dict(zip(values, means.unbind(), strict=True))

    def _log(self, values: Mapping[str, Tensor], stage: str) -> None:
        for name, value in values.items():
            # In validation sync_dist averages equal numbers, but without it Lightning warns. Not prog_bar, as the
            # Trainer reads what it has there at each step.
            self.log(f"{stage}/{name}", value.detach(), sync_dist=stage == "val")


def _load(weights: str, network: str) -> CurveNet:
    loaded = load_weights(weights)
    if network != loaded.NAME:
        raise ValueError(
            f"model.weights={weights} holds {TITLES[loaded.NAME]}, but model.network is {network!r}, "
            f"{TITLES[network]}: add model={loaded.NAME}, or give other weights"
        )
    return loaded.train()

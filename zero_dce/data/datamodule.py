"""The LightningDataModule: index, split, loaders. What each of them does is in its own file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import lightning as L

from zero_dce.checks import check_number
from zero_dce.data.dataset import PictureDataset
from zero_dce.data.index import LAYOUTS, fingerprint, read_pairs
from zero_dce.data.loader import ResumableDataLoader
from zero_dce.data.sample import ensure_sample
from zero_dce.data.sampler import EpochSampler
from zero_dce.data.split import Split, make_split, shared_scenes

log = logging.getLogger(__name__)


class ExposureDataModule(L.LightningDataModule):
    """Exposure sequences for training without references.

    Batches are mappings with ``image`` (float32, B x 3 x size x size, [0, 1]) and ``path``; in validation, where the
    data set has ``pairs.csv``, also ``reference`` and ``has_reference``.

    Args:
        root: folder of the data set; ``None`` is the embedded sample, rendered on first use.
        source: what the data is, for logs and tags.
        layout: ``sice`` (``Dataset_Part1/<scene>/<n>.JPG``) or ``folder`` (any images).
        split: options of :func:`zero_dce.data.split.make_split`. Its seed is apart from ``seed``, so that runs with
            other seeds see the same sets.
        val_fraction: share of the training side taken for validation by whole scenes; 0 is the report's way.
        size: side of the square that pictures are squashed to, as in the released code.
        batch_size: images in a batch of one process.
        num_workers: processes that decode; 0 decodes in the training process.
        seed: of the order of training images.

    Raises:
        ValueError: if a number is out of its range or the layout is unknown.
    """

    def __init__(
        self,
        root: str | None,
        source: str = "",
        layout: str = "sice",
        split: Mapping[str, Any] | None = None,
        val_fraction: float = 0.1,
        size: int = 256,
        batch_size: int = 8,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if layout not in LAYOUTS:
            raise ValueError(f"data.layout is {layout!r}; expected one of {', '.join(LAYOUTS)}")
        if root == "":
            raise ValueError(
                "data.root is not set: give your images as data.root=DIR, or SICE as SICE_ROOT=DIR in the environment"
            )
        for name, value, least in (("size", size, 16), ("batch_size", batch_size, 1), ("num_workers", num_workers, 0)):
            check_number(f"data.{name}", value, least, whole=True)
        check_number("data.seed", seed, whole=True)
        self.save_hyperparameters(logger=False)
        self.split: Split | None = None

    def prepare_data(self) -> None:
        """Render the embedded sample where it is used; called on one process of a machine."""
        if self.hparams["root"] is None:
            ensure_sample()

    def setup(self, stage: str | None = None) -> None:
        """Index the images and split them, once.

        Raises:
            FileNotFoundError: if the root is missing or empty.
            ValueError: if the number of images or a fraction does not fit.
        """
        if self.split is not None:
            return
        root, options = self.hparams["root"], self.hparams["split"] or {}
        self.root = ensure_sample() if root is None else Path(root)
        entries = LAYOUTS[self.hparams["layout"]](self.root)
        self.split = make_split(entries, self.root, self.hparams["val_fraction"], **options)
        self.pairs = read_pairs(self.root)
        self.fingerprint = fingerprint(self.root, entries)
        counts = {side: len(paths) for side, paths in vars(self.split).items()}
        log.info(
            "Data: %s, %s; %d test images share a scene with training",
            self.root,
            counts,
            shared_scenes(self.split, entries),
        )

    def train_dataloader(self) -> ResumableDataLoader:
        """Shuffled by (seed, epoch)."""
        split = cast(Split, self.split)
        return self._loader(PictureDataset(self.root, split.train, self.hparams["size"]), shuffle=True)

    def val_dataloader(self) -> ResumableDataLoader | list[Any]:
        """In the manifest's order; an empty list where there is no validation side."""
        split = cast(Split, self.split)
        if not split.val:
            return []
        references = {path: self.pairs[path] for path in split.val if path in self.pairs} or None
        return self._loader(PictureDataset(self.root, split.val, self.hparams["size"], references), shuffle=False)

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        """Turn bytes into floats in [0, 1] on the device: a quarter of the bytes to move there."""
        return {key: value.float() / 255 if key in ("image", "reference") else value for key, value in batch.items()}

    def _loader(self, dataset: PictureDataset, shuffle: bool) -> ResumableDataLoader:
        sampler = EpochSampler(
            len(dataset),
            seed=self.hparams["seed"],
            shuffle=shuffle,
            num_replicas=self.trainer.world_size if self.trainer else 1,
            rank=self.trainer.global_rank if self.trainer else 0,
            drop_uneven=shuffle,
        )
        workers = self.hparams["num_workers"]
        return ResumableDataLoader(
            dataset,
            sampler,
            self.hparams["batch_size"],
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=self.trainer is not None and self.trainer.strategy.root_device.type == "cuda",
        )

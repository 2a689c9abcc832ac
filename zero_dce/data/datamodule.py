"""The LightningDataModule, which joins index, split, survey, cache and loaders."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import lightning as L
import torch

from zero_dce.checks import check_option
from zero_dce.data.augment import Augmentation
from zero_dce.data.cache import CacheError, open_cache
from zero_dce.data.dataset import DecodingPictures, Fit, PictureDataset, Pictures
from zero_dce.data.index import LAYOUTS, find_references, fingerprint
from zero_dce.data.loader import EpochSampler, ResumableDataLoader
from zero_dce.data.report import check_split_sides, describe_counts, left_out, notes, report_unusual
from zero_dce.data.split import Split, make_split
from zero_dce.data.survey import brightness_of
from zero_dce.signals import outlive_first_signal

log = logging.getLogger(__name__)
CHECKED = ("layout", "cache", "cache_fallback", "on_bad", "size", "batch_size", "num_workers", "seed")


class ExposureDataModule(L.LightningDataModule):
    """Exposure sequences for training without references.

    Batches are mappings with ``image`` (float32, B x 3 x size x size, [0, 1]) and ``path``; in training with
    ``augment.restore`` also ``clean`` (like ``image``), what is to be restored; in validation, where the
    data set has references, also ``reference`` and ``has_reference``.

    Args:
        root: folder of the data set; ``None`` stands for the embedded sample, rendered on first use.
        source: a description of the data, for logs and tags.
        layout: ``sice`` (``Dataset_Part1/<scene>/<n>.JPG``) or ``folder`` (any images).
        split: options of :func:`zero_dce.data.split.make_split`. Its seed is apart from ``seed``, so that runs with
            other seeds see the same sets.
        val_fraction: share of the training side taken for validation by whole scenes; 0 as in the report.
        size: side of the square that pictures are squashed to, as in the released code.
        batch_size: images per batch and process.
        num_workers: how many images are decoded at a time; without a cache, in separate processes (0 decodes in the
            training process).
        seed: seed of the order of training images and of their random changes.
        cache: where decoded pixels are kept: ``none`` decodes in every epoch, ``disk`` maps a file, ``memory`` and
            ``device`` hold all pixels there.
        cache_fallback: what to do where the cache cannot be written: ``stop``, or train with ``none``.
        on_bad: what to do about files that cannot be read: ``error``, or ``skip`` them.
        augment: options of :class:`zero_dce.data.augment.Augmentation`.

    Raises:
        ValueError: if a number is out of its range or a choice is unknown.
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
        cache: str = "disk",
        cache_fallback: str = "stop",
        on_bad: str = "error",
        augment: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        # Left to find the frame, Lightning keeps all that callers have until the garbage collector comes by. Loaders
        # that are freed only then wait 5 s for each worker process, as the queues to these are closed before.
        self.save_hyperparameters(logger=False, frame=inspect.currentframe())
        for name in CHECKED:
            check_option(f"data.{name}", self.hparams[name])
        if root == "":
            raise ValueError(
                "data.root is not set: give your images as data.root=DIR, or SICE as SICE_ROOT=DIR in the environment"
            )
        self.augmentation = Augmentation(**(augment or {}))
        self.fit = Fit(size, self.augmentation.crop)
        self.cache_place = cache
        self.split: Split | None = None
        self._source: Pictures | None = None

    def prepare_data(self) -> None:
        """Render the embedded sample where it is used; called on one process per machine."""
        self._find_root()

    def setup(self, stage: str | None = None) -> None:
        """Index the images, split them, and read each once; a second call does nothing.

        Raises:
            FileNotFoundError: if the root is missing or empty.
            ValueError: if the number of images or a fraction does not fit, or files cannot be read.
            CacheError: if the cache cannot be written.
        """
        if self.split is not None:
            return
        self.root = self._find_root()
        index = LAYOUTS[self.hparams["layout"]](self.root)
        self.fingerprint = fingerprint(self.root, index.entries)
        split = make_split(index.entries, self.root, self.hparams["val_fraction"], **(self.hparams["split"] or {}))
        self._read_files(index.files())
        records = self.cache.records
        self.left_out = left_out(index, split, records)
        report_unusual(self.root, notes(records), self.left_out, self.hparams["on_bad"])
        self.brightness = brightness_of(records)
        self.pairs = find_references(index, self.brightness)
        self.counts_before = split.counts()
        self.split = split.without(self.left_out)
        check_split_sides(split, self.split, self.root)
        log.info("Data: %s: %s", self.root, describe_counts(index, split, self.split))

    def train_dataloader(self) -> ResumableDataLoader:
        """Return batches of the training side, shuffled by (seed, epoch)."""
        paths, seed = cast(Split, self.split).train, self.hparams["seed"]
        if self.augmentation.restore:
            paths = self._well_exposed(paths)
        dataset = PictureDataset(self._pictures(), paths, self.fit.size, None, self.augmentation, seed)
        return self._loader(dataset, shuffle=True)

    def val_dataloader(self) -> ResumableDataLoader | list[Any]:
        """Return batches in the manifest's order; an empty list where there is no validation side."""
        paths = cast(Split, self.split).val
        if not paths:
            return []
        references = {path: self.pairs[path] for path in paths if path in self.pairs} or None
        return self._loader(PictureDataset(self._pictures(), paths, self.fit.size, references), shuffle=False)

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        """Convert bytes to floats in [0, 1] on the device, so that only a quarter of the bytes is moved there."""
        # Sums over a picture depend on its memory layout in their last digit: make it plane by plane, always.
        for key in {"image", "clean", "reference"} & batch.keys():
            batch[key] = batch[key].contiguous().float() / 255
        return batch

    def _well_exposed(self, paths: list[str]) -> list[str]:
        """Return the images that are exposed well, by their brightness alone.

        Raises:
            ValueError: if they do not fill a batch.
        """
        # Imported here because most runs do not need it.
        from zero_dce.exposure.suited import LEAST_WELL, MOST_WELL

        found = [path for path in paths if LEAST_WELL <= self.brightness[path] <= MOST_WELL]
        least = self.hparams["batch_size"] * (self.trainer.world_size if self.trainer else 1)
        if len(found) < least:
            raise ValueError(
                f"data.augment.restore needs well exposed frames, with a mean of {LEAST_WELL} to {MOST_WELL}: "
                f"{len(found)} of {len(paths)} training images are, and a batch takes {least}. Use a smaller "
                "data.batch_size, other data, or data/augment=none"
            )
        log.info("Data: trained on the %d of %d training images that are exposed well", len(found), len(paths))
        return found

    def _find_root(self) -> Path:
        """Return the data set's folder; the embedded sample is rendered first where it is not there yet."""
        if self.hparams["root"] is not None:
            return Path(self.hparams["root"])
        # Who trains on pictures of one's own needs none of it.
        from zero_dce.data.sample import ensure_sample

        return ensure_sample()

    def _read_files(self, paths: list[str]) -> None:
        threads = self.hparams["num_workers"]
        try:
            self.cache = open_cache(self.root, paths, self.fit, threads, keep_pixels=self.cache_place != "none")
        except CacheError as error:
            if self.hparams["cache_fallback"] == "stop":
                raise
            log.warning("Training goes on WITHOUT a cache, decoding in every epoch: %s", error)
            self.cache_place = "none"
            self.cache = open_cache(self.root, paths, self.fit, threads, keep_pixels=False)

    def _pictures(self) -> Pictures:
        """Return one source for all loaders, so that pixels are in memory once."""
        if self._source is None and self.cache_place == "none":
            self._source = DecodingPictures(self.root, self.fit)
        elif self._source is None:
            self._source = self.cache.pixels(self.cache_place, self._device())
        return self._source

    def _device(self) -> torch.device:
        return self.trainer.strategy.root_device if self.trainer else torch.device("cpu")

    def _loader(self, dataset: PictureDataset, shuffle: bool) -> ResumableDataLoader:
        sampler = EpochSampler(
            len(dataset),
            seed=self.hparams["seed"],
            shuffle=shuffle,
            num_replicas=self.trainer.world_size if self.trainer else 1,
            rank=self.trainer.global_rank if self.trainer else 0,
            drop_uneven=shuffle,
        )
        # With a cache, copying decoded pixels is faster than passing them between processes.
        workers = self.hparams["num_workers"] if self.cache_place == "none" else 0
        return ResumableDataLoader(
            dataset,
            sampler,
            self.hparams["batch_size"],
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=outlive_first_signal if workers else None,
            pin_memory=self._device().type == "cuda" and self.cache_place != "device",
        )

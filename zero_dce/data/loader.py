"""The order of samples, a function of (seed, epoch), and a DataLoader that continues inside an epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import BatchSampler, DataLoader, Sampler

from zero_dce.images import ImageReadError
from zero_dce.signals import hold_signals


class EpochSampler(Sampler[tuple[int, int]]):
    """Yield this process's images of an epoch as (epoch, index), shuffled by (seed, epoch).

    Several processes take turns in the shuffled order, so that a step's global batch holds the same images as on one
    process with the same global batch size.

    Args:
        length: number of samples in the data set.
        seed: seed of the order.
        shuffle: ``False`` keeps the data set's order.
        num_replicas: number of processes.
        rank: number of this process.
        drop_uneven: leave out the last few indices so that all processes get equally many. Training needs it, where
            they step together; validation does not, where each sample counts once.

    Raises:
        ValueError: if there are fewer samples than processes.
    """

    def __init__(
        self, length: int, seed: int, shuffle: bool, num_replicas: int = 1, rank: int = 0, drop_uneven: bool = True
    ) -> None:
        if length < num_replicas:
            raise ValueError(f"{length} images are too few for {num_replicas} processes: each needs one at least")
        self.length, self.seed, self.shuffle = length, seed, shuffle
        self.num_replicas, self.rank = num_replicas, rank
        self.total = length - length % num_replicas if drop_uneven else length
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next; the loader calls it before each pass."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield (epoch, index), as random changes of an image depend on both."""
        order = list(range(self.length))
        if self.shuffle:
            # NumPy seeds with both numbers; torch.Generator would keep only the low 32 bits of one.
            order = np.random.default_rng((self.seed, self.epoch)).permutation(self.length).tolist()
        epoch = self.epoch
        return ((epoch, index) for index in order[self.rank : self.total : self.num_replicas])

    def __len__(self) -> int:
        """Return how many indices this process gets."""
        return len(range(self.rank, self.total, self.num_replicas))


class _SkippingBatchSampler(BatchSampler):
    """Leave out the first ``skip`` batches of the next pass, without loading them."""

    skip = 0

    def __iter__(self) -> Iterator[list[Any]]:
        skip, self.skip = self.skip, 0
        for number, batch in enumerate(super().__iter__()):
            if number >= skip:
                yield batch


def _as_it_is(batch: Any) -> Any:
    return batch


class ResumableDataLoader(DataLoader[Any]):
    """A DataLoader with ``state_dict`` and ``load_state_dict``, which the Trainer stores in checkpoints.

    Only batches that were handed out count, not those that workers have prefetched. After ``load_state_dict`` the next
    pass begins after them; later passes are whole again. The sampler must repeat its order (:class:`EpochSampler`), and
    the data set makes whole batches (:class:`zero_dce.data.dataset.PictureDataset`).

    The loader counts epochs itself: the next one begins when all batches of a pass were handed out. The Trainer's own
    count is one too low after a run was resumed at the end of an epoch and again at the end of the next.
    """

    def __init__(self, dataset: Any, sampler: Any, batch_size: int, **options: Any) -> None:
        self._resumable_batches = _SkippingBatchSampler(sampler, batch_size, drop_last=False)
        self._order, self._samples_per_batch, self._samples = sampler, batch_size, len(sampler)
        self._processes: int = sampler.num_replicas
        self._handed_out = 0
        self.epoch = 0
        super().__init__(dataset, batch_sampler=self._resumable_batches, collate_fn=_as_it_is, **options)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # any iterator serves the Trainer
        """Yield the batches of one pass, from the position that was loaded last."""
        if self._handed_out == len(self):
            self.epoch += 1
        self._handed_out = self._resumable_batches.skip
        self._order.set_epoch(self.epoch)
        # This starts the worker processes, which must get no signal before they handle signals themselves.
        with hold_signals():
            batches = super().__iter__()
        try:
            for batch in batches:
                self._handed_out += 1
                yield batch
        except ImageReadError as error:
            # A worker's error contains its traceback as text, and its own message at the end.
            raise ImageReadError(str(error).strip().rpartition(f"{ImageReadError.__name__}: ")[2]) from error

    def state_dict(self) -> dict[str, int]:
        """Return the epoch and the position in it, counted in samples of all processes.

        A resumed run may have another batch size and another number of processes.
        """
        samples = min(self._handed_out * self._samples_per_batch, self._samples)
        return {"epoch": self.epoch, "samples": samples * self._processes}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Begin the next pass after the samples of ``state``, at the next start of a batch.

        Raises:
            ValueError: if the state is an earlier version's.
        """
        if "epoch" not in state:
            raise ValueError(
                "the checkpoint is an earlier version's, which did not keep the epoch, and cannot be resumed exactly: "
                "start a new run from its weights with model.weights=FILE"
            )
        batches = math.ceil(state["samples"] / (self._samples_per_batch * self._processes))
        # A state of one process may count the last samples, which several processes leave out.
        batches = min(batches, len(self))
        # A complete epoch is followed by the next one.
        self.epoch = state["epoch"] + batches // len(self)
        self._resumable_batches.skip = self._handed_out = batches % len(self)

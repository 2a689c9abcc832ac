"""The order of samples: a function of (seed, epoch) alone, for any number of workers and processes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class EpochSampler(Sampler[tuple[int, int]]):
    """Yield this process's images of an epoch as (epoch, index), shuffled by (seed, epoch).

    With several processes the shuffled order is dealt out in turn, so that a step's global batch holds the same
    images as on one process with the same global batch size.

    Args:
        length: number of samples in the data set.
        seed: of the order.
        shuffle: ``False`` keeps the data set's order.
        num_replicas: number of processes.
        rank: this process.
        drop_uneven: leave out the last few indices so that all processes get equally many: needed in training, where
            they step together; not in validation, where each sample counts once.

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
        """Yield the current epoch with each of its indices: random changes of an image depend on both."""
        order = list(range(self.length))
        if self.shuffle:
            # NumPy mixes both numbers in; torch.Generator would keep only the low 32 bits of one.
            order = np.random.default_rng((self.seed, self.epoch)).permutation(self.length).tolist()
        epoch = self.epoch
        return ((epoch, index) for index in order[self.rank : self.total : self.num_replicas])

    def __len__(self) -> int:
        """Return how many indices this process gets."""
        return len(range(self.rank, self.total, self.num_replicas))

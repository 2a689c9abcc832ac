from __future__ import annotations

from typing import Any

import pytest
from torch.utils.data import Dataset

from zero_dce.data.loader import EpochSampler, ResumableDataLoader


def order(seed: int = 0, epoch: int = 0, length: int = 23, **options: Any) -> list[int]:
    sampler = EpochSampler(length, seed, shuffle=True, **options)
    sampler.set_epoch(epoch)
    assert {one for one, _ in sampler} == {epoch}
    return [index for _, index in sampler]


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    assert order() == order()
    assert sorted(order()) == list(range(23))
    orders = [order(seed, epoch) for seed in (0, 1, 2) for epoch in (0, 1, 2)]
    assert len({tuple(one) for one in orders}) == 9


def test_without_shuffling() -> None:
    assert list(EpochSampler(5, 0, shuffle=False)) == [(0, index) for index in range(5)]


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_share_an_epoch(processes: int) -> None:
    parts = [order(num_replicas=processes, rank=rank) for rank in range(processes)]
    assert {len(part) for part in parts} == {23 // processes}
    seen = [index for part in parts for index in part]
    assert len(set(seen)) == len(seen) == 23 - 23 % processes
    # A step's global batch is the same set as on one process.
    assert {part[k] for part in parts for k in range(4)} == set(order()[: 4 * processes])


def test_validation_counts_each_sample_once() -> None:
    parts = [EpochSampler(7, 0, shuffle=False, num_replicas=2, rank=rank, drop_uneven=False) for rank in (0, 1)]
    assert [[index for _, index in part] for part in parts] == [[0, 2, 4, 6], [1, 3, 5]]
    assert [len(part) for part in parts] == [4, 3]


def test_more_processes_than_samples() -> None:
    with pytest.raises(ValueError, match="2 images are too few for 3 processes"):
        EpochSampler(2, 0, shuffle=True, num_replicas=3)


class Numbers(Dataset[list[int]]):
    """Ten numbers, given in whole batches as the images are."""

    def __len__(self) -> int:
        return 10

    def __getitems__(self, draws: list[tuple[int, int]]) -> list[int]:
        return [index for _, index in draws]


def loader(workers: int = 0) -> ResumableDataLoader:
    return ResumableDataLoader(Numbers(), EpochSampler(10, 0, shuffle=True), 3, num_workers=workers)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("taken", [0, 1, 3])
def test_loader_continues_behind_what_was_handed_out(workers: int, taken: int) -> None:
    first = loader(workers)
    reference = loader()
    whole, next_epoch = list(reference), list(reference)
    iterator = iter(first)
    assert [next(iterator) for _ in range(taken)] == whole[:taken]
    state = first.state_dict()
    assert state == {"epoch": 0, "samples": 3 * taken}, "what workers have prefetched does not count"

    second = loader(workers)
    second.load_state_dict(state)
    assert second.state_dict() == state
    assert len(second) == 4
    assert list(second) == whole[taken:]
    assert list(second) == next_epoch, "only the first pass is shortened"


def test_loader_at_the_end_of_an_epoch_goes_on_with_the_next() -> None:
    reference = loader()
    epochs = [list(reference) for _ in range(3)]
    assert len({str(epoch) for epoch in epochs}) == 3
    assert reference.state_dict() == {"epoch": 2, "samples": 10}
    resumed = loader()
    resumed.load_state_dict({"epoch": 1, "samples": 10})
    assert list(resumed) == epochs[2]


def test_a_pass_that_was_not_finished_begins_again() -> None:
    """The Trainer opens a pass without using it when it resumes at the end of an epoch."""
    twice = loader()
    next(iter(twice))
    assert list(twice) == list(loader())


def test_processes_and_epochs_by_state() -> None:
    """Resumed with another batch size, the position in samples counts."""
    resumed = ResumableDataLoader(Numbers(), EpochSampler(10, 0, shuffle=True), 5)
    resumed.load_state_dict({"epoch": 3, "samples": 6})
    assert resumed.state_dict() == {"epoch": 4, "samples": 0}, "rounded up to the next batch, which is the next epoch"


@pytest.mark.parametrize(("before", "after", "batches"), [(1, 2, 2), (2, 1, 3), (2, 2, 1)])
def test_the_position_counts_samples_of_all_processes(before: int, after: int, batches: int) -> None:
    """Ten samples; the number of processes changes inside an epoch, and at its end."""

    def of(processes: int, batch: int) -> ResumableDataLoader:
        return ResumableDataLoader(Numbers(), EpochSampler(10, 0, shuffle=True, num_replicas=processes), batch)

    first, second = of(before, 2 // before), of(after, 2 // after)
    iterator = iter(first)
    for _ in range(batches):
        next(iterator)
    state = first.state_dict()
    assert state == {"epoch": 0, "samples": 2 * batches}
    second.load_state_dict(state)
    assert list(second) == list(of(after, 2 // after))[batches:]
    list(first)
    second.load_state_dict({**first.state_dict(), "samples": 10})
    assert second.state_dict() == {"epoch": 1, "samples": 0}


def test_a_left_over_sample_of_one_process_is_not_skipped_by_two() -> None:
    """Of eleven samples two processes leave one out: the whole epoch of one is the whole epoch of each of them."""
    two = ResumableDataLoader(Numbers(), EpochSampler(11, 0, shuffle=True, num_replicas=2), 5)
    two.load_state_dict({"epoch": 0, "samples": 11})
    assert two.state_dict() == {"epoch": 1, "samples": 0}


def test_a_state_without_its_epoch_is_refused() -> None:
    with pytest.raises(ValueError, match=r"earlier version's.*model\.weights=FILE"):
        loader().load_state_dict({"samples": 3})

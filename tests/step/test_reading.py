"""A step asks the device for nothing: reads of values, which would wait for a GPU, are counted on the CPU."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import pytest
import torch
import torch.distributed as dist
from torch.utils._python_dispatch import TorchDispatchMode

from tests.helpers.processes import exit_code, free_port, ranks, start
from tests.helpers.runs import run_here, tiny
from zero_dce.step.reading import WITHOUT_LOGGING, is_read

# What copies a value to the host, or needs one to know a shape.
READ = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "unique")
# What a program calls for the same without the dispatcher.
DIRECT = ("tolist", "numpy", "__array__", "cpu")
COLLECTIVES = (
    "all_reduce",
    "broadcast",
    "all_gather",
    "reduce",
    "barrier",
    "all_gather_object",
    "broadcast_object_list",
)
EVERY, STEPS = 4, 9


@pytest.mark.parametrize(("every", "read"), [(1, [1, 2, 3]), (2, [2]), (0, []), (3, [3])])
def test_steps_after_which_values_are_read(every: int, read: list[int]) -> None:
    trainer = SimpleNamespace(log_every_n_steps=every)
    assert [step for step in (1, 2, 3) if is_read(trainer, step)] == read


def test_a_run_that_logs_nothing_is_checked_all_the_same() -> None:
    assert is_read(SimpleNamespace(log_every_n_steps=0), WITHOUT_LOGGING)


class Reads(TorchDispatchMode):
    """Notes where values are read."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__()
        self.note = note

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in READ:
            self.note(name)
        return func(*args, **(kwargs or {}))


class CountReads(L.Callback):
    """From where a batch is in memory to where the next one is asked for: what was read, by steps.

    Args:
        folder: gets them, as RANK.json, at the end.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.found: dict[int, list[str]] = {}
        self._step = 0

    def note(self, name: str) -> None:
        where = [
            frame
            for frame in traceback.extract_stack()
            if "zero_dce" in frame.filename or "lightning" in frame.filename
        ]
        if where and "zero_dce/data/" in where[-1].filename:
            # An epoch's order is drawn on the processor, wherever the pictures are.
            return
        self.found[self._step].append(f"{name}: {where[-1].filename}:{where[-1].lineno}" if where else name)

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        advance = trainer.fit_loop.epoch_loop.advance

        def watched(fetcher: Any) -> None:
            self._step = trainer.global_step + 1
            self.found.setdefault(self._step, [])
            with self._watched():
                advance(fetcher)

        trainer.fit_loop.epoch_loop.advance = watched  # type: ignore[method-assign]

    @contextmanager
    def _watched(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for owner, names in ((torch.Tensor, DIRECT), (dist, COLLECTIVES)):
                for name in names:
                    patch.setattr(owner, name, self._noting(name, getattr(owner, name)))
            with Reads(self.note):
                yield

    def _noting(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*arguments: Any, **options: Any) -> Any:
            self.note(name)
            return function(*arguments, **options)

        return noting

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        (self.folder / f"{trainer.global_rank}.json").write_text(json.dumps(self.found), encoding="utf-8")


def options(sice: Path, folder: Path, *more: str) -> list[str]:
    """A run whose pictures are in memory, with the callback."""
    given = [option for option in tiny(sice, "logger=csv") if not option.startswith("every_n_steps")]
    counter = f"+callbacks.reads={{_target_:{CountReads.__module__}.{CountReads.__name__},folder:'{folder}'}}"
    schedule = [f"trainer.max_steps={STEPS}", f"trainer.log_every_n_steps={EVERY}", "every_n_steps=100"]
    return [*given, *schedule, "data.cache=device", counter, *more]


def assert_nothing_read(found: Path) -> None:
    counted = {int(step): reads for step, reads in json.loads(found.read_text(encoding="utf-8")).items()}
    assert sorted(counted) == list(range(1, STEPS + 1))
    assert {step: reads for step, reads in counted.items() if reads and step % EVERY and step < STEPS} == {}
    assert any("_local_scalar_dense" in read for read in counted[EVERY]), "this would count what a step reads"


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["loss=official", "experiment=adaptive", "trainer.accumulate_grad_batches=2"])
def test_nothing_is_read_between_logged_steps(
    recipe: str, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_here(monkeypatch, tmp_path, *options(sice, tmp_path, recipe)) == 0
    assert_nothing_read(tmp_path / "0.json")


@pytest.mark.slow
def test_two_processes_do_not_ask_each_other_between_logged_steps(sice: Path, tmp_path: Path) -> None:
    given = options(sice, tmp_path, "trainer=ddp", "trainer.devices=2", "hydra.run.dir=run/0")
    both = [start(tmp_path, given, extra, rank) for rank, extra in enumerate(ranks(free_port()))]
    assert [exit_code(process) for process in both] == [0, 0], (tmp_path / "output-0.txt").read_text()
    for rank in range(2):
        assert_nothing_read(tmp_path / f"{rank}.json")

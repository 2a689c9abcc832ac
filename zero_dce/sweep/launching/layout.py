"""How the runs of a sweep share one machine: slots, the GPUs of each, and the processes of each run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from zero_dce.checks import check_number
from zero_dce.hardware import usable_cores
from zero_dce.sweep.launching.devices import Slots, count_processes, deal_out, visible_gpus
from zero_dce.sweep.launching.job import SweepRun
from zero_dce.train.command_line import key_of

DEVICES = "trainer.devices"
Compose = Callable[[Sequence[str]], DictConfig]


@dataclass(frozen=True)
class Placement:
    """Where runs go.

    Attributes:
        slots: the GPUs of each run at a time; a slot of ``None`` sees what this process sees.
        processes: how many each run has, by the run's number.
        threads: how many PyTorch may use in each process.
        overrides: what every run gets beside its own.
    """

    slots: Slots
    processes: dict[int, int]
    threads: int
    overrides: list[str]

    def in_this_process(self, run: SweepRun) -> bool:
        """Return whether a run needs no process of its own: nothing runs beside it, and it is one process."""
        return self.slots == [None] and self.processes[run.number] == 1


def lay_out(
    runs: Sequence[SweepRun],
    compose: Compose,
    accelerator: str,
    slots: int | None,
    devices_per_run: int | None,
    runs_per_gpu: int = 1,
) -> Placement:
    """Find slots and processes for the runs of a sweep.

    Args:
        runs: those that are left to do.
        compose: makes the configuration of a run from its overrides.
        accelerator: the sweep's ``trainer.accelerator``.
        slots: how many runs at a time; ``None``: as many as the visible GPUs allow.
        devices_per_run: devices of each run; ``None``: what each run's ``trainer.devices`` says.
        runs_per_gpu: how many runs at a time share a GPU.

    Raises:
        ValueError: if that cannot work.
    """
    gpus = visible_gpus(accelerator)
    if devices_per_run is None:
        trainers = compose_trainers(runs, compose)
        processes = {run.number: _processes(trainer, len(gpus)) for run, trainer in trainers}
        overrides = []
    else:
        _check_devices_per_run(devices_per_run, runs)
        processes = {run.number: devices_per_run for run in runs}
        overrides = [f"{DEVICES}={devices_per_run}"]
    most = max(processes.values(), default=1)
    dealt = deal_out(gpus, slots, most, devices_per_run is not None, runs_per_gpu)
    if any(slot is not None for slot in dealt):
        _refuse_named_devices(runs)
    return Placement(dealt, processes, threads_per_process(dealt, most), overrides)


def expected_slots(config: DictConfig) -> Slots:
    """Return the slots that a sweep will have if all runs are as its own configuration says.

    Raises:
        ValueError: if these need more GPUs than there are.
    """
    launcher = config.hydra.launcher
    if "slots" not in launcher:
        return [None]
    for name in ("slots", "devices_per_run"):
        if launcher[name] is not None:
            check_number(f"hydra.launcher.{name}", launcher[name], least=1, whole=True)
    check_number("hydra.launcher.runs_per_gpu", launcher.runs_per_gpu, least=1, whole=True)
    if not isinstance(launcher.retry_failed, bool):
        raise ValueError(f"hydra.launcher.retry_failed is {launcher.retry_failed!r}; expected true or false")
    gpus = visible_gpus(config.trainer.accelerator)
    given = launcher.devices_per_run
    per_run = given or _processes(config.trainer, len(gpus))
    return deal_out(gpus, launcher.slots, per_run, given is not None, launcher.runs_per_gpu)


def in_sweeps_process(config: DictConfig, slots: Slots) -> bool:
    """Return whether the runs need no processes of their own, if they are as the sweep's configuration says."""
    return slots == [None] and _processes(config.trainer, len(visible_gpus(config.trainer.accelerator))) == 1


def compose_trainers(runs: Sequence[SweepRun], compose: Compose) -> Iterator[tuple[SweepRun, DictConfig]]:
    """Yield each run with its trainer's configuration; composing takes a while, so equal trainers are composed once."""
    trainers: dict[tuple[str, ...], DictConfig] = {}
    plain: set[str] = set()
    for run in runs:
        relevant = tuple(text for text in run.overrides if _may_change_the_trainer(text, plain))
        if relevant not in trainers:
            config = compose(run.overrides)
            trainers[relevant] = config.trainer
            plain |= _plain_keys(config)
        yield run, trainers[relevant]


def _may_change_the_trainer(override: str, plain: set[str]) -> bool:
    """Return whether an override is one of the trainer, or chooses a file that may have some."""
    key = key_of(override)
    return key.startswith("trainer") or not ("." in key or key in plain)


def _plain_keys(config: DictConfig) -> set[str]:
    """Return the keys of a configuration that choose no file, such as ``seed``: a grid may have a thousand seeds.

    There are none if the trainer's size refers to other keys.
    """
    if any(OmegaConf.is_interpolation(config.trainer, name) for name in ("accelerator", "devices", "num_nodes")):
        return set()
    values: Any = OmegaConf.to_container(config)
    return {key for key, value in values.items() if isinstance(value, bool | int | float | str)}


def _processes(trainer: DictConfig, gpus: int) -> int:
    if trainer.get("num_nodes", 1) != 1:
        raise ValueError(
            f"trainer.num_nodes={trainer.num_nodes} needs several machines: hydra/launcher=slurm makes each run a job "
            "on as many nodes"
        )
    devices = OmegaConf.to_container(trainer).get("devices")  # type: ignore[union-attr]  # a mapping
    return count_processes(devices, 0 if trainer.accelerator == "cpu" else gpus)


def _refuse_named_devices(runs: Sequence[SweepRun]) -> None:
    """Raise ValueError if a run names its GPUs by number: each run sees only its own, numbered from 0."""
    for run in runs:
        for text in run.overrides:
            if text.startswith(f"{DEVICES}=") and ("[" in text or "," in text):
                raise ValueError(
                    f"run {run.number} has {text}, but each run sees only the GPUs of its slot: give how many, as "
                    f"{DEVICES}=2, and choose the GPUs of the whole sweep by CUDA_VISIBLE_DEVICES=2,3"
                )


def _check_devices_per_run(count: int, runs: Sequence[SweepRun]) -> None:
    for run in runs:
        for text in run.overrides:
            if text.startswith(f"{DEVICES}=") and text != f"{DEVICES}={count}":
                raise ValueError(
                    f"run {run.number} has {text} and hydra.launcher.devices_per_run={count}: more or fewer processes "
                    f"than its slot has devices. Give one of the two"
                )


def threads_per_process(slots: Slots, processes: int) -> int:
    """Return how many threads PyTorch may use in each process, so that together they are no more than the cores."""
    return max(1, usable_cores() // (len(slots) * processes))

"""Training on several processes: as many as were asked for, and all set up alike."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import lightning as L
import torch.distributed as dist
from omegaconf import DictConfig, OmegaConf

from zero_dce import __version__
from zero_dce.records.configuration import leaves_of

# These options follow the cores of each machine, and change no result.
MACHINE_DEPENDENT = ("data.num_workers",)
VERSIONS = ("torch", "lightning")
# A message names at most so many differences: more would hide the first ones.
NAMED = 5
RUN_FOLDER = "run_dir"


class ProcessCheck(L.Callback):
    """Stop a run of several processes whose number is wrong, or that do not train the same thing.

    Without this a wrong number trains with another batch size than asked for or waits for ever, and processes started
    with different options average their gradients all the same.

    Args:
        config: the whole composed configuration. What is compared is taken from it here, before the first process
            writes down what only it finds out.
    """

    def __init__(self, config: DictConfig) -> None:
        self.devices = config.trainer.devices
        versions = {f"version of {name}": importlib.metadata.version(name) for name in VERSIONS}
        self.facts = {"version of zero_dce": __version__, **versions, **_flat_configuration(config)}

    def check_start(self, trainer: L.Trainer) -> None:
        """Compare what a launcher says that it started with what the configuration asks for.

        This needs no other process: with a wrong number the process group may never come up.

        Raises:
            ValueError: if the launcher started another number of processes.
        """
        started = started_processes()
        if started is not None:
            self._require(trainer, started)

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Check the processes once they are connected.

        Raises:
            ValueError: on all processes, if their number is not the configured one, or if configurations, versions or
                data differ; the message names what differs, with each process's value.
        """
        size = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
        self._require(trainer, size)
        self._require(trainer, trainer.world_size)
        if size == 1:
            return
        data = getattr(trainer.datamodule, "fingerprint", None)  # type: ignore[attr-defined]
        gathered: list[Any] = [None] * size
        dist.all_gather_object(gathered, {**self.facts, "fingerprint of the data": str(data)})
        different = list(differences(gathered))
        if different:
            raise ValueError(describe_differences(different))

    def _require(self, trainer: L.Trainer, found: int) -> None:
        nodes = trainer.num_nodes
        given = self.devices if isinstance(self.devices, int) and self.devices > 0 else trainer.num_devices
        for devices in (given, trainer.num_devices):
            if found != devices * nodes:
                raise ValueError(
                    f"the run has {found} process{'' if found == 1 else 'es'}, but trainer.devices={devices} and "
                    f"trainer.num_nodes={nodes} ask for {devices * nodes}: start {devices} a node, as with "
                    f"torchrun --nproc-per-node={devices} or srun --ntasks={devices * nodes}, or give "
                    "trainer=ddp with the trainer.devices and trainer.num_nodes that were started"
                )


def started_processes() -> int | None:
    """Return how many processes a launcher says that it started; ``None`` for one started by hand."""
    if "LOCAL_RANK" in os.environ and "WORLD_SIZE" in os.environ:
        return int(os.environ["WORLD_SIZE"])
    # A step of one task says nothing: within it the Trainer may start processes of its own.
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", 1))
    return tasks if tasks > 1 else None


def differences(facts: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, dict[str, list[int]]]]:
    """Yield each name whose value differs between the processes' facts, with the processes that have each value."""
    for name in dict.fromkeys(name for own in facts for name in own):
        holders: dict[str, list[int]] = {}
        for rank, own in enumerate(facts):
            holders.setdefault(own.get(name, "not given"), []).append(rank)
        if len(holders) > 1:
            yield name, holders


def describe_differences(different: Sequence[tuple[str, Mapping[str, Sequence[int]]]]) -> str:
    """Say what differs between processes and what to do."""
    lines = [
        f"{name} is "
        + ", ".join(f"{value} on process {', '.join(map(str, ranks))}" for value, ranks in holders.items())
        for name, holders in different[:NAMED]
    ]
    more = f"\n  and {len(different) - NAMED} more" if len(different) > NAMED else ""
    way_out = "Start all processes with the same command line, code and data"
    if any(name == RUN_FOLDER for name, _ in different):
        way_out = (
            "Give all processes the same run folder as hydra.run.dir=DIR: without it each one makes its own, by its "
            "clock. Else " + way_out[0].lower() + way_out[1:]
        )
    return "the processes of this run differ:\n  " + "\n  ".join(lines) + f"{more}\n{way_out}"


def _flat_configuration(config: DictConfig) -> dict[str, str]:
    """Return all options by their full names; the run's folder counts once, not wherever it is used."""
    named = config.copy()
    named[RUN_FOLDER] = "/the/run/folder"
    settings: Any = OmegaConf.to_container(named, resolve=True)
    options = {name: repr(value) for name, value in leaves_of(settings) if value != {}}
    options[RUN_FOLDER] = repr(config[RUN_FOLDER])
    return {name: value for name, value in options.items() if name not in MACHINE_DEPENDENT}

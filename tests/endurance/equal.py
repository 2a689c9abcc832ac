"""What must be equal in the files of a run or sweep, whenever and however often it was begun."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from tests.helpers.runs import read_metrics

# Says the same of a file however often the command was begun: a time, a duration or a process's number differs.
Normalise = Callable[[bytes], bytes]
# Of result.json.
TIMES = ("training_began", "training_ended", "wall_time_s", "peak_memory_mb")
# Of a checkpoint: how long a part took, and Lightning's count of validation batches in it, which nothing continues.
OF_A_PART = ("Timer", "epoch_loop.val_loop.batch_progress")
# What a resumed part's configuration says besides: that it resumes, where, and where it keeps its configuration.
OF_RESUMING = ("resume=", "hydra.sweep.dir=", "hydra.run.dir=", "hydra.mode=", "hydra.output_subdir=", "data=")
RETRY = "hydra.launcher.retry_failed="


def _result(content: bytes) -> bytes:
    """All but the times and the memory."""
    return json.dumps({key: value for key, value in json.loads(content).items() if key not in TIMES}).encode()


def _environment(content: bytes) -> bytes:
    """All but the list of resumed parts."""
    return json.dumps({key: value for key, value in json.loads(content).items() if key != "resumed"}).encode()


def _checkpoint(content: bytes) -> bytes:
    """All tensors, bit by bit, and all values but those of the part that wrote it."""
    digest = hashlib.sha256()
    for part in _parts(torch.load(io.BytesIO(content), weights_only=True)):
        digest.update(part)
    return digest.digest()


def _parts(value: Any, name: str = "") -> Iterator[bytes]:
    if isinstance(value, dict):
        for key in value:
            if key not in OF_A_PART:
                yield from _parts(value[key], f"{name}/{key}")
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from _parts(one, f"{name}/{index}")
    elif isinstance(value, torch.Tensor):
        yield f"{name} {value.dtype} {tuple(value.shape)}".encode()
        yield value.contiguous().numpy().tobytes()
    else:
        yield f"{name} {value!r}".encode()


def _configuration(content: bytes) -> bytes:
    """The configuration but for what resuming adds to it; of ``hydra`` the overrides, from which the rest follows."""
    config: Any = OmegaConf.to_container(OmegaConf.create(content.decode()))
    if isinstance(config, list):
        return json.dumps(_own(config)).encode()
    hydra = config.pop("hydra", {})
    hydra_overrides = hydra.get("overrides", {})
    config.pop("resume", None)
    return json.dumps([config, {key: _own(texts) for key, texts in hydra_overrides.items()}, [*hydra]]).encode()


def _own(overrides: list[str]) -> list[str]:
    return sorted(text for text in overrides if not text.startswith((*OF_RESUMING, RETRY)))


def _page(content: bytes) -> bytes:
    """All but the minute in which the page was written."""
    return re.sub(rb'"written":"[^"]*"', b"", content)


def _log(content: bytes) -> bytes:
    """That it is there; that it was only added to, each trial looks at."""
    return b"" if content else b"empty"


OF_RUNS: dict[str, Normalise] = {
    "result.json": _result,
    "environment.json": _environment,
    ".ckpt": _checkpoint,
    ".yaml": _configuration,
    "report.html": _page,
    ".log": _log,
}


def rows_in_wandb(folder: Path) -> str:
    """Say what of a sweep's runs is not in the last part of their offline W&B runs, or more than once."""
    wrong = []
    for run in sorted(file.parent for file in (folder / "sweep").glob("*/metrics.csv")):
        identity = (run / "wandb_id.txt").read_text().strip()
        parts = [*(folder / "sweep" / "wandb").glob(f"offline-run-*-{identity}")]
        if len(parts) != 1:
            wrong.append(f"run {run.name} has {len(parts)} W&B runs that are not superseded")
            continue
        rows = _wandb_rows(parts[0])
        steps = [int(row["_step"]) for row in rows]
        # Step 0 has pictures alone.
        if steps != [0, *(int(row["step"]) for row in read_metrics(run) if row["step"] != "0")]:
            wrong.append(f"run {run.name} has the steps {steps} in W&B")
        for step in (0, 2, 4):
            shown = [name for row in rows if row["_step"] == step for name in row if name.startswith("samples/0")]
            if len({name.partition(".")[0] for name in shown}) != 2:
                wrong.append(f"run {run.name} has in W&B at step {step} the pictures {shown}")
    return "; ".join(wrong)


def _wandb_rows(part: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(part)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    records = [json.loads(line) for line in output.splitlines()]
    return [record["history"]["item"] for record in records if record["type"] == "history"]

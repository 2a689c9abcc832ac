"""The JSON files of a run's folder: environment.json and result.json."""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

from zero_dce.files import atomic
from zero_dce.hardware import describe_hardware

ENVIRONMENT = "environment.json"
RESULT = "result.json"
PACKAGES = ("torch", "lightning", "hydra-core", "omegaconf", "torchmetrics", "pillow", "numpy", "wandb")


def is_first_process() -> bool:
    """Tell whether this is the process that writes files; true also before the process group is up."""
    # Not at the top: what reads a run's folder has no use for Lightning, whose import takes seconds.
    from lightning.fabric.utilities.rank_zero import rank_zero_only

    return int(getattr(rank_zero_only, "rank", 0)) == 0


def write_json(file: Path, content: Any) -> None:
    """Write JSON atomically: the file is either whole or not there. NaN and infinity, which JSON lacks, become null."""
    text = json.dumps(finite(content), indent=1, ensure_ascii=False)
    with atomic(file) as unfinished:
        unfinished.write_text(text + "\n", encoding="utf-8")


def read_json(file: Path) -> Any:
    """Read JSON; ``None`` where the file does not exist."""
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def result_time(run: Path) -> int | None:
    """Return when a run's result was written, by its file system; ``None`` where there is none."""
    try:
        return (run / RESULT).stat().st_mtime_ns
    except FileNotFoundError:
        return None


def run_state(run: Path) -> str:
    """Return what became of a run: ``finished``, ``failed``, ``interrupted``, ``unfinished`` or ``not started``."""
    result = read_json(run / RESULT)
    if result is not None:
        return str(result["state"])
    return "unfinished" if run.is_dir() else "not started"


def describe_environment(data_fingerprint: str) -> dict[str, Any]:
    """Return what a result depends on beside the configuration: code, versions, hardware and data."""
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in ("zero_dce", *PACKAGES)},
        "hardware": describe_hardware(),
        "data_fingerprint": data_fingerprint,
    }


def resume_command(run: Path, steps: int | None = None) -> str:
    """Return the command that trains a run on, to its end or to ``steps``, quoted for the shell and for Hydra."""
    resume = path_override("resume", run)
    return f"python -m zero_dce.train {resume}" + ("" if steps is None else f" trainer.max_steps={steps}")


def path_override(key: str, path: Path) -> str:
    """Return ``key=path``, quoted for the shell and for Hydra where the path needs it."""
    return f"{key}={path}" if re.fullmatch(r"[\w./:\\-]+", str(path)) else shlex.quote(f'{key}="{path}"')


def finite(content: Any) -> Any:
    """Return the same with ``None`` for NaN and infinity, which JSON lacks."""
    if isinstance(content, dict):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of the checkout that the package runs from, with a mark when it has changes."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None

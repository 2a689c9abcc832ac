"""What a result depends on besides the configuration: ``environment.json``."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

from zero_dce import __version__
from zero_dce.hardware import describe_hardware

PACKAGES = ("torch", "lightning", "hydra-core", "omegaconf", "torchmetrics", "pillow", "numpy", "wandb")


def describe_environment(data_fingerprint: str) -> dict[str, Any]:
    """Return what a result depends on besides the configuration: code, versions, hardware and data."""
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": {"zero_dce": __version__, **{name: _version(name) for name in PACKAGES}},
        "hardware": describe_hardware(),
        "data_fingerprint": data_fingerprint,
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of the checkout that the package runs from, marked ``-dirty`` if it has changes."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None

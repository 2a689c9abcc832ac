"""What benchmarks share: the machine in a line, and a table in a file with its figures beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zero_dce.files import write_json


def describe_machine(environment: Mapping[str, Any], packages: Sequence[str]) -> str:
    """Return processor, GPUs, Python and some versions."""
    hardware, versions = environment["hardware"], environment["versions"]
    used = ", ".join(f"{name} {versions[name]}" for name in packages)
    gpus = f", {', '.join(hardware['gpus'])}" if hardware["gpus"] else ", no GPU"
    return f"{hardware['processor']}, {hardware['cores']} cores{gpus}; Python {environment['python']}, {used}."


def publish(text: str, output: Path | None, environment: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
    """Print a benchmark's Markdown; with ``output`` write it there, and the figures as JSON beside it."""
    print(text)
    if output:
        output.write_text(text, encoding="utf-8")
        write_json(output.with_suffix(".json"), {"environment": environment, **figures})

"""What benchmarks share: programs that are run apart, the machine in a line, and a table in a file with its figures."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zero_dce.files import write_json


def run_program(command: Sequence[object], environment: Mapping[str, str] | None = None) -> str:
    """Run a program without a word and return what it printed; where it fails, end with what it said."""
    words = [str(word) for word in command]
    done = subprocess.run(words, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{shlex.join(words)} failed:\n{done.stderr}")
    return done.stdout


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

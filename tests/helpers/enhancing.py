"""Running the command that enhances, and comparing what it wrote."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from zero_dce.enhance.__main__ import main


def enhance(weights: Path, *arguments: str, output: str = "out") -> int:
    """Run the command here; returns its exit code."""
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--weights", str(weights), "--output", output])
    if isinstance(stop.value.code, str):
        print(stop.value.code, file=sys.stderr)
        return 1
    assert isinstance(stop.value.code, int)
    return stop.value.code


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """The PSNR of two arrays of 8-bit values in dB."""
    return float(10 * np.log10(255**2 / max(1e-9, np.square(first.astype(np.float32) - second).mean())))

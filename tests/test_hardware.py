"""What is read of the hardware."""

from __future__ import annotations

from zero_dce.hardware import peak_memory_mb


def test_peak_memory_is_plausible() -> None:
    host = peak_memory_mb()["host"]
    assert host is None or 50 < host < 100_000

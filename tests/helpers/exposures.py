"""Pictures whose means are known, and their means."""

from __future__ import annotations

from typing import Any

import torch


def pictures(*means: float, side: int = 24, spread: float = 0.5) -> torch.Tensor:
    """Return pictures of noise around these means."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(len(means), 3, side, side, generator=generator) - 0.5
    return (torch.tensor(means).view(-1, 1, 1, 1) * (1 + spread * noise)).clamp(0, 1)


def maps_of(image: torch.Tensor, channels: int = 24) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return 1.2 * torch.rand(len(image), channels, *image.shape[2:], generator=generator) - 0.8


def means_of(values: Any) -> list[float]:
    return [float(value) for value in values.reshape(len(values), -1).mean(1)]

"""The weights that come with the package."""

from __future__ import annotations

from pathlib import Path

# This DCE-Net was trained on the embedded sample, as sweeps/default_weights describes.
TRAINED = Path(__file__).with_name("trained.safetensors")

"""The weights that come with the package."""

from __future__ import annotations

from pathlib import Path

# DCE-Net, trained on the embedded sample; sweeps/default_weights says how.
TRAINED = Path(__file__).with_name("trained.safetensors")

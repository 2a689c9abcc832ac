"""The weights that come with the package."""

from __future__ import annotations

from pathlib import Path

# A DCE-Net, trained on freely licensed photographs; trained.md beside it is its model card.
TRAINED = Path(__file__).with_name("trained.safetensors")

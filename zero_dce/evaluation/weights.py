"""The checkpoints that are measured."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from zero_dce.networks import CurveNet, load_weights


def load_networks(paths: Sequence[Path]) -> dict[str, CurveNet]:
    """Load checkpoints; the folder of a run means its last checkpoint.

    Returns:
        From the path as it was given to the network, in the order given.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no weights that fit, or is given twice.
    """
    networks: dict[str, CurveNet] = {}
    for path in paths:
        if str(path) in networks:
            raise ValueError(f"--weights names {path} twice")
        networks[str(path)] = load_weights(path)
    return networks


def weights_hash(network: CurveNet) -> str:
    """Hash the parameters: equal for equal weights, whatever file they came from."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]

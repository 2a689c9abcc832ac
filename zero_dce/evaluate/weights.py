"""The checkpoints that are measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zero_dce.networks import CurveNet, DCENetPP, make_network, weights_hash
from zero_dce.weights import read_weights


def load_networks(paths: Sequence[Path], scale_factor: int = 1) -> dict[str, CurveNet]:
    """Load checkpoints; the folder of a run means its last checkpoint.

    Args:
        paths: see :func:`zero_dce.weights.read_weights`.
        scale_factor: of the :class:`zero_dce.networks.DCENetPP` among them; DCE-Net has none.

    Returns:
        From the path as it was given to the network, in the order given.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no weights that fit, or is given twice, or a scale factor is given that none has.
    """
    networks: dict[str, CurveNet] = {}
    for path in paths:
        if str(path) in networks:
            raise ValueError(f"--weights names {path} twice")
        networks[str(path)] = make_network(read_weights(path), scale_factor)
    if scale_factor != 1 and not any(isinstance(network, DCENetPP) for network in networks.values()):
        raise ValueError(f"--scale-factor is {scale_factor}, but only Zero-DCE++ has one, and --weights names none")
    return networks


def describe_network(network: CurveNet) -> dict[str, Any]:
    """Say what a network is: its name, the hash of its weights, and the scale factor where it has one."""
    factor = {"scale_factor": network.scale_factor} if isinstance(network, DCENetPP) else {}
    return {"network": network.NAME, "weights_sha256": weights_hash(network), **factor}

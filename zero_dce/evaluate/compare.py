"""Comparing checkpoints: loading, measuring, printing and recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from zero_dce.evaluate.bootstrap import BOOTSTRAP_SEED, RESAMPLES
from zero_dce.evaluate.measure import measure_methods
from zero_dce.evaluate.pictures import PictureSet, check_sizes, fingerprint_pairs
from zero_dce.evaluate.table import describe_measurement, format_tables
from zero_dce.files import write_json
from zero_dce.hardware import use_exact_float32
from zero_dce.networks import CurveNet, DCENetPP, make_network
from zero_dce.records.environment import describe_environment
from zero_dce.weights import read_weights


def compare(
    weights: Sequence[str | Path],
    pictures: PictureSet,
    longest: int | None,
    json: Path | None,
    scale_factor: int = 1,
    exposures: Sequence[str | float] = ("off",),
    denoise: float | None = None,
) -> None:
    """Measure pictures; print the tables, and write each picture's values to JSON.

    Pictures that cannot be used are left out of ``pictures``, of all methods alike.

    Raises:
        OSError: if a file is missing, or the JSON cannot be written.
        ValueError: if a checkpoint or none of the pictures can be used, or a picture is too large.
        MemoryError: if a picture does not fit in the memory of the device; the message says how to go on.
    """
    if json is not None and not json.parent.is_dir():
        raise FileNotFoundError(f"the folder {json.parent} of --json does not exist")
    check_sizes(pictures.pairs, longest)
    networks = load_networks(weights, scale_factor)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    use_exact_float32()
    methods = measure_methods(networks, pictures, longest, device, exposures, denoise)
    print(describe_measurement(pictures, longest, device))
    print(format_tables(methods))
    if json is not None:
        record = {
            "pictures": [{"image": pair.name, "reference": pair.reference_name} for pair in pictures.pairs],
            "paired_by": pictures.paired_by,
            "left_out": [asdict(picture) for picture in pictures.left_out],
            "longest": longest,
            "precision": "float32",
            "device": str(device),
            "bootstrap": {"seed": BOOTSTRAP_SEED, "resamples": RESAMPLES, "percent": 95},
            "rows": [method.record() for method in methods],
            **describe_environment(fingerprint_pairs(pictures.pairs)),
        }
        write_json(json, record)
        print(f"\nvalues of each picture: {json}")


def load_networks(paths: Sequence[str | Path], scale_factor: int = 1) -> dict[str, CurveNet]:
    """Load checkpoints, see :func:`zero_dce.weights.read_weights`; return them by their paths, in the order given.

    The scale factor is that of the :class:`zero_dce.networks.DCENetPP` among them.

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

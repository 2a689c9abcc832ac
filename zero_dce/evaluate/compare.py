"""Comparing checkpoints: loading, measuring, printing and recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from zero_dce.evaluate.bootstrap import RESAMPLES, SEED
from zero_dce.evaluate.measure import Row, measure_rows
from zero_dce.evaluate.pictures import Pair, check_sizes, fingerprint
from zero_dce.evaluate.table import describe, format_tables
from zero_dce.evaluate.weights import load_networks
from zero_dce.files import write_json
from zero_dce.records.environment import describe_environment


def compare(
    weights: Sequence[Path], pairs: Sequence[Pair], longest: int | None, json: Path | None, scale_factor: int = 1
) -> None:
    """Measure, print the tables and write the JSON.

    Args:
        weights: checkpoints, or folders of runs.
        pairs: the pictures, all with or all without a reference.
        longest: see :func:`zero_dce.evaluate.pictures.read_picture`.
        json: where the values of each picture go; ``None`` only prints.
        scale_factor: by how much smaller Zero-DCE++ sees the pictures.

    Raises:
        OSError: if a file is missing, or the JSON cannot be written.
        ValueError: if a picture or a checkpoint cannot be used.
    """
    if json is not None and not json.parent.is_dir():
        raise FileNotFoundError(f"the folder {json.parent} of --json does not exist")
    check_sizes(pairs, longest)
    networks = load_networks(weights, scale_factor)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rows = measure_rows(networks, pairs, longest, device)
    print(describe(pairs, longest, device))
    print(format_tables(rows))
    if json is not None:
        write_json(json, _record(rows, pairs, longest, device))
        print(f"\nvalues of each picture: {json}")


def _record(rows: Sequence[Row], pairs: Sequence[Pair], longest: int | None, device: torch.device) -> dict[str, object]:
    return {
        "pictures": [{"image": pair.name, "reference": pair.reference_name} for pair in pairs],
        "longest": longest,
        "precision": "float32",
        "device": str(device),
        "bootstrap": {"seed": SEED, "resamples": RESAMPLES, "percent": 95},
        "rows": [row.record() for row in rows],
        **describe_environment(fingerprint(pairs)),
    }

"""Comparing checkpoints: loading, measuring, printing and recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from zero_dce.evaluate.benchmark_sets import Benchmark
from zero_dce.evaluate.bootstrap import BOOTSTRAP_SEED, RESAMPLES
from zero_dce.evaluate.measure import Method, measure_methods
from zero_dce.evaluate.paper_table import COLUMNS, write_tables
from zero_dce.evaluate.pictures import MeasuredSize, PictureSet, check_sizes, fingerprint_pairs
from zero_dce.evaluate.table import INTERVALS, describe_measurement, describe_pictures, format_tables
from zero_dce.files import write_json
from zero_dce.hardware import use_exact_float32
from zero_dce.networks import CurveNet, DCENetPP, make_network
from zero_dce.records.environment import describe_environment
from zero_dce.terminal import tell
from zero_dce.weights import read_weights


@dataclass(frozen=True)
class Comparison:
    """What is measured, and where it is written.

    Attributes:
        weights: the checkpoints.
        pictures: the pictures. Those that cannot be used are left out of it, of all methods alike.
        size: what they are resized to.
        scale_factor: that of Zero-DCE++ among the checkpoints.
        exposures: see :func:`zero_dce.evaluate.measure.measure_methods`, as for ``denoise`` and ``perceptual``.
        json: the file for the values of each picture.
        tables: the files for the table, see :func:`zero_dce.evaluate.paper_table.write_tables`.
        benchmark: the benchmark that the pictures are, if they are one.
        remarks: what a reader of the numbers has to know.
    """

    weights: Sequence[str | Path]
    pictures: PictureSet
    size: MeasuredSize = None
    scale_factor: int = 1
    exposures: Sequence[str | float] = ("off",)
    denoise: float | None = None
    perceptual: Sequence[str] = ()
    json: Path | None = None
    tables: Sequence[Path] = ()
    benchmark: Benchmark | None = None
    remarks: Sequence[str] = ()


def compare(wanted: Comparison) -> None:
    """Measure pictures; print the tables, and write each picture's values and the table to files.

    Raises:
        OSError: if a file is missing, or a file cannot be written.
        ValueError: if a checkpoint or none of the pictures can be used, or a picture is too large.
        ModuleNotFoundError: if a perceptual measure needs a package that is not installed.
        MemoryError: if a picture does not fit in the memory of the device; the message says how to go on.
    """
    pictures = wanted.pictures
    if wanted.json is not None and not wanted.json.parent.is_dir():
        raise FileNotFoundError(f"the folder {wanted.json.parent} of --json does not exist")
    if wanted.perceptual and not pictures.has_references():
        raise ValueError(f"--perceptual {' '.join(wanted.perceptual)} compares with references, and there are none")
    check_sizes(pictures.pairs, wanted.size)
    networks = load_networks(wanted.weights, wanted.scale_factor)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    use_exact_float32()
    methods = measure_methods(
        networks, pictures, wanted.size, device, wanted.exposures, wanted.denoise, wanted.perceptual
    )
    tell(describe_measurement(pictures, wanted.size, device))
    tell(format_tables(methods))
    if wanted.json is not None:
        write_json(wanted.json, _record(wanted, methods, device))
        tell(f"\nvalues of each picture: {wanted.json}")
    if wanted.tables:
        _write_tables(wanted, methods, device)
        tell(f"\ntable: {', '.join(map(str, wanted.tables))}")


def _record(wanted: Comparison, methods: Sequence[Method], device: torch.device) -> dict[str, Any]:
    """Return what the JSON file says."""
    pictures, size, named = wanted.pictures, wanted.size, wanted.benchmark
    benchmark = None if named is None else {"name": named.name, "protocol": named.protocol, "paper": named.citation}
    return {
        "benchmark": benchmark,
        "remarks": list(wanted.remarks),
        "pictures": [{"image": pair.name, "reference": pair.reference_name} for pair in pictures.pairs],
        "paired_by": pictures.paired_by,
        "left_out": [asdict(picture) for picture in pictures.left_out],
        "longest": size if isinstance(size, int) else None,
        "resized_to": size if isinstance(size, tuple) else None,
        "precision": "float32",
        "device": str(device),
        "bootstrap": {"seed": BOOTSTRAP_SEED, "resamples": RESAMPLES, "percent": 95},
        "rows": [method.record() for method in methods],
        **describe_environment(fingerprint_pairs(pictures.pairs)),
    }


def _write_tables(wanted: Comparison, methods: Sequence[Method], device: torch.device) -> None:
    caption, measures, notes = describe_pictures(wanted.pictures, wanted.size, device), tuple(COLUMNS), list[str]()
    if wanted.benchmark is not None:
        caption = f"{wanted.benchmark.name}: {caption}"
        measures = (*wanted.benchmark.measures, *wanted.perceptual)
        notes.append(f"published protocol: {wanted.benchmark.protocol}; {wanted.benchmark.citation}")
    notes += wanted.remarks
    if wanted.pictures.left_out:
        notes.append(f"{len(wanted.pictures.left_out)} more pictures could not be used and are left out of all rows")
    write_tables(wanted.tables, methods, measures, caption, [*notes, INTERVALS])


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

"""Measure checkpoints on pictures: ``python -m zero_dce.evaluate --weights FILE_OR_DIR ... --images DIR``.

The tables have one row per checkpoint and exposure, beside what a person has without any network: the unchanged input,
gamma curves, and the network's curve with one number for a whole picture. Each value is the mean over the pictures with
a bootstrap 95 % interval.

With references: ``--low DIR --high DIR``, two folders whose pictures have the same names, or names that differ in words
such as low and normal, or end in the same number; LOL, LOL-v2, LSRW and SICE (``--low Dataset_Part2 --high
Dataset_Part2/Label``) are found as they are published. Or ``--pairs CSV --root DIR``: columns ``low`` and
``reference``, paths below the root. Without references: ``--images DIR``.

A public benchmark, measured by its published protocol: ``--benchmark NAME --root DIR``, where DIR holds it as it is
published, or holds its folder. ``--table FILE.md FILE.tex`` writes the table of a paper.

A picture that cannot be read, has another size than its reference, or is too small for the measures is left out of all
rows, and named at the end and in the JSON file; the exit code is then 1, as with zero_dce.enhance after a failed file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from zero_dce.checks import check_number
from zero_dce.evaluate.benchmark_sets import BENCHMARKS, Benchmark, find_benchmark, find_training_parts
from zero_dce.evaluate.overlap import find_overlaps
from zero_dce.evaluate.pairing import match_folders
from zero_dce.evaluate.pictures import PictureSet, find_images, listed_pairs
from zero_dce.exposure.setting import check_exposure, parse_exposure
from zero_dce.images.denoise import MOST_NOISE_LEVELS
from zero_dce.terminal import errors_as_messages, tell
from zero_dce.weights import find_file, path_or_address


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    with errors_as_messages():
        pictures = _find(options, parser)
        _check(options)
        if pictures.paired_by is not None:
            first = pictures.pairs[0]
            tell(f"paired by {pictures.paired_by}; the first are {first.name} and {first.reference_name}")
        benchmark = BENCHMARKS.get(options.benchmark)
        remarks = [] if benchmark is None else _remark(benchmark, pictures, options)
        # Importing torch takes seconds, and neither the help nor most mistakes need it.
        from zero_dce.evaluate.compare import Comparison, compare

        compare(
            Comparison(
                options.weights,
                pictures,
                benchmark.size if benchmark is not None and options.longest is None else options.longest,
                scale_factor=options.scale_factor,
                exposures=options.exposure,
                denoise=options.denoise,
                perceptual=tuple(dict.fromkeys(options.perceptual)),
                json=options.json,
                tables=options.table,
                benchmark=benchmark,
                remarks=remarks,
            )
        )
    if pictures.left_out:
        for picture in pictures.left_out:
            tell(f"left out: {picture}", file=sys.stderr)
        sys.exit(1)


def _check(options: argparse.Namespace) -> None:
    """Refuse what is wrong before anything is looked for that takes minutes."""
    if options.longest is not None:
        check_number("--longest", options.longest, least=1, whole=True)
    check_number("--scale-factor", options.scale_factor, least=1, whole=True)
    for exposure in options.exposure:
        check_exposure("--exposure", exposure)
    if options.denoise is not None:
        check_number("--denoise", options.denoise, most=MOST_NOISE_LEVELS)
    for weights in options.weights:
        find_file(weights)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m zero_dce.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--weights",
        type=path_or_address,
        nargs="+",
        required=True,
        metavar="FILE_OR_DIR",
        help="checkpoints, folders of runs, or addresses such as hf://USER/NAME",
    )
    parser.add_argument("--pairs", type=Path, metavar="CSV", help="which picture has which reference; needs --root")
    parser.add_argument(
        "--benchmark", choices=tuple(BENCHMARKS), metavar="NAME", help=f"{', '.join(BENCHMARKS)}; needs --root"
    )
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="what the paths in --pairs are relative to; or where the benchmark lies",
    )
    parser.add_argument("--low", type=Path, metavar="DIR", help="dark pictures; needs --high")
    parser.add_argument("--high", type=Path, metavar="DIR", help="their references, matched by name")
    parser.add_argument("--images", type=Path, metavar="DIR", help="pictures without references")
    parser.add_argument("--longest", type=int, metavar="N", help="shrink to this many pixels on the longer side")
    parser.add_argument(
        "--scale-factor",
        type=int,
        default=1,
        metavar="N",
        help="by how much smaller Zero-DCE++ sees the pictures; its authors test with 12 (default: 1)",
    )
    parser.add_argument(
        "--exposure",
        type=parse_exposure,
        nargs="+",
        default=["off"],
        metavar="off|auto|0.05..0.95",
        help="as the network has it (default), at what suits each picture, or at a mean; several give a row each",
    )
    parser.add_argument(
        "--denoise",
        type=float,
        metavar="0..8",
        help="of exposed rows: noise, in grey levels, that is smoothed where a picture is brightened; default: 1",
    )
    parser.add_argument(
        "--perceptual",
        nargs="+",
        default=[],
        choices=("lpips", "dists"),
        help="measure these too, against references; they need torchvision, and its weights in PyTorch's cache",
    )
    parser.add_argument(
        "--table",
        type=_table_file,
        nargs="+",
        default=[],
        metavar="FILE",
        help="write the published measures as a table, in Markdown (.md) or LaTeX (.tex)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the values of each picture")
    return parser


def _table_file(text: str) -> Path:
    file = Path(text)
    if file.suffix not in (".md", ".tex"):
        raise argparse.ArgumentTypeError(f"{text} ends neither in .md, for Markdown, nor in .tex, for LaTeX")
    if not file.parent.is_dir():
        raise argparse.ArgumentTypeError(f"the folder {file.parent} does not exist")
    return file


def _find(options: argparse.Namespace, parser: argparse.ArgumentParser) -> PictureSet:
    ways = ("benchmark", "pairs", "root", "low", "high", "images")
    given = {name for name in ways if getattr(options, name) is not None}
    if given == {"benchmark", "root"}:
        return find_benchmark(BENCHMARKS[options.benchmark], options.root)
    if given == {"pairs", "root"}:
        return listed_pairs(options.pairs, options.root)
    if given == {"low", "high"}:
        return match_folders(options.low, options.high)
    if given == {"images"}:
        return find_images(options.images)
    return parser.error(
        "give one of: --pairs CSV --root DIR; --low DIR --high DIR; --images DIR; --benchmark NAME --root DIR"
    )


def _remark(benchmark: Benchmark, pictures: PictureSet, options: argparse.Namespace) -> list[str]:
    """Print what was found of a benchmark, and what a reader of the numbers has to know; return the latter."""
    tell(f"{benchmark.name}: {benchmark.protocol} ({benchmark.citation})")
    remarks = [benchmark.caution, benchmark.check_count(len(pictures.pairs))]
    if options.longest is not None:
        remarks.append(f"--longest {options.longest} replaces the published size: results differ")
    overlaps = find_overlaps(pictures.pairs, find_training_parts(benchmark, options.root), options.weights)
    found = [remark for remark in (*remarks, *map(str, overlaps)) if remark is not None]
    for remark in found:
        tell(f"note: {remark}", file=sys.stderr)
    return found


if __name__ == "__main__":
    main()

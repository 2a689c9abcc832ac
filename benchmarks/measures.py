"""What do the measures add to a validation pass? Time of each, and its share, on batches of 256 x 256 pixels.

    python benchmarks/measures.py --images DIR

``--images`` is a folder of photographs; eight of them are the batch, each its own reference after a gamma of 0.5: in
this batch every picture has a reference, in a data set like SICE a third or so. Times are the process's CPU time on one
core (wall time on a GPU), the median of the repetitions after a warm-up. ``--output FILE`` writes the table as Markdown
and, beside it, the figures as JSON.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from publishing import publish
from torch import Tensor

from zero_dce.data.index import find_folder
from zero_dce.hardware import best_precision
from zero_dce.images.decode import decode_square
from zero_dce.images.sheets import to_image
from zero_dce.metrics.means import CHANGES, COMPARISONS, Measure, picture_measures
from zero_dce.metrics.reference import psnr
from zero_dce.module import ZeroDCE
from zero_dce.records.environment import describe_environment

SIZE, BATCH = 256, 8
REPETITIONS = 7


def read_batch(folder: Path) -> Tensor:
    files = [entry.path for entry in find_folder(folder).entries]
    # Spread over the folder, and repeated where there are fewer.
    picked = [files[number * len(files) // BATCH] for number in range(BATCH)]
    return torch.stack([to_image(decode_square(folder / path, SIZE)) for path in picked])


def seconds(work: Callable[[], object], device: torch.device) -> float:
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    times = []
    for _ in range(1 + REPETITIONS):
        started = clock()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(clock() - started)
    return statistics.median(times[1:])


def measure_step(image: Tensor, precision: str) -> dict[str, Any]:
    """Seconds of a validation step's parts: the pass itself, what was measured always, and each further measure."""
    module = ZeroDCE().to(image.device).eval()
    batch = {"image": image, "path": [""] * len(image)}
    with (
        torch.inference_mode(),
        torch.autocast(image.device.type, torch.bfloat16, enabled=precision == "bf16-mixed"),
    ):
        enhanced, _ = module(image)
        reference = image.sqrt()
        groups: list[tuple[str, dict[str, Measure], tuple[Tensor, Tensor]]] = [
            ("every picture", CHANGES, (image, enhanced)),
            ("those with a reference", COMPARISONS, (enhanced, reference)),
        ]
        parts = {
            "pass": seconds(partial(module._validate, batch), image.device),
            "always": seconds(partial(picture_measures, image, enhanced), image.device)
            + 2 * seconds(partial(psnr, enhanced, reference), image.device),
        }
        further = {
            group: {name: seconds(partial(measure, *pictures), image.device) for name, measure in measures.items()}
            for group, measures, pictures in groups
        }
    return {**parts, "further": further}


def table(figures: dict[str, Any]) -> str:
    before = figures["pass"] + figures["always"]
    lines = ["| part of a validation step | ms | share of the step before |", "| --- | ---: | ---: |"]
    rows = [("network and losses", figures["pass"]), ("brightness, clipped, saturation, PSNR", figures["always"])]
    for group, measures in figures["further"].items():
        rows += [(f"`{name}`", value) for name, value in measures.items()]
        rows.append((f"**all of {group}**", sum(measures.values())))
    lines += [f"| {name} | {1000 * value:,.1f} | {100 * value / before:.1f} % |" for name, value in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="a folder of photographs")
    parser.add_argument("--precision", choices=("32-true", "bf16-mixed"), default=best_precision("auto"))
    parser.add_argument("--output", type=Path, help="Markdown file; the JSON goes beside it")
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    try:
        image = read_batch(options.images).to(device)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    figures = measure_step(image, options.precision)
    environment = describe_environment("")
    hardware = environment["hardware"]
    where = hardware["gpus"][0] if device.type == "cuda" else f"one core of {hardware['processor']}"
    text = (
        f"{where}, {options.precision}, torch {environment['versions']['torch']}, "
        f"{BATCH} pictures of {SIZE} x {SIZE} pixels\n\n{table(figures)}\n"
    )
    publish(text, options.output, environment, {"precision": options.precision, **figures})


if __name__ == "__main__":
    main()

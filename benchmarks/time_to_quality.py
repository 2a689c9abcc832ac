"""How long until a run is as good as the released checkpoint, on scenes that it has not seen?

    python benchmarks/time_to_quality.py SICE_ROOT zero_dce_official.pth --output benchmarks/time_to_quality.md

Trains ``experiment=quick`` on SICE's training scenes with each of ``--seeds``, in processes of their own, and measures
the last checkpoints and the released one on frames of the test scenes, dark ones and those with a mean above 0.55, as
sweeps/quality does: at 256 pixels, as the network gives them and exposed to a mean of 0.44. ``--published-seeds`` are
those of the released recipe, 3,000 steps of 8 x 256 x 256 (``loss=official``), which take half an hour each. Minutes
are those of the whole command, after a first one has decoded the pictures.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from publishing import describe_machine, publish, run_program
from torch import Tensor

from zero_dce.evaluate.pictures import listed_pairs
from zero_dce.exposure.setting import enhance_at
from zero_dce.images.denoise import denoise_whole, levels_for
from zero_dce.images.sheets import to_image
from zero_dce.metrics.reference import WINDOW, psnr, psnr_at_equal_mean, ssim
from zero_dce.networks import CurveNet, load_weights
from zero_dce.records.environment import describe_environment

PACKAGES = ("torch", "lightning")
# What each recipe is on the command line.
QUICK, RELEASED = "experiment=quick", "loss=official"
PAIRS = Path(__file__).parents[1] / "sweeps" / "quality" / "pairs.py"
LONGEST = 256
SETS = ("dark", "bright")
EXPOSURES: tuple[str | float, ...] = ("off", 0.44)
MEASURES = {"psnr": psnr, "psnr_equal_mean": psnr_at_equal_mean, "ssim": ssim}
# What a run computes is proportional to its pixels: steps x pictures x side x side.
PUBLISHED_PIXELS = 3000 * 8 * 256**2
Measured = dict[str, dict[str, float]]


def main(arguments: argparse.Namespace) -> None:
    """Train and measure, and publish the table."""
    with tempfile.TemporaryDirectory() as folder:
        run_program([sys.executable, PAIRS, arguments.root, f"{folder}/pairs"])
        frames = {name: read_frames(Path(folder) / "pairs" / f"{name}.csv", arguments.root) for name in SETS}
        rows = [{"name": arguments.released.name, **measure(load_weights(arguments.released), frames)}]
        recipes = {QUICK: arguments.seeds, RELEASED: arguments.published_seeds}
        for recipe, seeds in recipes.items():
            runs = Path(folder) / recipe.partition("=")[2]
            if seeds:
                train(recipe, seeds[0], arguments.root, runs / "first", "trainer.max_steps=1")
            for seed in seeds:
                run = runs / str(seed)
                minutes = train(recipe, seed, arguments.root, run)
                row = {"name": recipe, "seed": seed, "minutes": minutes, "pixels": pixels_of(run)}
                rows.append({**row, **measure(load_weights(run), frames)})
                print(rows[-1], file=sys.stderr, flush=True)
    environment = describe_environment("SICE, see sweeps/quality")
    counts = {name: len(pairs) for name, pairs in frames.items()}
    publish(page(rows, counts, environment), arguments.output, environment, {"rows": rows, "frames": counts})


def train(recipe: str, seed: int, root: Path, run: Path, *more: str) -> float:
    """Train, and return the minutes that the command took."""
    given = [
        *(recipe, "data=sice", f"data.root={root}", "data/split=scene", "data.split.test_fraction=0.2"),
        *(f"seed={seed}", "logger=csv", "report_page=false", f"hydra.run.dir={run}", *more),
    ]
    began = time.perf_counter()
    run_program([sys.executable, "-m", "zero_dce.train", *given])
    return (time.perf_counter() - began) / 60


def pixels_of(run: Path) -> int:
    """Return how many pixels a run's steps have seen."""
    config = OmegaConf.load(run / ".hydra" / "config.yaml")
    return int(config.trainer.max_steps * config.data.batch_size * config.data.size**2)


def read_frames(pairs: Path, root: Path) -> list[tuple[Tensor, Tensor]]:
    """Return each frame and its reference, 1 x 3 x H x W."""
    found = listed_pairs(pairs, root).read(LONGEST, WINDOW, "reading")
    return [
        (to_image(frame)[None], to_image(reference)[None]) for _, frame, reference in found if reference is not None
    ]


def measure(network: CurveNet, frames: Mapping[str, Sequence[tuple[Tensor, Tensor]]]) -> dict[str, Measured]:
    """Return the means over the frames of each set at each exposure."""
    found: dict[str, Measured] = {}
    with torch.inference_mode():
        for name, pairs in frames.items():
            values: dict[str, dict[str, list[float]]] = {}
            for image, reference in pairs:
                maps = network.estimate_curves(image.contiguous(memory_format=torch.channels_last))
                for exposure in EXPOSURES:
                    output = enhance_at(exposure, image, maps)
                    if exposure != "off":
                        output = denoise_whole(image, output, levels_for(exposure))
                    for measure_name, function in MEASURES.items():
                        kept = values.setdefault(str(exposure), {}).setdefault(measure_name, [])
                        kept.append(function(output, reference).item())
            found[name] = {
                exposure: {key: statistics.fmean(numbers) for key, numbers in measured.items()}
                for exposure, measured in values.items()
            }
    return found


def page(rows: Sequence[dict[str, Any]], counts: Mapping[str, int], environment: Mapping[str, Any]) -> str:
    """Return the Markdown: a table for each set of frames, a row for each recipe."""
    lines = [
        "# How long until a run is as good as the released checkpoint?",
        "",
        f"{describe_machine(environment, PACKAGES)} {torch.get_num_threads()} threads. Means over the frames; of "
        "several seeds, the mean with the lowest and the highest. Work is what a run computes, against 3,000 steps of "
        "8 x 256 x 256.",
    ]
    for name, count in counts.items():
        lines += ["", f"{count} {name} frames of test scenes:", "", *_table(rows, name)]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[dict[str, Any]], frames: str) -> list[str]:
    lines = [
        "| | work | minutes | PSNR dB | at equal mean | SSIM | PSNR, exposed | at equal mean | SSIM |",
        "| --- |" + " ---: |" * 8,
    ]
    for name in dict.fromkeys(row["name"] for row in rows):
        own = [row for row in rows if row["name"] == name]
        label = name if "seed" not in own[0] else f"`{name}`, {len(own)} seed{'s' if len(own) > 1 else ''}"
        cells = [label, "-", "-"]
        if "pixels" in own[0]:
            cells[1:] = [
                f"1 / {PUBLISHED_PIXELS / own[0]['pixels']:.0f}",
                _cell([row["minutes"] for row in own], ".2f"),
            ]
        for exposure in map(str, EXPOSURES):
            for measure_name in MEASURES:
                form = ".3f" if measure_name == "ssim" else ".2f"
                cells.append(_cell([row[frames][exposure][measure_name] for row in own], form))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _cell(values: Sequence[float], form: str) -> str:
    mean = format(statistics.fmean(values), form)
    return mean if len(values) == 1 else f"{mean} [{min(values):{form}}, {max(values):{form}}]"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="SICE's folder, with pairs.csv")
    parser.add_argument("released", type=Path, help="the released checkpoint")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--published-seeds", type=int, nargs="*", default=[])
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main(_arguments())

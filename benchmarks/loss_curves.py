"""Do precision and layout change what is learnt? Loss curves of the same training, side by side.

    python benchmarks/loss_curves.py --output benchmarks/loss_curves.md

The released recipe on the embedded sample, small, for ``--steps`` steps: in float32 with features in PyTorch's layouts
and in oneDNN's, in bfloat16, and in float32 with another seed, which is what differences are to be compared with. All
others share their seed, first weights and order of pictures.
"""

from __future__ import annotations

import argparse
import os
import runpy
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from publishing import describe_machine, publish, run_program

from zero_dce.hardware import cpu_has_bfloat16
from zero_dce.records.environment import describe_environment
from zero_dce.records.run import Rows, read_rows

PACKAGES = ("torch", "lightning")
# Precision, layout, seed.
FIRST = ("32-true", "contiguous", 0)
ROWS = (FIRST, ("32-true", "channels_last", 0), ("32-true", "blocked", 0), ("bf16-mixed", "channels_last", 0))
SEED = ("32-true", "contiguous", 1)
MEASURES = {"val/total": "total", "val/psnr_gain": "gain dB", "val/ssim": "SSIM", "val/saturation_ratio": "saturation"}
# Single batches differ; a curve is the mean over so many logged ones.
WINDOW = 10
Curves = dict[tuple[str, str, int], Rows]


def main(arguments: argparse.Namespace) -> None:
    """Train all, and publish table and picture."""
    wanted = [row for row in (*ROWS, SEED) if row[0] == "32-true" or cpu_has_bfloat16()]
    curves: Curves = {}
    with tempfile.TemporaryDirectory() as folder:
        for precision, layout, seed in wanted:
            run = Path(folder) / f"{precision}-{layout}-{seed}"
            given = [
                *("data=sample", f"data.size={arguments.size}", f"trainer.max_steps={arguments.steps}", "logger=csv"),
                *(f"every_n_steps={arguments.steps}", "callbacks.samples=null", "report_page=false"),
                *(f"trainer.precision={precision}", f"seed={seed}", "trainer.accelerator=cpu", f"hydra.run.dir={run}"),
            ]
            run_program([sys.executable, __file__, "--train", layout, *given])
            curves[precision, layout, seed] = read_rows(run)
            print(precision, layout, seed, file=sys.stderr, flush=True)
    environment = describe_environment("embedded sample")
    figures = {" ".join(map(str, key)): rows for key, rows in curves.items()}
    publish(page(curves, arguments, environment), arguments.output, environment, {"curves": figures})
    if arguments.output:
        draw(curves, arguments.output.with_suffix(".png"))


def train_in(layout: str, given: Sequence[str]) -> None:
    """Train with a layout in place of the one that would be chosen."""
    import zero_dce.module

    zero_dce.module.fastest_layout = lambda *_: layout  # type: ignore[attr-defined]
    sys.argv = ["zero_dce.train", *given]
    runpy.run_module("zero_dce.train", run_name="__main__")


def curve(rows: Rows) -> tuple[list[int], list[float]]:
    """Return the training loss by steps, as a running mean."""
    steps = [step for step in sorted(rows) if "train/total" in rows[step]]
    values = [rows[step]["train/total"] for step in steps]
    return steps, [statistics.fmean(values[max(0, end - WINDOW) : end]) for end in range(1, len(values) + 1)]


def page(curves: Curves, arguments: argparse.Namespace, environment: dict[str, Any]) -> str:
    """Return the Markdown: a row for each training."""
    first = curve(curves[FIRST])[1]
    lines = [
        "# Do precision and layout change what is learnt?",
        "",
        f"{describe_machine(environment, PACKAGES)} {torch.get_num_threads()} threads. {arguments.steps} steps of "
        f"8 x {arguments.size} x {arguments.size} of the embedded sample, the released recipe. The curves are the "
        f"training loss, as a mean over {WINDOW * 10} steps; measures are those of the last validation.",
        "",
        "| precision | layout | seed | curve's largest distance from the first | "
        + " | ".join(MEASURES.values())
        + " |",
        "| --- | --- | ---: |" + " ---: |" * (1 + len(MEASURES)),
    ]
    for (precision, layout, seed), rows in curves.items():
        distance = max(abs(one - other) for one, other in zip(curve(rows)[1], first, strict=True))
        last = rows[max(step for step in rows if "val/total" in rows[step])]
        measured = " | ".join(f"{last[name]:.4f}" for name in MEASURES)
        lines.append(f"| {precision} | {layout} | {seed} | {distance:.1e} | {measured} |")
    return "\n".join([*lines, "", "![Training loss by step](loss_curves.png)"]) + "\n"


def draw(curves: Curves, picture: Path) -> None:
    """Draw the curves, and their distances from the first."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (above, below) = plt.subplots(2, 1, figsize=(7, 5), sharex=True, height_ratios=(2, 1))
    first = curve(curves[FIRST])[1]
    for number, ((precision, layout, seed), rows) in enumerate(curves.items()):
        steps, values = curve(rows)
        style = {"linewidth": 6 - number, "alpha": 0.6, "color": f"C{number}"}
        above.plot(steps, values, label=f"{precision}, {layout}, seed {seed}", **style)
        apart = [abs(one - other) for one, other in zip(values, first, strict=True)]
        if any(apart):
            below.plot(steps, apart, color=f"C{number}", linewidth=1)
    above.set(ylabel="training loss")
    above.legend(fontsize=8)
    below.set(yscale="log", ylabel="distance from the first", xlabel="step")
    figure.tight_layout()
    figure.savefig(picture, dpi=110)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.pop("SICE_ROOT", None)
    if sys.argv[1:2] == ["--train"]:
        train_in(sys.argv[2], sys.argv[3:])
    else:
        main(_arguments())

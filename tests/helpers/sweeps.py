"""Folders of sweeps that were never trained: quick to make, with every kind of run."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.helpers.paths import ROOT
from tests.helpers.pictures import make_picture
from zero_dce.files import write_json

PHOTOGRAPHS = ROOT / "zero_dce" / "data" / "photographs"
# Outputs that differ; further runs get links to them.
VARIANTS = 3


def make_pictures(count: int) -> list[Image.Image]:
    """Small ones, from dark to bright."""
    return [make_picture(seed, 0.1 + 0.2 * seed) for seed in range(count)]


def make_photographs(count: int, longest: int = 512) -> list[Image.Image]:
    """Real ones, darkened, in the size of sample pictures."""
    photographs = []
    for file in sorted(PHOTOGRAPHS.glob("*.jpg"))[:count]:
        with Image.open(file) as image:
            picture = image.convert("RGB")
        picture.thumbnail((longest, longest))
        photographs.append(picture.point([value // 3 for value in range(256)] * 3))
    return photographs


class SweepMaker:
    """Writes a sweep's folder run by run.

    ``name`` is how the photographs' paths begin; ``objectives`` are a search's, a grid has none.
    """

    def __init__(
        self,
        folder: Path,
        points: Sequence[dict[str, Any]],
        inputs: Sequence[Image.Image] = (),
        name: str = "scene/",
        objectives: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.points, self.inputs, self.name = folder, points, inputs, name
        jobs = [[f"loss.weights.{name}={value}" for name, value in point.items()] for point in points]
        swept = [f"loss.weights.{name}" for name in points[0]] if points else []
        folder.mkdir(parents=True, exist_ok=True)
        searched = {"objectives": objectives} if objectives else {}
        write_json(folder / "sweep.json", {"jobs": jobs, "swept": swept, **searched})
        self._made: dict[tuple[Any, ...], Path] = {}

    def run(
        self,
        number: int,
        steps: Sequence[int],
        rows: int = 10,
        state: str | None = "finished",
        measured: Mapping[str, float] | None = None,
        **more: Any,
    ) -> Path:
        """Write one run; ``state=None`` leaves it without result.json, as while it goes on. Again with more steps.

        ``measured`` joins its measures, and ``more`` its result.json.
        """
        run = self.folder / str(number)
        weights = {"spa": 1.0, "exp": 10.0, "col": 5.0, "tv": 200.0}
        # Tests sweep texts too, with which no run would have begun.
        weights |= {name: value for name, value in self.points[number].items() if isinstance(value, int | float)}
        measures = {"val/psnr_gain": 1.0 + number, "val/saturation_ratio": 1 - 0.01 * number, "val/exp": 0.1}
        measures |= measured or {}
        self._configure(run, number, weights)
        self._write_metrics(run, number, steps, rows, measures)
        for step in steps:
            self._write_pictures(run, number, step)
            if step:
                (run / "checkpoints").mkdir(exist_ok=True)
                (run / "checkpoints" / f"step-{step:06d}.ckpt").touch()
        if state is not None:
            last = steps[-1] if steps else 0
            result = {"state": state, "last_step": last, "weights": weights, "measures": measures, "error": None}
            write_json(run / "result.json", result | more)
        return run

    def _configure(self, run: Path, number: int, weights: dict[str, float]) -> None:
        (run / ".hydra").mkdir(parents=True, exist_ok=True)
        write_json(run / ".hydra" / "config.yaml", {"loss": {"weights": weights, "exp": {"target": 0.6}}})
        overrides = [f"loss.weights.{name}={value}" for name, value in self.points[number].items()]
        write_json(run / ".hydra" / "overrides.yaml", overrides)

    def _write_metrics(
        self, run: Path, number: int, steps: Sequence[int], rows: int, measures: dict[str, float]
    ) -> None:
        last = max(steps, default=0)
        logged = {max(1, round(last * row / rows)) for row in range(1, rows + 1)} | {step for step in steps if step}
        losses = ("total", "spa", "exp", "col", "tv")
        with (run / "metrics.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["step", *(f"train/{name}" for name in losses), *measures])
            for step in sorted(logged) if last else ():
                train = [
                    f"{(1 + place) * (2 + number) * math.exp(-step / last) / 10:.9f}" for place in range(len(losses))
                ]
                writer.writerow([step, *train, *(measures.values() if step in steps else [""] * len(measures))])

    def _write_pictures(self, run: Path, number: int, step: int) -> None:
        folder = run / "samples" / f"step-{step:06d}"
        folder.mkdir(parents=True, exist_ok=True)
        for place, before in enumerate(self.inputs):
            strength = min(0.9, 0.04 + 0.1 * math.log1p(step)) * (1 - 0.2 * (number % VARIANTS))
            caption = f"step {step} · {self.name}{place}.JPG · brightness 0.10 → 0.50"
            self._save(folder / f"{place:02d}_input.png", (place,), before)
            self._save(folder / f"{place:02d}_output.png", (place, strength), before, strength, caption)
            self._save(
                folder / f"{place:02d}_curves.png", (place, strength, "curves"), before.convert("L").convert("RGB")
            )

    def _save(
        self, file: Path, same: tuple[Any, ...], picture: Image.Image, strength: float = 0.0, caption: str = ""
    ) -> None:
        if file.exists():
            return
        if same in self._made:
            os.link(self._made[same], file)
            return
        information = PngInfo()
        information.add_itxt("Description", caption)
        levels = [round(255 * (level / 255) ** (1 - strength)) for level in range(256)]
        picture.point(levels * 3).save(file, compress_level=1, pnginfo=information)
        self._made[same] = file


OBJECTIVES = {"val/entropy_out": "maximize", "val/loe": "minimize", "val/noise_out": "minimize"}
# Of ten finished runs. The first four are the front of the first two objectives, run 4 is the best in the third.
# Runs 8 and 9 are equal and on no front.
OBJECTIVE_VALUES = (
    (6.21, 118.0, 0.021),
    (6.74, 153.0, 0.019),
    (7.12, 231.0, 0.018),
    (7.31, 402.0, 0.022),
    (6.55, 260.0, 0.011),
    (6.30, 190.0, 0.024),
    (6.92, 310.0, 0.020),
    (6.05, 340.0, 0.027),
    (6.60, 205.0, 0.023),
    (6.60, 205.0, 0.023),
)


def make_search(folder: Path, objectives: int = 2, inputs: Sequence[Image.Image] = ()) -> Path:
    """A search for several objectives: 10 finished runs, and three that would be the best but do not count.

    Run 10 fades, run 11 goes on, run 12 failed; run 13 never began.
    """
    wanted = dict(list(OBJECTIVES.items())[:objectives])
    exps = (3.1, 10.4, 16.2, 28.7, 7.4, 4.2, 21.5, 2.3, 9.1, 9.1, 35.5, 12.6, 18.3, 6.1)
    points = [{"exp": exp, "tv": round(1600 / (1 + exp % 5), 1)} for exp in exps]
    maker = SweepMaker(folder, points, inputs, objectives=wanted)
    for number, values in enumerate(OBJECTIVE_VALUES):
        maker.run(number, [0, 10, 20], measured=dict(zip(wanted, values, strict=False)))
    best = [dict(zip(wanted, (7.32 + 0.1 * place, 115.0 - 20 * place, 0.01), strict=False)) for place in range(3)]
    maker.run(10, [0, 10, 20], measured=best[0], washout={"from_step": 10})
    maker.run(11, [0, 10], measured=best[1], state=None)
    maker.run(12, [0, 10], measured=best[2], state="failed", error="ValueError: no")
    return folder


def make_large_sweep(folder: Path) -> Path:
    """27 runs of 10 steps and 2 photographs, in the usual size."""
    points = [{"exp": exp, "tv": tv, "col": col} for exp in (3, 10, 30) for tv in (100, 200, 800) for col in (2, 5, 9)]
    maker = SweepMaker(folder, points, make_photographs(2))
    for number in range(len(points)):
        maker.run(number, [300 * step for step in range(10)], rows=270)
    return folder

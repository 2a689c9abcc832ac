"""How fast do training images arrive? Plain Pillow against this package, on camera-size JPEGs and on small ones.

    python benchmarks/loader.py --full DIR --small DIR

``--full`` is a folder of JPEGs of 12 to 24 megapixels, ``--small`` one of 512-pixel JPEGs. Each row is measured in a
process of its own, all images/s on one core (num_workers=0), the files in the system's page cache. ``--output FILE``
writes the tables as Markdown and, beside it, the figures as JSON.

"plain" is what the published code does: ``Image.open``, ``resize`` with LANCZOS, division by 255.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from PIL import Image
from publishing import describe_machine, publish, run_program
from torch.utils.data import DataLoader, Dataset

from zero_dce.data.datamodule import ExposureDataModule
from zero_dce.hardware import best_precision
from zero_dce.images.decode import decode_square
from zero_dce.module import ZeroDCE
from zero_dce.records.environment import describe_environment

PACKAGES = ("torch", "pillow", "numpy", "lightning")
SIZE, BATCH = 256, 8
WAYS = ("plain", "none", "disk", "memory", "device")
# So many files stand for a data set: more than the processor's own caches hold once decoded.
FULL_COUNT, PLAIN_COUNT = 300, 30
EPOCHS = 5
STEPS, WARM_UP = 12, 3
TITLES = {
    "plain": "plain Pillow (published recipe)",
    "none": "`data.cache=none`: draft, decoded in every epoch",
    "disk": "`data.cache=disk`",
    "memory": "`data.cache=memory`",
    "device": "`data.cache=device`",
}


class PlainDataset(Dataset[torch.Tensor]):
    """The published recipe."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        picture = Image.open(self.files[index]).resize((SIZE, SIZE), Image.Resampling.LANCZOS)
        return torch.from_numpy(np.asarray(picture) / 255.0).float().permute(2, 0, 1)


def files_of(root: Path) -> list[Path]:
    """Return the JPEG files of a folder; the program ends with a message where there are none."""
    files = [file for file in sorted(root.rglob("*")) if file.suffix.lower() in (".jpg", ".jpeg")]
    if not files:
        sys.exit(f"no JPEG files in {root}: expected photographs to decode")
    return files


def data_module(root: Path, way: str, workers: int) -> ExposureDataModule:
    options: dict[str, Any] = {"split": {"test_fraction": 0.0}, "val_fraction": 0.0}
    return ExposureDataModule(
        str(root), layout="folder", size=SIZE, batch_size=BATCH, num_workers=workers, cache=way, **options
    )


def epochs_of(root: Path, way: str, workers: int, count: int | None = None) -> Callable[[], Iterator[torch.Tensor]]:
    """Return a function that yields the batches of an epoch, uint8 or float."""
    if way == "plain":
        dataset = PlainDataset(files_of(root)[:count])
        return lambda: iter(DataLoader(dataset, BATCH, shuffle=True, num_workers=workers))
    data = data_module(root, way, workers)
    # It tells the data where to hold the pixels, and to pin what it moves.
    data.trainer = L.Trainer(accelerator="auto", devices=1, logger=False, enable_checkpointing=False)
    data.setup()
    loader = data.train_dataloader()
    return lambda: (batch["image"] for batch in loader)


def memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_rate(root: Path, way: str, full: bool) -> dict[str, Any]:
    """Images a second of the first epoch, set-up included, and of later ones, on one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    files = files_of(root)
    for file in files:
        file.read_bytes()
    before, started = memory_mb(), time.perf_counter()
    epochs = epochs_of(root, way, 0, PLAIN_COUNT if full else None)
    count = sum(len(batch) for batch in epochs())
    first = count / (time.perf_counter() - started)
    later = []
    for _ in range(1 if way in ("plain", "none") else EPOCHS):
        started = time.perf_counter()
        count = sum(len(batch) for batch in epochs())
        later.append(count / (time.perf_counter() - started))
    return {
        "images": count,
        "first": first,
        "later": statistics.median(later),
        "later_range": [min(later), max(later)],
        "added_mb": memory_mb() - before,
    }


def measure_wait(root: Path, way: str, full: bool) -> dict[str, Any]:
    """Time of a training step and the share of it that the training waits for its batch.

    On all cores, with the worker processes of the published code (4) and of this package's default (at most the
    cores), which take their share of the cores from the training.
    """
    cores = len(os.sched_getaffinity(0))
    epochs = epochs_of(root, way, 4 if way == "plain" else min(4, cores), 8 * PLAIN_COUNT if full else None)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module = ZeroDCE().to(device)
    optimizer = module.configure_optimizers()
    bfloat16 = best_precision("auto") == "bf16-mixed"
    waits, steps = [], []
    batches: Iterator[torch.Tensor] = iter(())
    for number in range(WARM_UP + STEPS):
        started = time.perf_counter()
        batch = next(batches, None)
        if batch is None:
            batches = epochs()
            batch = next(batches)
        waited = time.perf_counter() - started
        image = batch.to(device).contiguous()
        image = image if image.is_floating_point() else image.float() / 255
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            enhanced, maps = module(image)
            loss = module.loss(image, enhanced, maps).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if number >= WARM_UP:
            waits.append(waited)
            steps.append(time.perf_counter() - started)
    assert batch is not None
    return {"share": sum(waits) / sum(steps), "step_s": statistics.median(steps), "images": str(batch.device)}


def measure_difference(root: Path) -> float:
    """Mean difference of the draft decoding from the plain one, of 255, over the distinct files."""
    differences = []
    for file in {path.resolve() for path in files_of(root)}:
        plain = np.asarray(Image.open(file).resize((SIZE, SIZE), Image.Resampling.LANCZOS)).astype(int)
        differences.append(np.abs(decode_square(file, SIZE) - plain).mean())
    return float(max(differences))


def run_apart(*arguments: str) -> Any:
    """Measure one row in a process of its own, with a cache of its own."""
    with tempfile.TemporaryDirectory() as cache:
        printed = run_program([sys.executable, __file__, *arguments], {"ZERO_DCE_CACHE": cache})
    return json.loads(printed.splitlines()[-1])


def prepare(source: Path, target: Path, count: int | None) -> Path:
    """Lay out links to the files of a folder, repeated up to a count."""
    files = files_of(source)
    target.mkdir()
    for number in range(count or len(files)):
        (target / f"{number:05d}.JPG").symlink_to(files[number % len(files)].resolve())
    return target


def measure_all(sets: dict[str, Path], ways: Sequence[str]) -> dict[str, Any]:
    figures: dict[str, Any] = {"rate": {}, "wait": {}}
    for kind in figures:
        for name, root in sets.items():
            for way in ways:
                print(f"{kind} {name} {way} ...", file=sys.stderr)
                figures[kind][f"{name} {way}"] = run_apart("--row", kind, name, str(root), way)
    figures["difference"] = measure_difference(sets["full"])
    return figures


def tables(figures: dict[str, Any], sets: dict[str, Path], ways: Sequence[str]) -> str:
    """Lay out the figures as Markdown."""
    lines = ["| | " + " | ".join(f"{name}: first epoch | later epochs | added memory" for name in sets) + " |"]
    lines.append("| --- |" + " ---: |" * 3 * len(sets))
    for way in ways:
        cells = []
        for name in sets:
            row, plain = figures["rate"][f"{name} {way}"], figures["rate"][f"{name} plain"]
            cells.append(f"{row['first']:,.0f} images/s ({row['first'] / plain['first']:.1f} x)")
            cells.append(f"{row['later']:,.0f} images/s ({row['later'] / plain['later']:,.1f} x)")
            cells.append(f"{row['added_mb']:,.0f} MB")
        lines.append(f"| {TITLES[way]} | {' | '.join(cells)} |")
    lines += [
        "",
        "| a training step of 8 images, on all cores | " + " | ".join(sets) + " |",
        "| --- |" + " ---: |" * len(sets),
    ]
    for way in ways:
        rows = [figures["wait"][f"{name} {way}"] for name in sets]
        cells = [f"{row['step_s']:.2f} s, of it {100 * row['share']:.2g} % waiting" for row in rows]
        lines.append(f"| {TITLES[way]} | {' | '.join(cells)} |")
    lines += ["", f"Largest mean difference of draft from plain decoding: {figures['difference']:.2f} of 255."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", type=Path, help="JPEGs of a camera's size")
    parser.add_argument("--small", type=Path, help="JPEGs of 512 pixels")
    parser.add_argument("--output", type=Path, help="Markdown file; the JSON goes beside it")
    parser.add_argument("--row", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        kind, name, root, way = options.row
        measure = {"rate": measure_rate, "wait": measure_wait}[kind]
        print(json.dumps(measure(Path(root), way, name == "full")))
        return
    if not (options.full and options.small):
        parser.error("--full DIR and --small DIR are needed")
    ways = [way for way in WAYS if way != "device" or torch.cuda.is_available()]
    environment = describe_environment("")
    with tempfile.TemporaryDirectory() as folder:
        sets = {
            "full": prepare(options.full, Path(folder) / "full", FULL_COUNT),
            "small": prepare(options.small, Path(folder) / "small", None),
        }
        figures = measure_all(sets, ways)
        text = f"{describe_machine(environment, PACKAGES)}\n\n{tables(figures, sets, ways)}\n"
    publish(text, options.output, environment, figures)


if __name__ == "__main__":
    main()

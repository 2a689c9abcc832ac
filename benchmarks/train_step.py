"""How long does a training step take, and how much memory? The published recipe against this package.

    python benchmarks/train_step.py --data DIR --output benchmarks/train_step.md

A step is forward, losses, backward, clipping and Adam. "Published" is the released code's step in plain PyTorch:
float32, pictures and weights in the layout NCHW, losses by convolutions and by pooling, the whole batch at once. The
rows below it are this package's, in each precision of ``--precisions``.

- By layout: pictures are in memory, features in each layout, the gradient for some pictures at a time.
- By size and batch: as a run chooses layout and pictures at a time by itself; with a plot beside the table. A run keeps
  memory that was freed (:func:`zero_dce.hardware.keep_freed_memory`), and so do all rows of this package but the one
  that says so. The published recipe, by itself, does not.
- Whole steps: ``python -m zero_dce.train`` on the JPEGs in DIR, with progress bar, losses and measures logged every 10
  steps, against the published step with the published loader, which decodes and resizes in two processes.

Each row runs in a process of its own, in turn, ``--rounds`` times; the quickest step counts, and of whole steps the
mean. Memory is the most that the process held beyond what it held before its first step. Operations are those of the
convolutions and of their gradients, two for each product that is added.

``ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2`` in the environment measures a processor without AVX-512.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from publishing import describe_machine, publish, run_program
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from zero_dce.curves import apply_curves
from zero_dce.hardware import best_precision, fastest_layout, keep_freed_memory, pictures_at_once
from zero_dce.module import ZeroDCE
from zero_dce.networks import CurveNet, DCENet
from zero_dce.records.environment import describe_environment

PACKAGES = ("torch", "lightning")
LAYOUTS = ("channels_last", "contiguous", "blocked")
PUBLISHED, WHOLE, GIVEN_BACK = "published", "whole", "memory given back"
SECONDS = 4.0
WHOLE_STEPS, FIRST_STEPS, EVERY = 61, 11, 10
MATRIX_SIDE = 2048
Step = Callable[[], None]
Row = dict[str, Any]


def main(arguments: argparse.Namespace) -> None:
    """Measure every row, and publish them."""
    wanted = {"By layout": _by_layout(arguments), "By size and batch": _by_size(arguments)}
    if arguments.data is not None:
        from loader import files_of

        files_of(arguments.data)  # without any, the program ends now and not after minutes of measuring
        wanted["Whole steps"] = _whole(arguments)
    measured: dict[str, Row] = {}
    rows = [row for part in wanted.values() for row in part]
    for _ in range(arguments.rounds):
        for row in {_key(row): row for row in rows}.values():
            found = _in_process(row, arguments.data)
            kept = measured.setdefault(_key(row), {**row, **found})
            kept.update(ms=min(kept["ms"], found["ms"]), mb=max(kept["mb"], found["mb"]))
            print(kept, file=sys.stderr, flush=True)
    peaks = {precision: matrix_peak(precision) for precision in arguments.precisions}
    parts = {title: [measured[_key(row)] for row in part] for title, part in wanted.items()}
    environment = describe_environment("random pixels")
    environment["processor_flags"] = dict(torch.cpu.get_capabilities())
    picture = Path(arguments.output or "train_step").with_suffix(".png")
    page = _page(parts, peaks, environment, picture.name)
    publish(page, arguments.output, environment, {"parts": parts, "matrix_peaks": peaks})
    if arguments.output:
        draw(parts["By size and batch"], picture)


def _row(way: str, size: int, batch: int, precision: str = "32-true", layout: str = "", at_once: int = 0) -> Row:
    return {"way": way, "size": size, "batch": batch, "precision": precision, "layout": layout, "at_once": at_once}


def _by_layout(arguments: argparse.Namespace) -> list[Row]:
    rows = []
    for size in arguments.sizes:
        rows.append(_row(PUBLISHED, size, arguments.batch))
        for precision in arguments.precisions:
            # oneDNN's own layout is not for autocast.
            for layout in LAYOUTS if precision == "32-true" else LAYOUTS[:1]:
                parts = [count for count in arguments.at_once if count <= arguments.batch]
                rows += [_row("", size, arguments.batch, precision, layout, count) for count in parts]
    return rows


def _by_size(arguments: argparse.Namespace) -> list[Row]:
    """Rows of the sizes at one batch, and of the batches at the middle size."""
    middle = arguments.sizes[len(arguments.sizes) // 2]
    shapes = {(size, arguments.batch) for size in arguments.sizes} | {(middle, batch) for batch in arguments.batches}
    rows = []
    for size, batch in sorted(shapes):
        rows.append(_row(PUBLISHED, size, batch))
        at_once = min(batch, pictures_at_once(torch.device("cpu"), size * size))
        for precision in arguments.precisions:
            for way in ("", GIVEN_BACK) if batch == arguments.batch else ("",):
                rows.append(_row(way, size, batch, precision, fastest_layout("zero_dce", "cpu", precision), at_once))
    return rows


def _whole(arguments: argparse.Namespace) -> list[Row]:
    rows = []
    for size in arguments.sizes:
        if size <= arguments.largest_whole:
            rows.append(_row(f"{PUBLISHED}, {WHOLE}", size, arguments.batch))
            rows += [_row(WHOLE, size, arguments.batch, precision) for precision in arguments.precisions]
    return rows


def difference_kernels() -> Tensor:
    """Return the released code's kernels, 4 x 1 x 3 x 3: a region minus its neighbour in each direction."""
    kernels = torch.zeros(4, 1, 3, 3)
    for kernel, (y, x) in zip(kernels, ((1, 0), (1, 2), (0, 1), (2, 1)), strict=True):
        kernel[0, 1, 1], kernel[0, y, x] = 1.0, -1.0
    return kernels


def published_loss(network: CurveNet, image: Tensor, kernels: Tensor) -> Tensor:
    """Return the released code's total, computed as there: with its intermediate results."""
    batch, _, size, _ = image.shape
    maps = network.estimate_curves(image)
    enhanced = apply_curves(image, maps)
    before, after = (F.avg_pool2d(x.mean(1, keepdim=True), 4) for x in (image, enhanced))
    spa = (F.conv2d(after, kernels, padding=1) - F.conv2d(before, kernels, padding=1)).square().sum(1).mean()
    exposure = (F.avg_pool2d(enhanced.mean(1, keepdim=True), 16) - 0.6).square().mean()
    red, green, blue = enhanced.mean((2, 3)).unbind(1)
    colour = ((red - green) ** 4 + (red - blue) ** 4 + (green - blue) ** 4 + 1e-12).sqrt().mean()
    down = (maps[:, :, 1:] - maps[:, :, :-1]).square().sum() / ((size - 1) * size)
    across = (maps[:, :, :, 1:] - maps[:, :, :, :-1]).square().sum() / (size * (size - 1))
    return spa + 10 * exposure + 5 * colour + 200 * 2 * (down + across) / batch


def published_step(batches: Iterator[Tensor]) -> Step:
    """Return the released code's step."""
    network = DCENet()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, weight_decay=1e-4)
    kernels = difference_kernels()

    def step() -> None:
        total = published_loss(network, next(batches), kernels)
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 0.1)
        optimizer.step()

    return step


def own_step(row: Row) -> Step:
    """Return this package's step without the Trainer, on pictures that are in memory."""
    if row["way"] != GIVEN_BACK:
        keep_freed_memory()
    model = ZeroDCE(pictures_at_once=row["at_once"])
    model.use_layout(row["layout"])
    image = torch.rand(row["batch"], 3, row["size"], row["size"])
    optimizer = model.configure_optimizers()
    parameters = list(model.network.parameters())

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=row["precision"] != "32-true"):
            _, losses = model.learn({"image": image})
        losses.total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 0.1)
        optimizer.step()

    return step


def published_batches(data: Path, size: int, batch: int) -> Iterator[Tensor]:
    """Yield the released code's batches: decoded and resized for each step, in two processes."""
    # Imported here, as its own process has another benchmark's arguments.
    import loader

    loader.SIZE = size
    pictures = loader.PlainDataset(loader.files_of(data))
    while True:
        yield from DataLoader(pictures, batch, shuffle=True, num_workers=2, drop_last=True)


def measure(row: Row, data: Path | None) -> dict[str, float]:
    """Return the milliseconds of a step, its operations, and the megabytes of the largest."""
    torch.manual_seed(0)
    if row["way"] == WHOLE:
        assert data is not None
        return measure_command(row, data)
    if row["way"] == f"{PUBLISHED}, {WHOLE}":
        assert data is not None
        return _time_whole(published_step(published_batches(data, row["size"], row["batch"])))
    if row["way"] == PUBLISHED:
        image = torch.rand(row["batch"], 3, row["size"], row["size"])
        step = published_step(iter(lambda: image, None))
    else:
        step = own_step(row)
    before = _megabytes()
    with FlopCounterMode(display=False) as counter:
        step()
    # The first step of a process takes longer; a slow one is not repeated often.
    step()
    end, quickest = time.perf_counter() + SECONDS, float("inf")
    while time.perf_counter() < end or quickest == float("inf"):
        begin = time.perf_counter()
        step()
        quickest = min(quickest, time.perf_counter() - begin)
    return {"ms": 1e3 * quickest, "mb": _megabytes() - before, "operations": counter.get_total_flops()}


def _time_whole(step: Step) -> dict[str, float]:
    before = _megabytes()
    for _ in range(FIRST_STEPS):
        step()
    begin = time.perf_counter()
    for _ in range(WHOLE_STEPS - FIRST_STEPS):
        step()
    took = time.perf_counter() - begin
    return {"ms": 1e3 * took / (WHOLE_STEPS - FIRST_STEPS), "mb": _megabytes() - before}


def measure_command(row: Row, data: Path) -> dict[str, float]:
    """Return the same of ``python -m zero_dce.train``, without validation, checkpoints and pictures in between."""
    with tempfile.TemporaryDirectory() as folder:
        run = [
            *(f"data.root={data}", f"data.size={row['size']}", f"data.batch_size={row['batch']}", "data=folder"),
            *(f"trainer.precision={row['precision']}", f"trainer.max_steps={WHOLE_STEPS}", "trainer.accelerator=cpu"),
            *("every_n_steps=1000000", "callbacks.samples=null", "callbacks.validation=null", "data.val_fraction=0"),
            *("logger=csv", "report_page=false", f"trainer.log_every_n_steps={EVERY}", f"hydra.run.dir={folder}/run"),
            f"+callbacks.clock={{_target_:train_step.StepClock,file:'{folder}/times.json'}}",
        ]
        run_program([sys.executable, "-m", "zero_dce.train", *run], {"PYTHONPATH": str(Path(__file__).parent)})
        found: dict[str, float] = json.loads((Path(folder) / "times.json").read_text(encoding="utf-8"))
    return found


class StepClock(L.Callback):
    """Writes down how long a step of a run took, its data and what is logged after it included.

    Args:
        file: gets the mean, as JSON.
    """

    def __init__(self, file: str) -> None:
        self.file = Path(file)
        self.began = self.before = 0.0

    def on_train_start(self, *_: Any) -> None:
        self.before = _megabytes()

    def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
        if trainer.global_step == FIRST_STEPS - 1:
            self.began = time.perf_counter()
        elif trainer.global_step == WHOLE_STEPS - 1:
            took = (time.perf_counter() - self.began) / (WHOLE_STEPS - FIRST_STEPS)
            found = {"ms": 1e3 * took, "mb": _megabytes() - self.before}
            self.file.write_text(json.dumps(found), encoding="utf-8")


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def matrix_peak(precision: str) -> float:
    """Return how many operations a second a product of large matrices reaches here, in the quickest library."""
    kind = torch.float32 if precision == "32-true" else torch.bfloat16
    one, other = (torch.rand(MATRIX_SIDE, MATRIX_SIDE).to(kind) for _ in range(2))
    products: list[Callable[[], Tensor]] = [lambda: one @ other]
    if kind == torch.float32 and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        # On AMD's processors with AVX-512, MKL reaches half of what oneDNN does.
        blocked, weight = one.to_mkldnn(), other.to_mkldnn()
        products.append(lambda: torch._C._nn.mkldnn_linear(blocked, weight, None))
    quickest = float("inf")
    for _ in range(12):
        for product in products:
            begin = time.perf_counter()
            product()
            quickest = min(quickest, time.perf_counter() - begin)
    return 2 * MATRIX_SIDE**3 / quickest


def _key(row: Row) -> str:
    return json.dumps([row[name] for name in ("way", "size", "batch", "precision", "layout", "at_once")])


def _in_process(row: Row, data: Path | None) -> dict[str, float]:
    command = [sys.executable, __file__, "--row", json.dumps(row), str(data or "")]
    found: dict[str, float] = json.loads(run_program(command))
    return found


def _page(
    parts: Mapping[str, Sequence[Row]], peaks: Mapping[str, float], environment: Mapping[str, Any], picture: str
) -> str:
    capability = torch.backends.cpu.get_cpu_capability()
    products = ", ".join(f"{peak / 1e9:.0f} in {precision}" for precision, peak in peaks.items())
    lines = [
        "# How long does a training step take?",
        "",
        f"{describe_machine(environment, PACKAGES)} {torch.get_num_threads()} threads, kernels for {capability}. A "
        f"product of matrices of {MATRIX_SIDE} reaches, in billions of operations a second: {products}.",
    ]
    for title, rows in parts.items():
        lines += ["", f"## {title}", "", *_table(rows, peaks)]
        if title == "By size and batch":
            lines += ["", f"![Images a second by pixels of a picture, and by batch]({picture})"]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Row], peaks: Mapping[str, float]) -> list[str]:
    lines = [
        "| batch | precision | layout | pictures at a time | ms a step | images/s | to published | of the peak | MB |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    published = {(row["size"], row["batch"]): row["ms"] for row in rows if row["way"].startswith(PUBLISHED)}
    for row in rows:
        size, batch, ms = row["size"], row["batch"], row["ms"]
        layout = row["way"] if row["way"].startswith(PUBLISHED) else row["layout"] or "as chosen"
        layout += f", {GIVEN_BACK}" if row["way"] == GIVEN_BACK else ""
        share = row.get("operations", 0) / (ms / 1e3) / peaks.get(row["precision"], float("inf"))
        lines.append(
            f"| {batch} x {size} x {size} | {row['precision']} | {layout} | {row['at_once'] or '-'} | {ms:.0f} "
            f"| {1e3 * batch / ms:.1f} | {published[size, batch] / ms:.2f} | {f'{share:.0%}' if share else '-'} "
            f"| {row['mb']:.0f} |"
        )
    return lines


def draw(rows: Sequence[Row], picture: Path) -> None:
    """Draw images a second against the pixels of a picture, and against the batch."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    shown_rows = [row for row in rows if row["way"] != GIVEN_BACK]
    batches = [row["batch"] for row in rows]
    usual = max(set(batches), key=batches.count)
    sizes = [row["size"] for row in rows if row["batch"] != usual]
    middle = sizes[0] if sizes else rows[0]["size"]
    for axis, name, shown in (
        (axes[0], "size", [row for row in shown_rows if row["batch"] == usual]),
        (axes[1], "batch", [row for row in shown_rows if row["size"] == middle]),
    ):
        for way in dict.fromkeys((row["way"], row["precision"]) for row in shown):
            line = [row for row in shown if (row["way"], row["precision"]) == way]
            label = f"{way[0] or 'this package'}, {way[1]}"
            axis.plot([row[name] for row in line], [1e3 * row["batch"] / row["ms"] for row in line], ".-", label=label)
        axis.set(xscale="log", yscale="log")
        axis.set_xticks(sorted({row[name] for row in shown}), sorted({str(row[name]) for row in shown}, key=int))
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set(xlabel=f"side of a picture, pixels (batch {usual})", ylabel="images/s")
    axes[1].set(xlabel=f"pictures in a batch ({middle} x {middle} pixels)")
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(picture, dpi=110)


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder of JPEGs, for whole steps")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 96, 128, 256, 512])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64], help="at the middle size")
    parser.add_argument("--largest-whole", type=int, default=256, help="largest size of whole steps")
    parser.add_argument("--at-once", type=int, nargs="+", default=[8, 2, 1])
    best = dict.fromkeys(("32-true", best_precision("cpu")))
    parser.add_argument("--precisions", nargs="+", choices=("32-true", "bf16-mixed"), default=list(best))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--output", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--row"]:
        print(json.dumps(measure(json.loads(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3] else None)))
    else:
        main(_arguments(sys.argv[1:]))

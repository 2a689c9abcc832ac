"""How long does a training step take, and how much memory? The published recipe against this package, by size.

    python benchmarks/train_step.py --output benchmarks/train_step.md

A step is forward, losses, backward, clipping and Adam, on pictures that are in memory already. "Published" is the
released code's step in plain PyTorch: float32, pictures and weights in the layout NCHW, losses by convolutions and by
pooling, the whole batch at once. The rows below it are this package's module with each layout of features, and with the
gradient computed for some pictures at a time. Each row runs in a process of its own, in turn, ``--rounds`` times; the
quickest step counts. Memory is the most that the process held beyond what it held before its first step.

``ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2`` in the environment measures a processor without AVX-512.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from publishing import describe_machine, publish
from torch import nn
from torch.nn import functional as F

from zero_dce.curves import apply_curves
from zero_dce.hardware import best_precision
from zero_dce.module import ZeroDCE
from zero_dce.networks import DCENet
from zero_dce.records.environment import describe_environment
from zero_dce.step.parts import in_parts

PACKAGES = ("torch", "lightning")
LAYOUTS = ("channels_last", "contiguous", "blocked")
SECONDS = 6.0


def main(arguments: argparse.Namespace) -> None:
    """Measure every row, and publish them."""
    rows: dict[str, dict[str, float]] = {}
    for _ in range(arguments.rounds):
        for size, batch in zip(arguments.sizes, arguments.batches, strict=True):
            parts = [at_once for at_once in arguments.at_once if at_once <= batch]
            own = [f"{layout}/{at_once}" for layout in arguments.layouts for at_once in parts]
            for way in ("published", *own):
                found = _in_process(way, size, batch, arguments.precision)
                kept = rows.setdefault(f"{way} {batch} x {size} x {size}", found)
                kept.update(ms=min(kept["ms"], found["ms"]), mb=max(kept["mb"], found["mb"]))
                print(way, batch, size, kept, file=sys.stderr, flush=True)
    environment = describe_environment("random pixels")
    publish(_table(rows, environment, arguments), arguments.output, environment, {"rows": rows})


def published_step(batch: int, size: int) -> Callable[[], None]:
    """Return the released code's step."""
    network, image = DCENet(), torch.rand(batch, 3, size, size)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, weight_decay=1e-4)
    kernels = torch.zeros(4, 1, 3, 3)
    for kernel, (y, x) in zip(kernels, ((1, 0), (1, 2), (0, 1), (2, 1)), strict=True):
        kernel[0, 1, 1], kernel[0, y, x] = 1.0, -1.0

    def step() -> None:
        maps = network.estimate_curves(image)
        enhanced = apply_curves(image, maps)
        before, after = (F.avg_pool2d(x.mean(1, keepdim=True), 4) for x in (image, enhanced))
        spa = (F.conv2d(after, kernels, padding=1) - F.conv2d(before, kernels, padding=1)).square().sum(1).mean()
        exposure = (F.avg_pool2d(enhanced.mean(1, keepdim=True), 16) - 0.6).square().mean()
        red, green, blue = enhanced.mean((2, 3)).unbind(1)
        colour = ((red - green) ** 4 + (red - blue) ** 4 + (green - blue) ** 4 + 1e-12).sqrt().mean()
        down = (maps[:, :, 1:] - maps[:, :, :-1]).square().sum() / ((size - 1) * size)
        across = (maps[:, :, :, 1:] - maps[:, :, :, :-1]).square().sum() / (size * (size - 1))
        total = spa + 10 * exposure + 5 * colour + 200 * 2 * (down + across) / batch
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 0.1)
        optimizer.step()

    return step


def own_step(layout: str, at_once: int, batch: int, size: int, precision: str) -> Callable[[], None]:
    """Return this package's step."""
    model = ZeroDCE()
    model.use_layout(layout)
    image = torch.rand(batch, 3, size, size)
    optimizer = model.configure_optimizers()
    parameters = list(model.network.parameters())

    def compute(part: Any) -> Any:
        enhanced, maps = model(part["image"])
        return enhanced, model.loss(part["image"], enhanced, maps)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision != "32-true"):
            if at_once < batch:
                _, losses = in_parts(compute, {"image": image}, at_once, parameters)
            else:
                _, losses = compute({"image": image})
        losses.total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 0.1)
        optimizer.step()

    return step


def measure(way: str, batch: int, size: int, precision: str) -> dict[str, float]:
    """Return the milliseconds of the quickest step, and the megabytes of the largest."""
    torch.manual_seed(0)
    layout, _, at_once = way.partition("/")
    step = published_step(batch, size) if way == "published" else own_step(layout, int(at_once), batch, size, precision)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step()
    end, quickest = time.perf_counter() + SECONDS, float("inf")
    while time.perf_counter() < end or quickest == float("inf"):
        begin = time.perf_counter()
        step()
        quickest = min(quickest, time.perf_counter() - begin)
    megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"ms": 1e3 * quickest, "mb": megabytes}


def _in_process(way: str, size: int, batch: int, precision: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--row", way, str(size), str(batch), precision]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(result.stdout)
    return found


def _table(rows: dict[str, dict[str, float]], environment: dict[str, Any], arguments: argparse.Namespace) -> str:
    capability = torch.backends.cpu.get_cpu_capability()
    lines = [
        "# How long does a training step take?",
        "",
        f"{describe_machine(environment, PACKAGES)} {torch.get_num_threads()} threads, kernels for {capability}, "
        f"precision {arguments.precision}. Published recipe: float32.",
        "",
        "| batch | layout of features | pictures at a time | ms a step | images/s | to published | MB |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, row in rows.items():
        way, _, batch = name.partition(" ")
        layout, _, at_once = way.partition("/")
        count, published = int(batch.split()[0]), rows[f"published {batch}"]["ms"]
        lines.append(
            f"| {batch} | {layout} | {at_once or count} | {row['ms']:.0f} | {1e3 * count / row['ms']:.1f} "
            f"| {published / row['ms']:.2f} | {row['mb']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 96, 128, 256, 512])
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 8, 8, 8, 2], help="as many as --sizes")
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=LAYOUTS)
    parser.add_argument("--at-once", type=int, nargs="+", default=[8, 4, 2, 1])
    parser.add_argument("--precision", choices=("32-true", "bf16-mixed"), default=best_precision("cpu"))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--output", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--row"]:
        way, size, batch, precision = sys.argv[2:]
        print(json.dumps(measure(way, int(batch), int(size), precision)))
    else:
        main(_arguments(sys.argv[1:]))

"""How quick is enhancing, and how much memory does it take? This package against the published recipe.

    python benchmarks/enhance.py [--weights FILE] [--image FILE] [--output FILE.md]

Each row is measured in a process of its own. "published recipe" is what the released code does: the whole picture at
once, NCHW, float32; its weights are those of ``--weights`` with denormal numbers set to 0, which favours it. The first
table is computing alone, pixels in memory to pixels in memory; what is prepared once for a size of picture is apart.
The second is a whole process, from its start to the saved JPEG, of the network alone (``--exposure off``) and as the
command does by default. On a GPU all times are synchronised.
``--quick`` leaves the published recipe at 12 megapixels out, which takes 17 GB and a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from publishing import describe_machine, publish, run_program

from zero_dce.enhance.trained import TRAINED

PHOTOGRAPH = Path(__file__).parents[1] / "zero_dce" / "data" / "photographs" / "stream.jpg"
SIZES = {"640x480": (640, 480), "1200x900": (1200, 900), "12 MP": (4000, 3000)}
# Name, mode, backend, precision.
RECIPES = (
    ("PyTorch, bfloat16", "exact", "torch", "bfloat16"),
    ("PyTorch, float32", "exact", "torch", "float32"),
    ("ONNX Runtime, float32", "exact", "onnxruntime", "float32"),
    ("OpenVINO, float32", "exact", "openvino", "float32"),
    ("OpenVINO, bfloat16", "exact", "openvino", "bfloat16"),
    ("fast mode, PyTorch", "fast", "torch", "auto"),
    ("fast mode, OpenVINO", "fast", "openvino", "auto"),
)
FILES = {"12 MP": (4000, 3000), "24 MP": (6000, 4000), "50 MP": (8000, 6250), "100 MP": (12500, 8000)}
# A multiplication and an addition for each of the weights; biases, curves and tanh are below 1 %.
FLOP_PER_PIXEL = 2 * 79_416
REPEATS, ENOUGH_SECONDS = 7, 6.0


def repeat(function: Callable[[], object], synchronise: Callable[[], object]) -> float:
    """Return the median of some runs, of fewer where one takes long."""
    seconds: list[float] = []
    while len(seconds) < REPEATS and sum(seconds) < ENOUGH_SECONDS:
        synchronise()
        begin = time.perf_counter()
        function()
        synchronise()
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds))


def measure(picture: Path, reference: Path, weights: Path, mode: str, backend: str, precision: str) -> dict[str, Any]:
    """Measure one recipe on pixels in memory, in this process."""
    pixels = np.load(picture)
    begin = time.perf_counter()
    if mode == "published":
        run, synchronise = published(weights, pixels)
    else:
        run, synchronise = ours(weights, pixels, mode, backend, precision)
    # A 12-megapixel run of the published recipe takes as much as its warm-up.
    warm = pixels.shape[0] * pixels.shape[1] < 4e6 or mode != "published"
    if warm:
        output = run()
        prepared = time.perf_counter() - begin
        seconds = repeat(run, synchronise)
    else:
        prepared = time.perf_counter() - begin
        begin = time.perf_counter()
        output = run()
        synchronise()
        seconds = time.perf_counter() - begin
    figures: dict[str, Any] = {"seconds": seconds, "first": prepared, "peak_mb": peak_mb()}
    if mode == "published":
        np.save(reference, output)
    elif reference.is_file():
        difference = output.astype(np.int16) - np.load(reference)
        figures["largest"] = int(np.abs(difference).max())
        error = float(np.square(difference.astype(np.float32)).mean())
        figures["psnr"] = float(10 * np.log10(255**2 / error)) if error else None
    return figures


def published(weights: Path, pixels: np.ndarray) -> tuple[Callable[[], np.ndarray], Callable[[], object]]:
    import torch

    from zero_dce.networks import load_weights

    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = load_weights(weights).to(device)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float().div(255).contiguous().to(device)

    def run() -> np.ndarray:
        with torch.inference_mode():
            enhanced = network(image)[0]
        levels: np.ndarray = (enhanced[0] * 255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
        return levels

    return run, torch.cuda.synchronize if device == "cuda" else int


def ours(
    weights: Path, pixels: np.ndarray, mode: str, backend: str, precision: str
) -> tuple[Callable[[], np.ndarray], Callable[[], object]]:
    from zero_dce.enhance.engine import Enhancer
    from zero_dce.images.canvas import ArrayCanvas
    from zero_dce.weights import read_weights

    enhancer = Enhancer(read_weights(weights), mode=mode, backend=backend, precision=precision)
    # Results come back as arrays: nothing is left to synchronise.
    return lambda: enhancer.enhance(ArrayCanvas(pixels)).pixels, int


def peak_mb() -> float | None:
    from zero_dce.hardware import peak_memory_mb

    return peak_memory_mb()["host"]


def process(command: list[str]) -> dict[str, Any]:
    """Run a whole process; returns its seconds and its peak memory."""
    # Its children's peak is known once it has ended: one process for each.
    code = (
        "import json, resource, subprocess, sys, time; begin = time.perf_counter();"
        "done = subprocess.run(sys.argv[1:], stdout=sys.stderr); seconds = time.perf_counter() - begin;"
        "print(json.dumps({'seconds': seconds, 'peak_mb': resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3,"
        "'code': done.returncode}))"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    if figures.pop("code"):
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return figures


def row(*arguments: object) -> dict[str, Any]:
    """Measure one row in a process of its own."""
    command = [sys.executable, __file__, "--row", *map(str, arguments)]
    figures: dict[str, Any] = json.loads(run_program(command).splitlines()[-1])
    return figures


def save_published(weights: Path, source: Path, target: Path) -> None:
    """What the released test script does, with a JPEG at the end."""
    import torch

    from zero_dce.networks import load_weights

    network = load_weights(weights)
    pixels = np.asarray(Image.open(source)) / 255.0
    image = torch.from_numpy(pixels).float().permute(2, 0, 1)[None]
    with torch.no_grad():
        enhanced = network(image)[0]
    result = (enhanced[0] * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    Image.fromarray(result).save(target, quality=95)


def available() -> list[tuple[str, str, str, str]]:
    """Return the recipes that this machine can run."""
    from zero_dce.enhance.graph import choose_backend
    from zero_dce.weights import read_weights

    weights = read_weights(TRAINED)
    found = []
    for recipe in RECIPES:
        try:
            choose_backend(recipe[2], weights, recipe[3])
            found.append(recipe)
        except (ModuleNotFoundError, ValueError) as error:
            print(f"left out: {recipe[0]}: {error}", file=sys.stderr)
    return found


def peak_flops(dtype: str) -> float:
    """Return how many operations a second large multiplications of matrices reach here, in the quicker library."""
    return max(peak_pytorch(dtype), peak_openvino(dtype))


def peak_openvino(dtype: str) -> float:
    try:
        import openvino
        from openvino import opset15 as ops
    except ModuleNotFoundError:
        return 0.0
    side = 2048
    left = ops.parameter([side, side], np.float32)
    right = ops.constant(np.random.default_rng(0).random((side, side), dtype=np.float32))
    settings = {"INFERENCE_PRECISION_HINT": {"bfloat16": "bf16", "float32": "f32"}[dtype]}
    model = openvino.Core().compile_model(
        openvino.Model([ops.matmul(left, right, False, False)], [left]), "CPU", settings
    )
    request, value = model.create_infer_request(), np.ones((side, side), np.float32)
    request.infer([value])
    return 2 * side**3 / repeat(lambda: request.infer([value], share_inputs=True), int)


def peak_pytorch(dtype: str) -> float:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    side = 8192 if device == "cuda" else 2048
    left, right = (torch.randn(side, side, device=device).to(getattr(torch, dtype)) for _ in range(2))
    synchronise = torch.cuda.synchronize if device == "cuda" else int
    torch.mm(left, right)
    return 2 * side**3 / repeat(lambda: torch.mm(left, right), synchronise)


def compute(weights: Path, image: Image.Image, folder: Path, quick: bool) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    recipes = available()
    for size, shape in SIZES.items():
        picture, reference = folder / "picture.npy", folder / f"{size}.npy"
        np.save(picture, np.asarray(image.resize(shape, Image.Resampling.LANCZOS)))
        if not (quick and size == "12 MP"):
            figures[f"{size}|published recipe"] = row(picture, reference, weights, "published", "torch", "float32")
        for name, mode, backend, precision in recipes:
            # Fast mode computes small pictures exactly.
            if mode == "exact" or size == "12 MP":
                figures[f"{size}|{name}"] = row(picture, reference, weights, mode, backend, precision)
                print(f"{size} {name}: {figures[f'{size}|{name}']}", file=sys.stderr)
    return figures


def whole_processes(weights: Path, image: Image.Image, folder: Path, quick: bool) -> dict[str, Any]:
    from zero_dce.networks import load_weights, save_weights

    figures: dict[str, Any] = {}
    # As python -m zero_dce.review pick keeps them: to be read without PyTorch.
    picked = folder / "weights.safetensors"
    save_weights(load_weights(weights), picked, 0)
    for size, shape in FILES.items():
        source = folder / f"{size.replace(' ', '')}.jpg"
        image.resize(shape, Image.Resampling.LANCZOS).save(source, quality=92)
        if size == "12 MP" and not quick:
            command = [sys.executable, __file__, "--official", str(weights), str(source), str(folder / "official.jpg")]
            figures[f"{size}|published recipe"] = process(command)
        command = [sys.executable, "-m", "zero_dce.enhance", str(source), "--weights", str(picked), "--overwrite"]
        network, fast = ["--exposure", "off"], ["--mode", "fast"]
        ways = {"exact": network, "fast mode": [*fast, *network]}
        if size == "12 MP":
            ways["exact, PyTorch"] = ["--backend", "torch", *network]
            # As the command does by default.
            ways |= {"exact, exposed and smoothed": [], "fast mode, exposed and smoothed": fast}
        for name, options in ways.items():
            figures[f"{size}|{name}"] = process([*command, "--output", str(folder / "out"), *options])
            print(f"{size} {name}: {figures[f'{size}|{name}']}", file=sys.stderr)
    return figures


def table(figures: dict[str, Any], sizes: dict[str, tuple[int, int]], extra: bool) -> list[str]:
    heading = ["size", "recipe", "seconds", "megapixels a second", "times as quick", "peak memory"]
    heading += ["first time", "largest difference", "PSNR"] if extra else []
    lines = [f"| {' | '.join(heading)} |", f"| --- | --- |{' ---: |' * (len(heading) - 2)}"]
    for key, found in figures.items():
        size, name = key.split("|")
        million = sizes[size][0] * sizes[size][1] / 1e6
        official = figures.get(f"{size}|published recipe")
        ratio = f"{official['seconds'] / found['seconds']:.1f} x" if official else "-"
        cells = [size, name, f"{found['seconds']:.3f}", f"{million / found['seconds']:.2f}", ratio]
        cells.append("-" if found["peak_mb"] is None else f"{found['peak_mb']:,.0f} MB")
        if extra:
            largest = found.get("largest")
            psnr = found.get("psnr")
            cells.append(f"{found['first']:.2f} s" if name != "published recipe" else "-")
            cells.append("-" if largest is None else f"{largest} of 255")
            cells.append("-" if psnr is None else f"{psnr:.1f} dB")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def describe(environment: dict[str, Any], figures: dict[str, Any], peaks: dict[str, float]) -> str:
    names = ("torch", "openvino", "onnxruntime", "pillow", "numpy")
    text = [describe_machine(environment, names)]
    for dtype, peak in peaks.items():
        limit = peak / FLOP_PER_PIXEL / 1e6
        rows = {key: found for key, found in figures.items() if key.endswith(dtype) and key.startswith("1200x900")}
        best = min(rows, key=lambda key: float(rows[key]["seconds"]), default=None)
        reached = (
            ""
            if best is None
            else (f": {best.partition('|')[2]} reaches {1.08 / rows[best]['seconds'] / limit:.0%} of it at 1200x900")
        )
        text.append(
            f"Matrices in {dtype} are multiplied at {peak / 1e12:.2f} TFLOP/s here, which would be {limit:.1f} "
            f"megapixels a second of the network's {FLOP_PER_PIXEL / 1e3:.0f} kFLOP a pixel{reached}."
        )
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=TRAINED, help="default: those of the package")
    parser.add_argument("--image", type=Path, default=PHOTOGRAPH, help="a photograph, brought to each size")
    parser.add_argument("--output", type=Path, help="Markdown file; the JSON goes beside it")
    parser.add_argument("--quick", action="store_true", help="without the published recipe at 12 megapixels")
    parser.add_argument("--row", nargs=6, help=argparse.SUPPRESS)
    parser.add_argument("--official", nargs=3, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        picture, reference, weights = map(Path, options.row[:3])
        print(json.dumps(measure(picture, reference, weights, *options.row[3:])))
        return
    if options.official:
        save_published(*options.official)
        return
    from importlib.metadata import version

    from zero_dce.records.environment import describe_environment

    image = Image.open(options.image).convert("RGB")
    begin = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        computing = compute(options.weights, image, folder, options.quick)
        processes = whole_processes(options.weights, image, folder, options.quick)
    environment = describe_environment("")
    environment["versions"] |= {name: version(name) for name in ("openvino", "onnxruntime")}
    environment["load_before"] = begin
    peaks = {dtype: peak_flops(dtype) for dtype in ("bfloat16", "float32")}
    lines = [describe(environment, computing, peaks), "", "Computing alone:", ""]
    lines += [*table(computing, SIZES, True), "", "A whole process, JPEG to JPEG:", "", *table(processes, FILES, False)]
    figures = {"computing": computing, "processes": processes, "peak_flops": peaks}
    publish("\n".join(lines) + "\n", options.output, environment, figures)


if __name__ == "__main__":
    main()

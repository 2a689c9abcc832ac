"""How near is a fast enhancement to the exact one, and how long does it take? By the factor of reduction.

    python benchmarks/fast.py --images DIR [DIR ...] [--weights FILE] [--output FILE.md]

Photographs larger than 12 megapixels are brought to that size; smaller ones stay as they are. Four ways:

- plain: the network runs on the picture reduced by the factor (means of blocks), its curve maps are enlarged
  bilinearly and applied at full size;
- guided: the same with maps enlarged edge-aware, by a fast guided filter (He and Sun, arXiv 1505.00996), radius 1,
  each colour channel its own guide;
- exact maps: those of the full-size network, averaged over blocks and enlarged bilinearly: what enlarging alone loses;
- fast mode: ``--mode fast --factor N`` of this package, on every picture however small.

PSNR is to the exact result in float32, on 8-bit values, over whole pictures. Seconds are those of fast mode on a
picture of 12 megapixels, pixels to pixels, on all cores.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from publishing import publish
from torch import Tensor
from torch.nn import functional as F

from zero_dce.curves import apply_curves
from zero_dce.data.index import find_folder
from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.fast.mode import FastMode
from zero_dce.enhance.graph.programs import estimation
from zero_dce.enhance.tiles import plan_tiles
from zero_dce.enhance.trained import TRAINED
from zero_dce.images.canvas import ArrayCanvas
from zero_dce.records.environment import describe_environment
from zero_dce.terminal import progress_bar
from zero_dce.weights import Weights, read_weights

FACTORS = (1, 2, 3, 4, 6, 8, 12)
LARGEST = 12e6
EPSILON = 1e-3
WAYS = ("plain", "guided", "exact maps", "fast mode")
# Rows of a picture that are enhanced at a time: 24 maps of 12 megapixels take 1.2 GB.
ROWS = 288


def read(file: Path) -> np.ndarray:
    image = Image.open(file).convert("RGB")
    scale = min(1.0, (LARGEST / (image.width * image.height)) ** 0.5)
    shape = (round(image.width * scale), round(image.height * scale))
    return np.asarray(image if scale == 1 else image.resize(shape, Image.Resampling.LANCZOS))


def exact(pixels: np.ndarray, precise: Enhancer, factor_maps: Sequence[int]) -> tuple[np.ndarray, dict[int, Tensor]]:
    """Return the exact picture, and the exact maps averaged over blocks of each factor."""
    backend, program = precise.backend_for(32), estimation()
    height, width = pixels.shape[:2]
    maps = np.empty((height, width, 24), np.float16)
    output = np.empty_like(pixels)
    for tile in plan_tiles(width, height, 512):
        left, top, right, bottom = tile.window
        window = pixels[top:bottom, left:right]
        (found,) = backend.run(program, window)
        rows, columns = tile.crop()
        kept = slice(tile.keep[1], tile.keep[3]), slice(tile.keep[0], tile.keep[2])
        maps[kept] = found[rows, columns]
        output[kept] = to_levels(apply_curves(to_image(window), to_maps(found)))[rows, columns]
    return output, {factor: reduce_maps(maps, factor) for factor in factor_maps}


def reduce_maps(maps: np.ndarray, factor: int) -> Tensor:
    """Average over blocks, some rows at a time: a float32 copy of all would take 1.2 GB."""
    step = ROWS // factor * factor
    parts = [to_maps(maps[top : top + step].astype(np.float32)) for top in range(0, len(maps), step)]
    return torch.cat([reduce(part, factor) for part in parts], dim=2)


def to_image(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255


def to_maps(maps: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(maps)).permute(2, 0, 1)[None]


def to_levels(image: Tensor) -> np.ndarray:
    return (image[0] * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


def reduce(x: Tensor, factor: int) -> Tensor:
    height, width = x.shape[-2:]
    return F.avg_pool2d(F.pad(x, (0, -width % factor, 0, -height % factor), mode="replicate"), factor)


def enlarge(x: Tensor, factor: int) -> Tensor:
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False) if factor > 1 else x


def network_maps(pixels: np.ndarray, precise: Enhancer, factor: int) -> Tensor:
    """Run the network on the reduced picture."""
    small = reduce(to_image(pixels), factor)[0].permute(1, 2, 0).numpy()
    height, width = small.shape[:2]
    backend, program = precise.backend_for(32), estimation()
    maps = np.empty((height, width, 24), np.float32)
    for tile in plan_tiles(width, height, 512):
        left, top, right, bottom = tile.window
        (found,) = backend.run(program, small[top:bottom, left:right])
        maps[tile.keep[1] : tile.keep[3], tile.keep[0] : tile.keep[2]] = found[tile.crop()]
    return to_maps(maps)


def applied(pixels: np.ndarray, factor: int, maps_of: Callable[[Tensor, int, int], Tensor]) -> np.ndarray:
    """Apply maps at full size, some rows at a time; ``maps_of`` gives those of an image's rows of blocks."""
    output = np.empty_like(pixels)
    step = ROWS // factor
    for first in range(0, -(-len(pixels) // factor), step):
        rows = slice(first * factor, min((first + step) * factor, len(pixels)))
        image = to_image(pixels[rows])
        maps = maps_of(image, first, first + step)
        output[rows] = to_levels(apply_curves(image, maps[..., : image.shape[2], : image.shape[3]]))
    return output


def bilinear(maps: Tensor, factor: int) -> Callable[[Tensor, int, int], Tensor]:
    """Enlarge rows of blocks with one more above and below."""

    def rows(_: Tensor, first: int, last: int) -> Tensor:
        before = max(first - 1, 0)
        return enlarge(maps[:, :, before : last + 1], factor)[:, :, (first - before) * factor :]

    return rows


def guided(pixels: np.ndarray, maps: Tensor, factor: int) -> Callable[[Tensor, int, int], Tensor]:
    """Fit maps as a straight line of their colour channel in 3 x 3 blocks; enlarge the lines, not the maps."""

    def means(x: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)

    guide = reduce(to_image(pixels), factor).repeat(1, maps.shape[1] // 3, 1, 1)
    mean_guide, mean_map = means(guide), means(maps)
    slope = (means(guide * maps) - mean_guide * mean_map) / (means(guide * guide) - mean_guide**2 + EPSILON)
    slopes, offsets = bilinear(means(slope), factor), bilinear(means(mean_map - slope * mean_guide), factor)

    def rows(image: Tensor, first: int, last: int) -> Tensor:
        height, width = image.shape[2:]
        channels = image.repeat(1, maps.shape[1] // 3, 1, 1)
        lines = [part(image, first, last)[..., :height, :width] for part in (slopes, offsets)]
        return (lines[0] * channels + lines[1]).clamp(-1, 1)

    return rows


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    errors = [np.square(first[top : top + ROWS].astype(np.float32) - second[top : top + ROWS]).sum(dtype=np.float64)
              for top in range(0, len(first), ROWS)]  # fmt: skip
    return float(10 * np.log10(255**2 * first.size / max(sum(errors), 1e-9)))


def compare(pixels: np.ndarray, weights: Weights, precise: Enhancer) -> dict[str, float]:
    """Return the PSNR of each way at each factor on one picture."""
    reference, exact_maps = exact(pixels, precise, FACTORS[1:])
    found: dict[str, float] = {}
    for factor in FACTORS[1:]:
        maps = network_maps(pixels, precise, factor)
        results = {
            "plain": applied(pixels, factor, bilinear(maps, factor)),
            "guided": applied(pixels, factor, guided(pixels, maps, factor)),
            "exact maps": applied(pixels, factor, bilinear(exact_maps[factor], factor)),
            "fast mode": fast(pixels, weights, factor),
        }
        found |= {f"{way}|{factor}": psnr(result, reference) for way, result in results.items()}
    return found


def fast(pixels: np.ndarray, weights: Weights, factor: int) -> np.ndarray:
    enhancer = Enhancer(weights, mode="fast", factor=factor)
    mode, canvas = enhancer.fast_for(8), ArrayCanvas(pixels)
    output = canvas.blank()
    mode.apply(canvas, mode.estimate(canvas, enhancer.spread(canvas, enhancer.stops_of(canvas))), output, None, int)
    return output.pixels


def seconds_by_factor(pixels: np.ndarray, weights: Weights) -> dict[int, float]:
    """Return the seconds at each factor; 1 is exact mode."""
    found = {}
    for factor in FACTORS:
        enhancer = Enhancer(weights, mode="fast" if factor > 1 else "exact", factor=factor)
        canvas = ArrayCanvas(pixels)
        assert FastMode.suits(canvas)
        enhancer.enhance(canvas)
        times = []
        for _ in range(5 if factor > 1 else 2):
            begin = time.perf_counter()
            enhancer.enhance(canvas)
            times.append(time.perf_counter() - begin)
        found[factor] = float(np.median(times))
    return found


def table(values: dict[str, list[dict[str, float]]], seconds: dict[int, float]) -> list[str]:
    heading = ["factor", "seconds at 12 MP", *(f"{name}: {way}" for name in values for way in WAYS)]
    lines = [f"| {' | '.join(heading)} |", f"|{' ---: |' * len(heading)}"]
    lines.append(f"| 1 (exact) | {seconds[1]:.2f} |{' - |' * (len(heading) - 2)}")
    for factor in FACTORS[1:]:
        cells = [str(factor), f"{seconds[factor]:.2f}"]
        for pictures in values.values():
            for way in WAYS:
                numbers = [picture[f"{way}|{factor}"] for picture in pictures]
                cells.append(f"{np.mean(numbers):.1f} ({min(numbers):.1f} to {max(numbers):.1f})")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, nargs="+", required=True, help="folders of photographs")
    parser.add_argument("--weights", type=Path, default=TRAINED, help="a DCE-Net; default: that of the package")
    parser.add_argument("--output", type=Path, help="Markdown file; the JSON goes beside it")
    options = parser.parse_args()
    try:
        weights = read_weights(options.weights)
        files = {folder: [folder / entry.path for entry in find_folder(folder).entries] for folder in options.images}
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    largest = max((read(file) for found in files.values() for file in found), key=len)
    seconds = seconds_by_factor(np.asarray(Image.fromarray(largest).resize((4000, 3000))), weights)
    precise = Enhancer(weights, precision="float32")
    values: dict[str, list[dict[str, float]]] = {}
    with progress_bar(total=sum(map(len, files.values())), desc="pictures") as bar:
        for folder, found in files.items():
            values[folder.name] = []
            for file in found:
                values[folder.name].append(compare(read(file), weights, precise))
                bar.update()
    environment = describe_environment("")
    used = f"{environment['hardware']['processor']}, {environment['hardware']['cores']} cores"
    sizes = ", ".join(f"{folder.name}: {len(found)} pictures" for folder, found in files.items())
    intro = f"{used}; fast mode on {Enhancer(weights, mode='fast').describe()}. {sizes}. PSNR in dB: mean (min to max)."
    text = "\n".join([intro, "", *table(values, seconds)]) + "\n"
    publish(text, options.output, environment, {"seconds": seconds, "psnr": values})


if __name__ == "__main__":
    main()

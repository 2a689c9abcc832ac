"""Measuring every picture with every method: checkpoints, the unchanged input, gamma curves."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from zero_dce.evaluate.bootstrap import bootstrap_interval
from zero_dce.evaluate.gamma import USUAL_GAMMA, BestGamma, gamma_to_mean
from zero_dce.evaluate.pictures import MeasuredSize, Pair, PictureSet
from zero_dce.exposure.setting import develop, enhance_at, stops_for
from zero_dce.exposure.suited import EXPOSED_MEAN
from zero_dce.hardware import is_out_of_memory
from zero_dce.images.decode import Pixels
from zero_dce.images.denoise import denoise_whole, levels_for
from zero_dce.images.sheets import to_image
from zero_dce.metrics.colour import colour_error
from zero_dce.metrics.means import Measure
from zero_dce.metrics.niqe import niqe
from zero_dce.metrics.perceptual import load_perceptual
from zero_dce.metrics.picture import (
    brightened_bright,
    brightened_by,
    brightness,
    clipped_share,
    entropy,
    lightness_order_error,
    noise,
    saturation,
    saturation_ratio,
)
from zero_dce.metrics.piqe import BLOCK_SIDE, piqe
from zero_dce.metrics.reference import WINDOW, absolute_error, psnr, psnr_at_equal_mean, ssim, summed_absolute_error
from zero_dce.networks import CurveNet, DCENetPP, weights_hash

# Measures are grouped by their arguments: the output only, input and output, output and reference.
OF_OUTPUT: dict[str, Measure] = {
    "brightness": brightness,
    "saturation": saturation,
    "clipped": clipped_share,
    "entropy": entropy,
    "noise": noise,
    "niqe": niqe,
    "piqe": piqe,
}
OF_CHANGE: dict[str, Measure] = {
    "saturation_ratio": saturation_ratio,
    "loe": lightness_order_error,
    "brightened_bright": brightened_bright,
    "brightened_by": brightened_by,
}
OF_COMPARISON: dict[str, Measure] = {
    "psnr": psnr,
    "psnr_equal_mean": psnr_at_equal_mean,
    "ssim": ssim,
    "mae": absolute_error,
    "mae_rgb_sum": summed_absolute_error,
    "delta_e": colour_error,
    "saturation_to_reference": lambda output, reference: saturation_ratio(reference, output),
}
# Smaller pictures have no PIQE or SSIM. They are left out, so that all measures but NIQE, which needs two blocks of
# 96 x 96 pixels, are means over the same pictures.
LEAST_MEASURED_SIDE = max(BLOCK_SIDE, WINDOW)


@dataclass
class Method:
    """A method and its measured values.

    Attributes:
        name: as it stands in the table.
        enhance: maps pictures, B x 3 x H x W in [0, 1], to enhanced ones.
        details: what identifies the method: the network and a hash of its weights, or the gamma.
        values: one value per picture for each measure, NaN where a picture has none.
    """

    name: str
    enhance: Callable[[Tensor], Tensor]
    details: dict[str, Any] = field(default_factory=dict)
    values: dict[str, list[float]] = field(default_factory=dict)

    def known(self, measure: str) -> list[float]:
        """Return a measure's values without the pictures that have none."""
        return [value for value in self.values.get(measure, ()) if not math.isnan(value)]

    def summary(self, measure: str) -> dict[str, Any] | None:
        """Return mean, interval and number of pictures of a measure; ``None`` where no picture has a value."""
        known = self.known(measure)
        if not known:
            return None
        return {"mean": statistics.fmean(known), "interval": bootstrap_interval(known), "pictures": len(known)}

    def record(self) -> dict[str, Any]:
        """Return what the JSON file says of the method."""
        means = {name: self.summary(name) for name in self.values}
        return {"name": self.name, **self.details, "means": means, "values": self.values}


def measure_methods(
    networks: Mapping[str, CurveNet],
    pictures: PictureSet,
    size: MeasuredSize,
    device: torch.device,
    exposures: Sequence[str | float] = ("off",),
    denoise: float | None = None,
    perceptual: Sequence[str] = (),
) -> list[Method]:
    """Measure what needs no network and networks, by their names in the table, on all pictures, in float32.

    Each network is measured at each exposure, see :func:`zero_dce.exposure.setting.stops_for`, and what is exposed
    is smoothed by ``denoise`` levels, see :func:`zero_dce.images.denoise.levels_for`. Pictures that cannot be used are
    left out of ``pictures``; ``size`` is that of :func:`zero_dce.evaluate.pictures.read_pair`, and ``perceptual`` names
    measures of :func:`zero_dce.metrics.perceptual.load_perceptual`, which need references.

    Raises:
        ModuleNotFoundError, FileNotFoundError: if a perceptual measure's network is not there.
        ValueError: if no picture can be used.
        MemoryError: if a picture does not fit in the memory of the device.
    """
    comparisons = OF_COMPARISON | {name: load_perceptual(name, device) for name in perceptual}
    methods = [Method("input", lambda image: image), _gamma_method(f"gamma {USUAL_GAMMA}", USUAL_GAMMA)]
    if pictures.has_references():
        methods.append(_gamma_method("gamma best", _find_gamma(pictures, size)))
    methods.append(Method(f"gamma to {EXPOSED_MEAN}", partial(gamma_to_mean, mean=EXPOSED_MEAN)))
    # What the exposure alone does, without a network.
    for exposure in dict.fromkeys((EXPOSED_MEAN, *exposures)):
        if exposure != "off":
            levels = _levels(exposure, denoise)
            methods.append(
                Method(f"exposure {exposure} alone", partial(_expose, exposure, levels), {"denoise": levels})
            )
    for name, network in networks.items():
        for exposure in exposures:
            methods.append(_network_method(name, network, exposure, _levels(exposure, denoise), device))
    with torch.inference_mode():
        for pair, pixels, reference in pictures.read(size, LEAST_MEASURED_SIDE, "measuring"):
            with _explain_out_of_memory(pair, max(pixels.shape[:2]), device):
                _measure_picture(methods, comparisons, pixels, reference, device)
    return methods


def _measure_picture(
    methods: Sequence[Method],
    comparisons: Mapping[str, Measure],
    pixels: Pixels,
    wanted: Pixels | None,
    device: torch.device,
) -> None:
    image = to_image(pixels)[None].to(device)
    reference = None if wanted is None else to_image(wanted)[None].to(device)
    for method in methods:
        for name, value in _values(method, comparisons, image, reference).items():
            method.values.setdefault(name, []).append(value.item())


def _values(
    method: Method, comparisons: Mapping[str, Measure], image: Tensor, reference: Tensor | None
) -> dict[str, Tensor]:
    output = method.enhance(image)
    found = {name: measure(output) for name, measure in OF_OUTPUT.items()}
    found |= {name: measure(image, output) for name, measure in OF_CHANGE.items()}
    if reference is not None:
        found |= {name: measure(output, reference) for name, measure in comparisons.items()}
    return found


@contextmanager
def _explain_out_of_memory(pair: Pair, side: int, device: torch.device) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        on_cpu = "" if device.type == "cpu" else ", or on the processor, with CUDA_VISIBLE_DEVICES= before the command"
        raise MemoryError(
            f"{pair.image}, {side} pixels long, does not fit in the memory of the device {device}, where it is "
            f"enhanced as a whole: measure all pictures smaller, with --longest {max(1, side // 2)}{on_cpu}. "
            f"PyTorch says: {str(error).strip()}"
        ) from error


def _find_gamma(pictures: PictureSet, size: MeasuredSize) -> float:
    search = BestGamma()
    for _, pixels, reference in pictures.read(size, LEAST_MEASURED_SIDE, "best gamma"):
        assert reference is not None
        search.add(pixels, reference)
    return search.find()[0]


def _gamma_method(name: str, gamma: float) -> Method:
    return Method(name, lambda image: image**gamma, {"gamma": gamma})


def _levels(exposure: str | float, denoise: float | None) -> float:
    """Return the noise to smooth; nothing is smoothed in what a network makes of a picture unexposed."""
    return levels_for(exposure) if denoise is None or exposure == "off" else denoise


def _expose(exposure: str | float, levels: float, image: Tensor) -> Tensor:
    return _denoise(image, develop(image, stops_for(exposure, image, image)), levels)


def _denoise(image: Tensor, enhanced: Tensor, levels: float) -> Tensor:
    return denoise_whole(image, enhanced, levels) if levels else enhanced


def _network_method(name: str, network: CurveNet, exposure: str | float, levels: float, device: torch.device) -> Method:
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    details: dict[str, Any] = {"network": network.NAME, "weights_sha256": weights_hash(network)}
    details |= {"exposure": exposure, "denoise": levels}
    if isinstance(network, DCENetPP):
        details["scale_factor"] = network.scale_factor
    return Method(name, partial(_enhance, network, exposure, levels), details)


def _enhance(network: CurveNet, exposure: str | float, levels: float, image: Tensor) -> Tensor:
    image = image.contiguous(memory_format=torch.channels_last)
    return _denoise(image, enhance_at(exposure, image, network.estimate_curves(image)), levels)

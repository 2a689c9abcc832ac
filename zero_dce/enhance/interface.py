"""``zero_dce.enhance(image)``: what the command does, on pixels in memory."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.trained import TRAINED
from zero_dce.images.canvas import ArrayCanvas, PillowCanvas, PixelArray
from zero_dce.images.colour import icc_space, srgb_profile
from zero_dce.images.view import SrgbView
from zero_dce.weights import find_file, read_weights

ImageLike = TypeVar("ImageLike")
# So many combinations of weights and options stay prepared.
PREPARED = 4


def enhance(
    image: ImageLike,
    weights: str | os.PathLike[str] | None = None,
    *,
    mode: str = "exact",
    exposure: str | float = "auto",
    denoise: float | None = None,
    strength: float = 1.0,
    backend: str = "auto",
    precision: str = "auto",
) -> ImageLike:
    """Enhance a picture; the network is read and prepared at the first call.

    Args:
        image: one of

            - a NumPy array, H x W, H x W x 3 (RGB) or with alpha as the last channel, H x W x 2 or 4; uint8, uint16,
              or float32 or float64 in [0, 1];
            - a PIL image of mode RGB, L, RGBA or LA; the colour profile in its ``info`` is used, and the result is in
              its colour space, or in sRGB where the profile has no way back;
            - a PyTorch tensor, 3 x H x W or B x 3 x H x W, uint8 or floating-point in [0, 1].

            Arrays and tensors are taken as sRGB.
        weights: what :func:`zero_dce.weights.read_weights` takes, as ``hf://USER/NAME``; ``None`` is the network
            that comes with this package, trained on freely licensed photographs.
        mode: ``exact``, or ``fast``, see :class:`zero_dce.enhance.engine.Enhancer`.
        exposure: ``auto`` brings a dark or over-exposed picture to a brightness that suits it, and lights dark places
            before bright ones up, and leaves others as they are; ``off`` takes the network's curves as they are; a
            number in [0.05, 0.95] is the mean to reach. See
            :func:`zero_dce.exposure.setting.stops_for`.
        denoise: the noise that is smoothed where a picture was brightened, in 255ths, in [0, 8]; by default 1, and 0
            with ``exposure="off"``. See :func:`zero_dce.images.denoise.denoise`.
        strength: the factor that scales the curve maps and the exposure, in [0, 1].
        backend: ``auto``, ``openvino``, ``onnxruntime`` or ``torch``.
        precision: of the convolutions, ``auto``, ``bfloat16`` or ``float32``.

    Returns:
        The enhanced picture, of the same kind, shape and type, a tensor on the same device. The input is not changed.

    Raises:
        TypeError: if the image is of none of these kinds.
        ValueError: if its shape, type or range is another, or an option is wrong.

    Examples:
        >>> import numpy as np
        >>> enhance(np.full((4, 6, 3), 20, dtype=np.uint8)).shape
        (4, 6, 3)
    """
    # Of a copy that a library keeps, only the link's name says what it is.
    file = find_file(weights or TRAINED).absolute()
    # A run that is still training writes the same file again.
    state = file.stat()
    options = (mode, exposure, denoise, float(strength), backend, precision)
    enhancer = _prepare(file, (state.st_mtime_ns, state.st_size), *options)
    if isinstance(image, Image.Image):
        return _enhance_image(enhancer, image)  # type: ignore[return-value]
    if isinstance(image, np.ndarray):
        return _enhance_array(enhancer, image)  # type: ignore[return-value]
    # A tensor can only come from a program that has imported PyTorch.
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(image, torch.Tensor):
        return _enhance_tensor(enhancer, image)  # type: ignore[no-any-return]
    raise TypeError(f"the image is a {type(image).__name__}; expected a NumPy array, a PIL image or a PyTorch tensor")


@lru_cache(maxsize=PREPARED)
def _prepare(
    file: Path,
    _state: tuple[int, int],
    mode: str,
    exposure: str | float,
    denoise: float | None,
    strength: float,
    backend: str,
    precision: str,
) -> Enhancer:
    return Enhancer(
        read_weights(file),
        mode=mode,
        exposure=exposure,
        denoise=denoise,
        strength=strength,
        backend=backend,
        precision=precision,
    )


def _enhance_image(enhancer: Enhancer, image: Image.Image) -> Image.Image:
    space, _ = icc_space(image.info.get("icc_profile"), grey=image.mode in ("L", "LA"))
    enhanced = enhancer.enhance(SrgbView(PillowCanvas(image), space=space)).stored
    assert isinstance(enhanced, PillowCanvas)
    # The colour profile, EXIF and resolution are needed when the image is saved.
    enhanced.image.info = dict(image.info)
    if space is not None and not space.invertible:
        enhanced.image.info["icc_profile"] = srgb_profile()
    return enhanced.image


def _enhance_array(enhancer: Enhancer, image: PixelArray) -> PixelArray:
    stored = image
    if image.dtype.kind == "f":
        _check_range(image)
        stored = image.astype(np.float32, copy=False)
    return enhancer.enhance(ArrayCanvas(stored)).pixels.astype(image.dtype, copy=False)


def _enhance_tensor(enhancer: Enhancer, image: Any) -> Any:
    import torch

    batch = image if image.dim() == 4 else image[None]
    if image.dim() not in (3, 4) or batch.shape[1] != 3:
        raise ValueError(f"the tensor is of shape {tuple(image.shape)}; expected 3 x H x W or B x 3 x H x W")
    if not (batch.dtype == torch.uint8 or batch.is_floating_point()) or not batch.numel():
        raise ValueError(
            f"the tensor is of type {image.dtype} and shape {tuple(image.shape)}; expected uint8 or floating-point "
            "numbers, and at least one pixel"
        )
    stored = batch.detach().cpu()
    if stored.dtype != torch.uint8:
        stored = stored.float()
    pixels = stored.permute(0, 2, 3, 1).numpy()
    enhanced = np.stack([_enhance_array(enhancer, picture) for picture in pixels])
    return torch.from_numpy(enhanced).permute(0, 3, 1, 2).reshape(image.shape).to(image)


def _check_range(image: PixelArray) -> None:
    if image.size and not (image.min() >= 0 and image.max() <= 1):
        raise ValueError(
            f"the image's values lie between {image.min():g} and {image.max():g}; expected numbers in [0, 1]. Divide "
            "by the level of white, or give uint8 or uint16"
        )

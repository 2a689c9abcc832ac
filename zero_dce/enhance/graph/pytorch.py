"""PyTorch, on the CPU or a GPU; it is always installed."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from zero_dce.enhance.graph.programs import Program, groups_of
from zero_dce.enhance.pixels import WHITE, FloatArray
from zero_dce.hardware import cpu_has_bfloat16
from zero_dce.images.denoise import TensorOperations
from zero_dce.weights import Weights

# Sides of tiles in pixels: small enough for a processor's cache, large enough to keep a GPU's cores busy.
TILE_SIDES = {"cpu": 256, "cuda": 1536}


class PyTorchBackend:
    """Runs programs in PyTorch, see :class:`zero_dce.enhance.graph.Backend`."""

    name = "torch"

    def __init__(self, weights: Weights, precision: str, device: str | torch.device | None = None) -> None:
        self.precision = precision
        self.device = torch.device(device or default_device())
        self.tile = TILE_SIDES.get(self.device.type, TILE_SIDES["cuda"])
        self._exact_gpu = precision == "float32" and self.device.type == "cuda"
        self._operations = PyTorchOperations(weights, getattr(torch, precision), self.device)

    @staticmethod
    def precisions() -> tuple[str, ...]:
        """Return what the GPU, or the processor where there is none, computes convolutions in, quickest first."""
        if default_device() == "cuda":
            half = ("bfloat16", "float16") if torch.cuda.is_bf16_supported(including_emulation=False) else ("float16",)
            return (*half, "float32")
        return ("bfloat16", "float32") if cpu_has_bfloat16() else ("float32",)

    @property
    def workers(self) -> int:
        """Return the number of threads: on the CPU what PyTorch has now.

        Each core computes a tile of its own: cores that share a tile wait for each other after each operation.
        """
        if self.device.type == "cpu":
            return torch.get_num_threads()
        # One tile is moved while another is computed; but the setting that forbids TF32 is the whole process's.
        return 1 if self._exact_gpu else 2

    def begin_thread(self) -> None:
        """Let this thread compute on one core."""
        if self.device.type != "cpu":
            return
        # The first call in a thread settles how many cores it has; what was set before is lost.
        torch.get_num_threads()
        torch.set_num_threads(1)

    def end_threads(self, workers: int) -> None:
        """Let threads that are started later have as many cores as before."""
        if self.device.type == "cpu":
            torch.set_num_threads(workers)

    def run(self, program: Program, *inputs: FloatArray) -> tuple[FloatArray, ...]:
        """Compute a program."""
        # Left to itself, cuDNN rounds float32 to the 10 bits of TF32.
        exactly = torch.backends.cudnn.flags(enabled=True, allow_tf32=False) if self._exact_gpu else nullcontext()
        with torch.inference_mode(), exactly:
            images = [_from_pixels(array, self.device) for array in inputs[: program.pictures]]
            others = [torch.from_numpy(array).to(self.device) for array in inputs[program.pictures :]]
            outputs = list(program.build(self._operations, [*images, *others]))
            if program.picture_out:
                outputs[0] = _to_levels(outputs[0], inputs[0].dtype)
            return tuple(node.permute(0, 2, 3, 1)[0].contiguous().cpu().numpy() for node in outputs)


def default_device() -> str:
    """Return ``cuda`` where PyTorch can use a GPU, else ``cpu``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


class PyTorchOperations(TensorOperations):
    """The network's operations, carried out at once, see :class:`zero_dce.enhance.graph.programs.Operations`.

    Channels lie last in memory, as convolutions run fastest, and as pixels are stored.
    """

    def __init__(self, weights: Weights, dtype: torch.dtype, device: torch.device) -> None:
        self.weights = weights
        self.dtype = dtype
        self.device = device
        self._state = {name: self._place(value, device) for name, value in weights.state.items()}

    def _place(self, value: FloatArray, device: torch.device) -> Tensor:
        tensor = torch.from_numpy(value).to(device, self.dtype)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor

    def convolve(self, x: Tensor, layer: str, relu: bool = False) -> Tensor:
        """Convolve."""
        weight, bias = self._state[f"{layer}.weight"], self._state[f"{layer}.bias"]
        groups = groups_of(self.weights.state[f"{layer}.weight"])
        y = F.conv2d(x.to(self.dtype), weight, bias, padding=weight.shape[2] // 2, groups=groups)
        return y.relu_() if relu else y

    def tanh(self, x: Tensor) -> Tensor:
        """Return the hyperbolic tangent, in float32: bfloat16 near 1 has steps of 1/128."""
        return x.float().tanh_()

    def curve(self, x: Tensor, curve_map: Tensor) -> Tensor:
        """Apply one step of the curve; a tile stays in the cache from step to step."""
        return torch.addcmul(x, curve_map, torch.addcmul(-x, x, x))

    def constant(self, value: FloatArray) -> Tensor:
        """Return a tensor."""
        return torch.from_numpy(value.astype(np.float32)).to(self.device)


def _from_pixels(array: FloatArray, device: torch.device) -> Tensor:
    # PyTorch has few operations for uint16.
    known = array.astype(np.int32) if array.dtype == np.uint16 else array
    tensor = torch.from_numpy(np.require(known, requirements=("C", "W"))).to(device)[None].permute(0, 3, 1, 2)
    return tensor if array.dtype == np.float32 else tensor.float() / WHITE[array.dtype]


def _to_levels(image: Tensor, dtype: np.dtype[np.generic]) -> Tensor:
    if dtype == np.float32:
        return image
    return (image * WHITE[dtype]).round_().to(torch.uint8 if dtype == np.uint8 else torch.uint16)

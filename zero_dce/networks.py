"""DCE-Net, which estimates the curve maps, and the files that its weights are in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from zero_dce.curves import ITERATIONS, apply_curves

WIDTH = 32
# conv5 to conv7 see two feature maps side by side (skip connections).
SKIP_LAYERS = ("e_conv5", "e_conv6", "e_conv7")
# The weights alone, as a picked checkpoint's folder holds them.
WEIGHTS_FILE = "weights.safetensors"
LAST_CHECKPOINT = "checkpoints/last.ckpt"
# Written into the file, so that it says by itself what it is.
NETWORK, FORMAT_VERSION = "zero_dce", "1"


class DCENet(nn.Module):
    """DCE-Net: seven 3x3 convolutions with symmetric skip connections, 79,416 parameters.

    Zero-DCE paper (arXiv 2001.06826), section 3.2. Layer names and the order of concatenation are the
    released code's, so its checkpoints load as they are. The receptive field is 15x15 pixels.

    Weights start as N(0, 0.02) and biases as PyTorch's default, as in the released code.
    """

    def __init__(self) -> None:
        super().__init__()
        self.e_conv1 = nn.Conv2d(3, WIDTH, 3, padding=1)
        self.e_conv2 = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.e_conv3 = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.e_conv4 = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.e_conv5 = nn.Conv2d(2 * WIDTH, WIDTH, 3, padding=1)
        self.e_conv6 = nn.Conv2d(2 * WIDTH, WIDTH, 3, padding=1)
        self.e_conv7 = nn.Conv2d(2 * WIDTH, 3 * ITERATIONS, 3, padding=1)
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                nn.init.normal_(parameter, mean=0.0, std=0.02)

    def estimate_curves(self, image: Tensor) -> Tensor:
        """Return the curve maps of ``image``.

        Args:
            image: expected shape B x 3 x H x W, range [0, 1], any size from 1 x 1.

        Returns:
            Curve maps, shape B x 24 x H x W, range [-1, 1], float32 also under autocast.
        """
        x1 = torch.relu(self.e_conv1(image))
        x2 = torch.relu(self.e_conv2(x1))
        x3 = torch.relu(self.e_conv3(x2))
        x4 = torch.relu(self.e_conv4(x3))
        x5 = torch.relu(self.e_conv5(torch.cat((x3, x4), dim=1)))
        x6 = torch.relu(self.e_conv6(torch.cat((x2, x5), dim=1)))
        logits = self.e_conv7(torch.cat((x1, x6), dim=1))
        # Autocast leaves bfloat16 here, whose steps near 1 are 1/128: the curves want the full tanh.
        return torch.tanh(logits.to(image.dtype))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the enhanced image (B x 3 x H x W, [0, 1]) and its curve maps (B x 24 x H x W, [-1, 1])."""
        curve_maps = self.estimate_curves(image)
        return apply_curves(image, curve_maps), curve_maps


def load_weights(path: str | os.PathLike[str]) -> DCENet:
    """Load a DCE-Net from a checkpoint of this package, of the authors or of the report.

    The layouts are told apart by their keys: ``network.e_conv1.weight`` in a Lightning checkpoint of this
    package, ``e_conv1.weight`` in the authors' file, ``conv1.weight`` in the report's. The report's code
    concatenates the skip connections the other way round, so its input channels are swapped here.

    Args:
        path: a checkpoint; a ``.safetensors`` file; the folder that ``python -m zero_dce.review pick`` wrote; or a
            run's folder, for its last checkpoint. A checkpoint is read with ``weights_only=True``: no code in it can
            run. A ``.safetensors`` file holds none.

    Returns:
        The network in evaluation mode, on the CPU. Weights too small to change an output are 0, see
        :func:`drop_denormals`.

    Raises:
        FileNotFoundError: if there is no such file, or no weights in the folder.
        ValueError: if the file is no checkpoint, or its keys are of no known layout.
    """
    file = _find_file(Path(path))
    content = _read_safetensors(file) if file.suffix == ".safetensors" else _read_checkpoint(file)
    network = DCENet()
    network.load_state_dict(_to_dce_net_layout(content, file))
    drop_denormals(network)
    return network.eval()


def drop_denormals(network: DCENet) -> None:
    """Set weights to 0 that are too small for a float's full precision, below 1.2e-38.

    Weight decay leaves such ones in filters that died; in the authors' checkpoint they are a quarter of all. They
    change no output, and make convolutions 50 times slower on common processors.
    """
    with torch.no_grad():
        for parameter in network.parameters():
            parameter[parameter.abs() < torch.finfo(parameter.dtype).tiny] = 0


def save_weights(network: DCENet, file: Path, step: int) -> None:
    """Write the weights alone as ``.safetensors``, with the network's name and the step in its metadata.

    Args:
        network: on any device.
        file: where to.
        step: how many optimizer steps the weights were trained for.
    """
    # The format knows no memory layouts beside the plain one; the values stay the same, bit by bit.
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    content = save(state, {"network": NETWORK, "step": str(step), "format_version": FORMAT_VERSION})
    # Written here: the package's own save_file leaves a file that only its owner can read.
    file.write_bytes(content)


def _find_file(path: Path) -> Path:
    if path.is_dir():
        found = next((path / name for name in (WEIGHTS_FILE, LAST_CHECKPOINT) if (path / name).is_file()), None)
        if found is None:
            raise FileNotFoundError(
                f"{path} holds neither {WEIGHTS_FILE} nor {LAST_CHECKPOINT}; expected a picked folder or the folder of "
                "one run. Of a sweep's folder give picked/ or one of its runs"
            )
        return found
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; expected a checkpoint of this package, the authors' or the report's, a "
            ".safetensors file, a picked folder or a run's folder"
        )
    return path


def _read_checkpoint(file: Path) -> object:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        # A damaged file can make the unpickler stumble in many ways.
        raise ValueError(
            f"{file} is not a PyTorch checkpoint that can be read with weights_only=True: {error}"
        ) from error


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            state = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118  # it has no iterator
    except SafetensorError as error:
        raise ValueError(f"{file} is not a safetensors file that can be read, perhaps cut short: {error}") from error
    expected = {"network": NETWORK, "format_version": FORMAT_VERSION}
    # A file from elsewhere may say nothing; its keys are looked at next.
    other = {name: metadata[name] for name, value in expected.items() if metadata.get(name, value) != value}
    if other:
        raise ValueError(
            f"{file} says that it holds {other}, expected {expected}: it needs another version of this package"
        )
    return state


def _to_dce_net_layout(content: object, path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Translate any known checkpoint layout into DCENet's own, or say which keys did not fit."""
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} holds a {type(content).__name__}, expected a mapping from parameter names to tensors")
    state = {str(key).removeprefix("network."): value for key, value in content.items()}
    if any("depth_conv" in key for key in state):
        raise ValueError(
            f"{path} is a Zero-DCE++ checkpoint (its keys name depth_conv layers); this loads into DCE-Net only"
        )
    if "conv1.weight" in state:
        state = {f"e_{key}": value for key, value in state.items()}
        _swap_skip_inputs(state)
    _check_state(state, path)
    return state


def _swap_skip_inputs(state: dict[str, Tensor]) -> None:
    """Exchange the two halves of the input channels where the report concatenates (late, early)."""
    for layer in SKIP_LAYERS:
        weight = state.get(f"{layer}.weight")
        if weight is not None:
            state[f"{layer}.weight"] = torch.cat(weight.chunk(2, dim=1)[::-1], dim=1)


def _check_state(state: Mapping[str, Tensor], path: str | os.PathLike[str]) -> None:
    expected = DCENet().state_dict()
    missing = sorted(expected.keys() - state.keys())
    unknown = sorted(state.keys() - expected.keys())
    wrong = [
        f"{key} {tuple(getattr(state[key], 'shape', ()))} instead of {tuple(value.shape)}"
        for key, value in expected.items()
        if key in state and getattr(state[key], "shape", None) != value.shape
    ]
    if missing or unknown or wrong:
        raise ValueError(
            f"{path} does not fit DCE-Net. Missing keys: {missing or 'none'}; unknown keys: {unknown or 'none'}; "
            f"wrong shapes: {wrong or 'none'}"
        )

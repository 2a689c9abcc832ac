"""Read the weights in a file as NumPy arrays; PyTorch is imported only to read its own checkpoints."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize, safe_open
from safetensors.numpy import save

from zero_dce.records.checkpoint import check_checkpoint, check_weights_size
from zero_dce.records.run import CHECKPOINTS, LAST

# The networks' names in the configuration and in .safetensors files, and their titles in messages.
DCE_NET, DCE_NET_PP = "zero_dce", "zero_dce_pp"
TITLES = {DCE_NET: "DCE-Net", DCE_NET_PP: "Zero-DCE++"}
WIDTH = 32
# Input channels of the seven layers; conv5 to conv7 take two feature maps side by side (skip connections).
INPUTS = (3, WIDTH, WIDTH, WIDTH, 2 * WIDTH, 2 * WIDTH, 2 * WIDTH)
SKIP_LAYERS = ("e_conv5", "e_conv6", "e_conv7")
# Channels of the curve maps: three per iteration, or three for all iterations.
MAPS = {DCE_NET: 24, DCE_NET_PP: 3}
# A picked checkpoint's folder holds only the weights, in this file.
WEIGHTS_FILE = "weights.safetensors"
# How addresses of remote weights begin.
SCHEMES = ("hf:", "wandb:")
LAST_CHECKPOINT = f"{CHECKPOINTS}/{LAST}"
# This is written into a .safetensors file, for versions of this package with another format.
FORMAT_VERSION = "1"
# NumPy's types of the floating-point numbers in .safetensors files, always little-endian. NumPy has no bfloat16, whose
# 16 bits are the upper half of a float32.
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}

# A weight has four dimensions; NumPy takes no more than 64, and no side that is too large for a number of 64 bits.
MOST_DIMENSIONS = 8

# A message names so many keys: all of a network.
MOST_KEYS_SHOWN = 28
# Anything that cannot be a weight is kept as the name of its type, for the message.
_State = dict[str, NDArray[np.float32] | str]


@dataclass(frozen=True)
class Weights:
    """A network's weights.

    Attributes:
        network: ``zero_dce`` or ``zero_dce_pp``.
        state: float32 arrays by the released code's parameter names (``e_conv1.weight``,
            ``e_conv1.depth_conv.weight``), in the order of the layers; shapes as in :func:`parameter_shapes`.
    """

    network: str
    state: dict[str, NDArray[np.float32]]


def read_weights(path: str | os.PathLike[str]) -> Weights:
    """Read the weights of a DCE-Net or Zero-DCE++ from a checkpoint of this package, of the authors or of the report.

    The layouts are distinguished by their keys: ``network.e_conv1.weight`` in a Lightning checkpoint of this package,
    ``e_conv1.weight`` in the authors' file, ``e_conv1.depth_conv.weight`` in the authors' of Zero-DCE++,
    ``conv1.weight`` in the report's. The report's code concatenates the skip connections the other way round, so its
    input channels are swapped here.

    Args:
        path: a checkpoint; a ``.safetensors`` file; the folder that ``python -m zero_dce.review pick`` wrote; a run's
            folder, for its last checkpoint; or an address, ``hf://USER/NAME`` or
            ``wandb://ENTITY/PROJECT/ARTIFACT:ALIAS``, see :func:`~zero_dce.remote_weights.fetch_weights`. A checkpoint
            is read by :func:`load_checkpoint`: no code in it can run. A ``.safetensors`` file holds none, and is read
            without PyTorch.

    Returns:
        The weights as float32. Those too small to change an output are 0, see :func:`drop_denormals`.

    Raises:
        OSError: if there is no such file, no weights in the folder, or nothing can be fetched from the address.
        ModuleNotFoundError: if the address needs a package that is not installed.
        ValueError: if the file is not a checkpoint or holds objects that could run code, its keys are of no known
            layout, it says that it is something else, or a weight is not finite.
    """
    file = find_file(path)
    metadata: dict[str, str] = {}
    if file.suffix == ".safetensors":
        stored, metadata = _read_safetensors(file)
    else:
        stored = _read_checkpoint(file)
    stored = {key.removeprefix("network."): value for key, value in stored.items()}
    network = DCE_NET_PP if any("depth_conv" in key for key in stored) else DCE_NET
    _check_metadata(metadata, network, file)
    of_report = "conv1.weight" in stored
    if of_report:
        stored = {f"e_{key}": value for key, value in stored.items()}
    state = _check_state(stored, network, file)
    if of_report:
        _swap_skip_inputs(state)
    return Weights(network, {name: drop_denormals(value) for name, value in state.items()})


def parameter_shapes(network: str) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a network's parameters, in the order of the layers.

    Args:
        network: ``zero_dce``, or ``zero_dce_pp``, whose convolutions are a depthwise 3x3 and a pointwise 1x1 one.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for number, inputs in enumerate(INPUTS, start=1):
        layer, outputs = f"e_conv{number}", WIDTH if number < len(INPUTS) else MAPS[network]
        if network == DCE_NET:
            parts = {layer: (outputs, inputs, 3, 3)}
        else:
            parts = {f"{layer}.depth_conv": (inputs, 1, 3, 3), f"{layer}.point_conv": (outputs, inputs, 1, 1)}
        for name, shape in parts.items():
            shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes


def encode_weights(state: Mapping[str, NDArray[np.float32]], metadata: Mapping[str, str]) -> bytes:
    """Return the content of a ``.safetensors`` file, the same for the same weights.

    safetensors writes metadata in any order, and its own function for files leaves one that only its owner can read.
    """
    content = save(dict(state), dict(metadata))
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(metadata.items()))
    # The format begins the values at a multiple of eight, and fills the header up with blanks.
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(length)
    assert len(text) == length
    return content[:8] + text + content[8 + length :]


def drop_denormals(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace denormal numbers, too small for a float's full precision (below 1.2e-38), by 0.

    Weight decay leaves such numbers in dead filters; in the authors' DCE-Net they are a quarter of all weights. They
    change no output, but make convolutions 50 times slower on common processors.

    Examples:
        >>> drop_denormals(np.array([1e-40, 1e-30], dtype=np.float32)).tolist()[0]
        0.0
    """
    return np.where(np.abs(values) < np.finfo(np.float32).tiny, np.float32(0), values)


def is_address(path: str | os.PathLike[str]) -> bool:
    """Tell whether this is the address of remote weights and no path; a wrong address is one too.

    >>> is_address("hf://me/night"), is_address("runs/hf/0")
    (True, False)
    """
    return os.fspath(path).startswith(SCHEMES)


def path_or_address(text: str) -> str | Path:
    """Return what a command line gives as weights: a path, or an address, of which a path would drop a slash."""
    return text if is_address(text) else Path(text)


def find_file(path: str | os.PathLike[str]) -> Path:
    """Return the file that weights are read from: the path itself, a file in that folder, or a copy of what is remote.

    Raises:
        FileNotFoundError: if there is none. Of an address, :func:`~zero_dce.remote_weights.fetch_weights` says why.
    """
    if is_address(path):
        # Few weights are remote.
        from zero_dce.remote_weights import fetch_weights

        return fetch_weights(os.fspath(path), WEIGHTS_FILE).file
    path = Path(path)
    if path.is_dir():
        for name in (WEIGHTS_FILE, LAST_CHECKPOINT):
            if (path / name).is_file():
                return path / name
        raise FileNotFoundError(
            f"{path} holds neither {WEIGHTS_FILE} nor {LAST_CHECKPOINT}; expected a picked folder or the folder of "
            "one run. Of a sweep's folder give picked/ or one of its runs"
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; expected a checkpoint of this package, the authors' or the report's, a "
            ".safetensors file, a picked folder or a run's folder"
        )
    return path


def load_checkpoint(file: Path) -> object:
    """Load what ``torch.save`` wrote, on the CPU, if it holds only tensors, numbers, text and collections of them.

    It is loaded with ``weights_only=True``, so that no code in the file can run.

    Raises:
        OSError: if the file cannot be opened.
        ValueError: if it holds other objects, which are refused, asks for more memory or time than its size lets
            expect, or is damaged or no such file.
    """
    check_checkpoint(file)
    # The import takes two seconds, which reading a .safetensors file does not need.
    import torch

    try:
        with warnings.catch_warnings():
            # PyTorch says that it will load such a file, and then refuses it.
            warnings.filterwarnings("ignore", ".*looks like a TorchScript archive", UserWarning)
            return torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        # On a damaged file the unpickler raises errors of many kinds.
        raise ValueError(_explain_refusal(file, error)) from error


def _explain_refusal(file: Path, error: Exception) -> str:
    """Say why a checkpoint is refused, without PyTorch's advice to load it all the same."""
    said = str(error)
    refused = re.search(r"GLOBAL (\S+)", said)
    if refused or "TorchScript" in said:
        what = f"objects besides tensors ({refused[1]})" if refused else "a TorchScript program"
        return (
            f"{file} holds {what}. Loading these could run any code that was put into the file, so it is not opened. "
            "Save only the weights in the program that wrote it, as one of\n"
            '    torch.save(network.state_dict(), "weights.pth")\n'
            '    safetensors.torch.save_file(network.state_dict(), "weights.safetensors")'
        )
    reason = said.partition("\n")[0]
    detail = type(error).__name__ if "weights_only" in reason else f"{type(error).__name__}: {reason}"
    return f"{file} is not a PyTorch checkpoint that can be read, perhaps damaged or cut short ({detail})"


def _read_checkpoint(file: Path) -> _State:
    content = load_checkpoint(file)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise ValueError(f"{file} holds a {type(content).__name__}, expected a mapping from parameter names to tensors")
    # Long and nested keys take time to write out.
    return {key if isinstance(key, str) else type(key).__name__: _to_numpy(value) for key, value in content.items()}


def _to_numpy(value: object) -> NDArray[np.float32] | str:
    import torch

    if not isinstance(value, torch.Tensor):
        return type(value).__name__
    try:
        if not value.is_floating_point() or value.layout != torch.strided or value.device.type != "cpu":
            return str(value.dtype)
        # Steps of 0 make a tensor of any size from one number.
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            return f"{value.dtype} {tuple(value.shape)}"
        return np.ascontiguousarray(value.detach().float().numpy())
    except (RuntimeError, TypeError, NotImplementedError):
        # There are kinds of tensors without numbers of their own.
        return str(value.dtype)


def _read_safetensors(file: Path) -> tuple[_State, dict[str, str]]:
    check_weights_size(file)
    try:
        with safe_open(file, framework="numpy") as opened:
            metadata = opened.metadata() or {}
        # opened.get_tensor would give only types that NumPy has, so no bfloat16.
        stored = deserialize(file.read_bytes())  # type: ignore[no-untyped-call]  # missing in its stubs
    except SafetensorError as error:
        raise ValueError(f"{file} is not a safetensors file that can be read, perhaps cut short: {error}") from error
    return {name: _to_float32(**tensor) for name, tensor in stored}, metadata


def _to_float32(dtype: str, shape: list[int], data: bytearray) -> NDArray[np.float32] | str:
    if dtype not in DTYPES:
        return dtype
    if len(shape) > MOST_DIMENSIONS or 0 in shape:
        return f"{dtype} {tuple(shape[:MOST_DIMENSIONS])}"
    values: NDArray[Any] = np.frombuffer(data, DTYPES[dtype]).reshape(shape)
    if dtype == "BF16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    # Numbers that do not fit become infinite, and are refused later.
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _check_metadata(metadata: Mapping[str, str], network: str, file: Path) -> None:
    # A file of other origin may have no metadata; its keys are checked later.
    said, version = metadata.get("network", network), metadata.get("format_version", FORMAT_VERSION)
    if said not in TITLES or version != FORMAT_VERSION:
        raise ValueError(
            f"{file} says that it holds the network {said!r} in format version {version!r}, expected "
            f"{' or '.join(map(repr, TITLES))} in {FORMAT_VERSION!r}: it needs another version of this package"
        )
    if said != network:
        raise ValueError(
            f"{file} says that it holds {TITLES[said]} ({said}), but its keys are those of {TITLES[network]} "
            f"({network}): one of the two is wrong. Write it again from the checkpoint"
        )


def _check_state(stored: _State, network: str, file: Path) -> dict[str, NDArray[np.float32]]:
    """Return the weights in the order of the layers.

    Raises:
        ValueError: unless all are there, of the right shapes and finite, and no others.
    """
    expected = parameter_shapes(network)
    missing, unknown = sorted(expected.keys() - stored.keys()), sorted(stored.keys() - expected.keys())
    state: dict[str, NDArray[np.float32]] = {}
    wrong = []
    for key in expected.keys() & stored.keys():
        value = stored[key]
        if isinstance(value, str):
            wrong.append(f"{key} {value} instead of {expected[key]}")
        elif value.shape != expected[key]:
            wrong.append(f"{key} {value.shape} instead of {expected[key]}")
        else:
            state[key] = value
    if missing or unknown or wrong:
        raise ValueError(
            f"{file} does not fit {TITLES[network]}. Missing keys: {_name_keys(missing)}; unknown keys: "
            f"{_name_keys(unknown)}; wrong shapes: {_name_keys(sorted(wrong))}"
        )
    infinite = [key for key in expected if not np.isfinite(state[key]).all()]
    if infinite:
        raise ValueError(f"{file} holds weights that are not finite: {', '.join(infinite)}. Use an earlier checkpoint")
    return {key: state[key] for key in expected}


def _name_keys(keys: list[str]) -> str:
    """Return keys for a message; another file may have thousands, of any length."""
    shown = [shorten(key, 120) for key in keys[:MOST_KEYS_SHOWN]]
    more = f" and {len(keys) - len(shown)} more" if len(keys) > len(shown) else ""
    return f"{shown}{more}" if keys else "none"


def _swap_skip_inputs(state: dict[str, NDArray[np.float32]]) -> None:
    """Exchange the two halves of the input channels where the report concatenates (late, early)."""
    for layer in SKIP_LAYERS:
        late, early = np.split(state[f"{layer}.weight"], 2, axis=1)
        state[f"{layer}.weight"] = np.concatenate((early, late), axis=1)

"""The readers of weights: PyTorch's checkpoints of both formats, and safetensors."""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Iterator

import numpy as np
import torch

from tests.endurance.reader import Reader, documented, require, scratch

MODULES = ("zero_dce.weights", "zero_dce.train.resuming", "zero_dce.records")
PICKLE_TOKENS = (
    *(b"cbuiltins\nbytearray\n", b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"R"),
    *(b"\x85", b"\x86", b"cposix\nsystem\n", b"ctorch\nFloatStorage\n", b"q\x00h\x00", b"\x8a\xff"),
    b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n",
)


def check_weights(name: str, content: bytes) -> None:
    """Read a file as weights, and as the checkpoint of a run that goes on."""
    from zero_dce.train.resuming import read_step
    from zero_dce.weights import parameter_shapes, read_weights

    file = scratch() / name
    file.write_bytes(content)
    with documented(str(file), ValueError):
        weights = read_weights(file)
        shapes = {key: value.shape for key, value in weights.state.items()}
        require(shapes == parameter_shapes(weights.network), "weights of other shapes")
        require(all(np.isfinite(value).all() for value in weights.state.values()), "weights that are not finite")
    if not name.endswith(".safetensors"):
        with documented(str(file), ValueError):
            require(0 <= read_step(file) < 2**63, "a step that is no number of steps")


def check_pickle(content: bytes) -> None:
    """Read a checkpoint whose pickle this is; its archive is as PyTorch writes it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        for name, part in {"byteorder": b"little", "data/0": bytes(64), "version": b"3\n"}.items():
            archive.writestr(f"archive/{name}", part)
    check_weights("pickle.ckpt", stream.getvalue())


def pickles() -> Iterator[bytes]:
    for value in (
        {"state_dict": {"network.a.b": torch.zeros(8)}, "global_step": 3},
        {"e_conv1.weight": torch.nn.Parameter(torch.zeros(2, 4)), "b": [1, (2.0, None, True)], "c": torch.float16},
    ):
        yield zipfile.ZipFile(io.BytesIO(saved(value))).read("archive/data.pkl")


def saved(value: object, zipped: bool = True) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


def small_state() -> dict[str, object]:
    return {"state_dict": {"network.e_conv1.bias": torch.zeros(32)}, "global_step": 3}


def safetensors() -> Iterator[bytes]:
    from safetensors.numpy import save

    yield save({"e_conv1.bias": np.zeros(4, np.float32)}, {"network": "zero_dce", "format_version": "1"})
    yield save({"a": np.zeros((2, 2), np.float16), "b": np.zeros((0, 3), np.float64)})


def right_length(content: bytes) -> bytes:
    """Write the length of a .safetensors header before it: up to the last brace."""
    end = content.rfind(b"}") + 1
    return (max(0, end - 8)).to_bytes(8, "little") + content[8:] if end > 8 else content


SAFETENSORS_TOKENS = (b'"BF16"', b'"F8_E4M3"', b"9223372036854775808", b'"shape":[0,', b"__metadata__")
READERS = (
    Reader("weights-pickle", check_pickle, pickles, MODULES, PICKLE_TOKENS),
    Reader("weights-zip", functools.partial(check_weights, "a.ckpt"), lambda: [saved(small_state())], MODULES),
    Reader(
        "weights-old",
        functools.partial(check_weights, "a.pth"),
        lambda: [saved(small_state(), zipped=False)],
        MODULES,
        PICKLE_TOKENS,
    ),
    Reader(
        "weights-safetensors",
        functools.partial(check_weights, "a.safetensors"),
        safetensors,
        MODULES,
        SAFETENSORS_TOKENS,
        right_length,
    ),
)

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from omegaconf import OmegaConf
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

import zero_dce
from zero_dce.enhance.__main__ import main as enhance_main
from zero_dce.evaluate.__main__ import main as evaluate_main
from zero_dce.export.__main__ import main as export_main
from zero_dce.module import ZeroDCE
from zero_dce.networks import NETWORKS, DCENet, load_weights
from zero_dce.review.pick import Choice, write_pick
from zero_dce.train.resuming import find_start
from zero_dce.weights import (
    DCE_NET,
    DCE_NET_PP,
    LAST_CHECKPOINT,
    drop_denormals,
    encode_weights,
    parameter_shapes,
    read_weights,
)

BOTH = pytest.mark.parametrize("network", [DCE_NET, DCE_NET_PP])
State = dict[str, Tensor]


def state_of(network: str = DCE_NET) -> State:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=generator) for name, shape in parameter_shapes(network).items()}


def assert_same(path: Path, network: str, expected: State) -> None:
    weights = read_weights(path)
    assert weights.network == network
    assert list(weights.state) == list(expected)
    for name, value in weights.state.items():
        assert value.dtype == np.float32
        assert value.flags.c_contiguous
        np.testing.assert_array_equal(value, expected[name].float().numpy())


@BOTH
def test_names_and_shapes_are_the_networks(network: str) -> None:
    state = NETWORKS[network]().state_dict()
    assert list(parameter_shapes(network).items()) == [(name, tuple(value.shape)) for name, value in state.items()]


@BOTH
def test_every_place_of_the_same_weights(network: str, tmp_path: Path) -> None:
    state = state_of(network)
    own = {f"network.{name}": value.contiguous(memory_format=_layout(value)) for name, value in state.items()}
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "picked").mkdir()
    torch.save({"state_dict": own, "global_step": 3}, tmp_path / "run" / "checkpoints" / "last.ckpt")
    torch.save(state, tmp_path / "authors.pth")
    save_file(state, tmp_path / "picked" / "weights.safetensors", {"network": network, "format_version": "1"})
    save_file(state, tmp_path / "elsewhere.safetensors", {"format": "pt"})
    for place in ("run", "authors.pth", "picked", "elsewhere.safetensors"):
        assert_same(tmp_path / place, network, state)


def _layout(value: Tensor) -> torch.memory_format:
    """Trained convolutions are stored as they lie in memory."""
    return torch.channels_last if value.ndim == 4 else torch.contiguous_format


@BOTH
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_precisions_become_float32(dtype: torch.dtype, network: str, tmp_path: Path) -> None:
    state = {name: value.to(dtype) for name, value in state_of(network).items()}
    save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "a.pth")
    for name in ("a.safetensors", "a.pth"):
        assert_same(tmp_path / name, network, state)


@pytest.mark.slow
def test_reading_safetensors_imports_nothing_slow(tmp_path: Path) -> None:
    save_file(state_of(), tmp_path / "a.safetensors")
    program = (
        "import sys, json\n"
        "from zero_dce.weights import read_weights\n"
        f"assert len(read_weights({str(tmp_path / 'a.safetensors')!r}).state) == 14\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert not {"torch", "lightning", "hydra", "wandb", "PIL", "torchmetrics"} & set(json.loads(run.stdout))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "network"),
    [("zero_dce_official", DCE_NET), ("zero_dce_report_v10", DCE_NET), ("zero_dce_pp_official", DCE_NET_PP)],
)
def test_published_files(file: str, network: str, shared: Path) -> None:
    weights = read_weights(shared / "weights" / f"{file}.pth")
    assert weights.network == network
    assert {name: value.shape for name, value in weights.state.items()} == parameter_shapes(network)
    for value in weights.state.values():
        assert not ((value != 0) & (np.abs(value) < np.finfo(np.float32).tiny)).any()


def test_report_layout_has_its_skip_inputs_swapped(tmp_path: Path) -> None:
    state = state_of()
    torch.save({name.removeprefix("e_"): value for name, value in state.items()}, tmp_path / "report.pth")
    for name in ("e_conv5.weight", "e_conv6.weight", "e_conv7.weight"):
        state[name] = torch.cat((state[name][:, 32:], state[name][:, :32]), dim=1)
    assert_same(tmp_path / "report.pth", DCE_NET, state)


@BOTH
def test_denormals_become_0(network: str, tmp_path: Path) -> None:
    state = state_of(network)
    name = list(state)[4]
    state[name].view(-1)[:3] = torch.tensor([1e-40, -1e-40, 2e-38])
    torch.save(state, tmp_path / "a.pth")
    save_file(state, tmp_path / "a.safetensors")
    for file in ("a.pth", "a.safetensors"):
        assert read_weights(tmp_path / file).state[name].ravel()[:3].tolist() == [0, 0, np.float32(2e-38)]


def test_drop_denormals_keeps_the_rest() -> None:
    tiny = np.finfo(np.float32).tiny
    values = np.array([tiny, -tiny, 0.5 * tiny, -0.5 * tiny, 0, 3], dtype=np.float32)
    assert drop_denormals(values).tolist() == [tiny, -tiny, 0, 0, 0, 3]


@BOTH
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state, name: state.pop(name), r"does not fit {title}\. Missing keys: \['{name}'\]; unknown keys: none"),
        (lambda state, name: state.update(extra=torch.zeros(1)), r"unknown keys: \['extra'\]"),
        (lambda state, name: state.update({name: torch.zeros(5)}), r"{name} \(5,\) instead of \({size},\)"),
        (lambda state, name: state.update({name: state[name].int()}), r"{name} (torch\.int32|I32) instead of"),
        (lambda state, name: state[name].fill_(torch.nan), r"weights that are not finite: {name}\. Use an earlier"),
    ],
)
def test_what_does_not_fit_is_named(
    change: Callable[[State, str], Any], message: str, network: str, tmp_path: Path
) -> None:
    state = state_of(network)
    name = [name for name in state if name.endswith("bias")][-1]
    title = {DCE_NET: "DCE-Net", DCE_NET_PP: r"Zero-DCE\+\+"}[network]
    expected = message.format(name=name, title=title, size=len(state[name]))
    change(state, name)
    torch.save(state, tmp_path / "bad.pth")
    save_file(state, tmp_path / "bad.safetensors")
    for file in ("bad.pth", "bad.safetensors"):
        with pytest.raises(ValueError, match=expected) as error:
            read_weights(tmp_path / file)
        assert file in str(error.value)


def test_numbers_too_large_for_float32(tmp_path: Path) -> None:
    state = {name: value.double() for name, value in state_of().items()}
    state["e_conv1.bias"][0] = 1e300
    save_file(state, tmp_path / "large.safetensors")
    torch.save(state, tmp_path / "large.pth")
    for name in ("large.safetensors", "large.pth"):
        with pytest.raises(ValueError, match=r"not finite: e_conv1\.bias"):
            read_weights(tmp_path / name)


class Runs:
    """Loading it would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


def enhance_a_file(weights: Path) -> None:
    folder = weights.parent / "photographs"
    folder.mkdir()
    Image.new("RGB", (20, 20)).save(folder / "a.png")
    enhance_main([str(folder / "a.png"), "--output", str(weights.parent / "out"), "--weights", str(weights)])


def enhance_an_array(weights: Path) -> None:
    zero_dce.enhance(np.zeros((20, 20, 3), np.uint8), weights)


def evaluate(weights: Path) -> None:
    folder = weights.parent / "photographs"
    folder.mkdir()
    Image.new("RGB", (20, 20)).save(folder / "a.png")
    evaluate_main(["--weights", str(weights), "--images", str(folder)])


def export(weights: Path) -> None:
    export_main(["--weights", str(weights), "--format", "torch", "--output", str(weights.parent / "a.pt2")])


def start_from(weights: Path) -> None:
    ZeroDCE(weights=str(weights))


def resume(weights: Path) -> None:
    last = weights.parent / "run" / LAST_CHECKPOINT
    last.parent.mkdir(parents=True)
    weights.rename(last)
    config = OmegaConf.create({"resume": "run", "trainer": {"max_steps": 10}, "model": {"network": DCE_NET}})
    find_start(config, weights.parent / "run", in_sweep=False)


def pick(weights: Path) -> None:
    write_pick(Choice(weights.parent, "0", 3, weights), {}, weights.parent / "picked")


# All ways on which weights come into the package.
ENTRIES = [read_weights, load_weights, enhance_a_file, enhance_an_array, evaluate, export, start_from, resume, pick]


@pytest.mark.parametrize("entry", ENTRIES)
def test_objects_in_a_checkpoint_are_refused_everywhere(
    entry: Callable[[Path], object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({**state_of(), "global_step": 3, "more": Runs(tmp_path / "made")}, tmp_path / "code.ckpt")
    with pytest.raises((ValueError, SystemExit)) as stop:
        entry(tmp_path / "code.ckpt")
    said = f"{stop.value}{capsys.readouterr().err}"
    assert re.search(r"(code|last)\.ckpt holds objects besides tensors \((posix|nt)\.mkdir\)", said)
    assert "so it is not opened" in said
    assert 'torch.save(network.state_dict(), "weights.pth")' in said
    assert 'safetensors.torch.save_file(network.state_dict(), "weights.safetensors")' in said
    assert "weights_only" not in said
    assert "arbitrary" not in said
    assert not (tmp_path / "made").exists()
    assert not list(tmp_path.glob("picked*"))


def save_as_torchscript(network: DCENet, file: Path) -> None:
    torch.jit.trace(network, torch.zeros(1, 3, 8, 8)).save(file)  # type: ignore[no-untyped-call]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("save", "what"),
    [
        (lambda network, file: torch.save(network, file), "objects besides tensors (zero_dce.networks.DCENet)"),
        (
            lambda network, file: torch.save(network, file, _use_new_zipfile_serialization=False),
            "objects besides tensors (zero_dce.networks.DCENet)",
        ),
        (
            lambda network, file: torch.save({"state_dict": network.state_dict(), "options": Namespace()}, file),
            "objects besides tensors (argparse.Namespace)",
        ),
        (save_as_torchscript, "a TorchScript program"),
    ],
)
def test_what_is_refused_is_named(
    save: Callable[[DCENet, Path], None], what: str, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """The advised lines write files that are read."""
    network = DCENet()
    save(network, tmp_path / "a.pth")
    recwarn.clear()
    with pytest.raises(ValueError, match=r"a\.pth holds ") as refusal:
        read_weights(tmp_path / "a.pth")
    assert f"a.pth holds {what}. Loading" in str(refusal.value)
    assert "weights_only" not in str(refusal.value)
    assert not recwarn.list
    lines = [line.strip() for line in str(refusal.value).splitlines() if line.startswith("    ")]
    for line, name in zip(lines, ("weights.pth", "weights.safetensors"), strict=True):
        exec(line.replace(name, str(tmp_path / name)), {"torch": torch, "safetensors": safetensors, "network": network})
        assert_same(tmp_path / name, DCE_NET, network.state_dict())


def test_no_checkpoint_at_all(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(ValueError, match=r"text\.pth is not a PyTorch checkpoint"):
        read_weights(tmp_path / "text.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match=r"list\.pth holds a list, expected a mapping"):
        read_weights(tmp_path / "list.pth")
    with pytest.raises(FileNotFoundError, match=r"missing\.pth does not exist; expected a checkpoint"):
        read_weights(tmp_path / "missing.pth")
    with pytest.raises(FileNotFoundError, match=r"holds neither weights\.safetensors nor checkpoints/last\.ckpt"):
        read_weights(tmp_path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"network": "zero_dce_pp"}, r"holds Zero-DCE\+\+ \(zero_dce_pp\), but its keys are those of DCE-Net"),
        ({"network": "unet"}, r"holds the network 'unet' in format version '1'.*another version of this package"),
        ({"network": "zero_dce", "format_version": "2"}, r"format version '2'.*another version of this package"),
    ],
)
def test_safetensors_that_say_something_else(metadata: dict[str, str], message: str, tmp_path: Path) -> None:
    save_file(state_of(), tmp_path / "other.safetensors", metadata)
    with pytest.raises(ValueError, match=message):
        read_weights(tmp_path / "other.safetensors")


@pytest.mark.parametrize("length", [0, 5, 1000, -1])
def test_safetensors_cut_short(length: int, tmp_path: Path) -> None:
    file = tmp_path / "cut.safetensors"
    save_file(state_of(), file)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"cut\.safetensors is not a safetensors file that can be read"):
        read_weights(file)


def test_the_same_weights_are_the_same_bytes() -> None:
    state = {"a": np.arange(3, dtype=np.float32), "b": np.ones((2, 2), np.float32)}
    metadata = {name: name for name in ("network", "step", "format_version", "zürich")}
    orders = [dict(sorted(metadata.items(), reverse=way)) for way in (False, True)]
    written = {encode_weights(state, order) for order in orders for _ in range(5)}
    assert len(written) == 1
    (content,) = written
    assert {name: value.tolist() for name, value in safetensors.numpy.load(content).items()} == {
        "a": [0, 1, 2],
        "b": [[1, 1], [1, 1]],
    }
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    assert json.loads(content[8 : 8 + length])["__metadata__"] == metadata

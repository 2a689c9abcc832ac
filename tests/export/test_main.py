"""Exported files: what they compute in a process without this package, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file

import zero_dce.export.__main__
from tests.helpers.networks import make_weights
from zero_dce import __version__
from zero_dce.export.write import export, largest_difference
from zero_dce.networks import load_weights, weights_hash

NETWORKS = ("zero_dce", "zero_dce_pp")
FILES = {"onnx": "a.onnx", "openvino": "a.xml", "torch": "a.pt2"}
# From the array `image` to `enhanced` and `curve_maps`, as a program without this package does it.
RUN = {
    "onnx": """
import onnxruntime
session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
enhance = lambda image: session.run(["enhanced", "curve_maps"], {"image": image})
""",
    "openvino": """
import openvino
model = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
def enhance(image):
    results = model({"image": image})
    return results["enhanced"], results["curve_maps"]
""",
    "torch": """
import torch
module = torch.export.load(file).module()
enhance = lambda image: [output.numpy() for output in module(torch.from_numpy(image))]
""",
}
SHAPES = [(1, 3, 1, 1), (3, 3, 7, 1), (2, 3, 33, 50), (1, 3, 128, 200)]
ALONE = """
import sys
import numpy as np
file, images, results = sys.argv[1:]
{run}
outputs = {{}}
for name, image in np.load(images).items():
    outputs[name + "_enhanced"], outputs[name + "_maps"] = enhance(image)
np.savez(results, **outputs)
assert "zero_dce" not in sys.modules
"""


def make_file(folder: Path, network: str = "zero_dce") -> Path:
    file = folder / "weights.safetensors"
    save_file(make_weights(network).state, file)
    return file


@pytest.fixture(scope="module", params=NETWORKS)
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_file(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module", params=FILES)
def exported(request: pytest.FixtureRequest, weights: Path) -> tuple[str, Path]:
    file = weights.with_name(FILES[request.param])
    said = export(weights, request.param, file)
    assert str(file) in said
    assert "largest difference from PyTorch" in said
    return request.param, file


def run_alone(code: str, folder: Path, *arguments: Path) -> None:
    """Run code in isolated mode: neither the current folder nor PYTHONPATH are looked in."""
    command = [sys.executable, "-I", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_it_computes_the_same_without_this_package(exported: tuple[str, Path], weights: Path, tmp_path: Path) -> None:
    name, file = exported
    generator = np.random.default_rng(1)
    images = {f"image{index}": generator.random(shape, np.float32) for index, shape in enumerate(SHAPES)}
    np.savez(tmp_path / "images.npz", **images)
    code = ALONE.format(run=RUN[name])
    run_alone(code, tmp_path, file, tmp_path / "images.npz", tmp_path / "results.npz")
    network = load_weights(weights)
    with np.load(tmp_path / "results.npz") as results, torch.no_grad():
        for key, image in images.items():
            for output, expected in zip(("enhanced", "maps"), network(torch.from_numpy(image)), strict=True):
                found = results[f"{key}_{output}"]
                assert found.dtype == np.float32
                assert found.shape == expected.shape
                assert np.abs(found - expected.numpy()).max() <= 1e-5


def read_metadata(name: str, file: Path) -> dict[str, str]:
    if name == "onnx":
        return {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    if name == "openvino":
        model = openvino.Core().read_model(file)
        keys = ("network", "weights_sha256", "zero_dce_version")
        return {key: model.get_rt_info(["zero_dce", key]).astype(str) for key in keys}
    extra = {"metadata.json": ""}
    torch.export.load(file, extra_files=extra)
    content: dict[str, str] = json.loads(extra["metadata.json"])
    return content


def test_the_file_says_what_it_is(exported: tuple[str, Path], weights: Path) -> None:
    network = load_weights(weights)
    assert read_metadata(*exported) == {
        "network": network.NAME,
        "weights_sha256": weights_hash(network),
        "zero_dce_version": __version__,
    }


def test_only_the_files_are_left_and_name_no_folder(exported: tuple[str, Path]) -> None:
    _, file = exported
    assert not list(file.parent.glob("*unfinished*"))
    # No module's path of this machine, also not inside the archive.
    assert os.fsencode(Path(zero_dce.export.__main__.__file__).parent) not in file.read_bytes()


def test_the_documented_program_enhances_a_photograph(tmp_path: Path) -> None:
    """The one in the module's docstring, word for word, in a process without this package."""
    export(make_file(tmp_path), "onnx", tmp_path / "zero_dce.onnx")
    pixels = np.random.default_rng(2).integers(0, 60, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "dark.jpg")
    text = zero_dce.export.__main__.__doc__ or ""
    code = textwrap.dedent(text.split("pip install onnxruntime pillow``)::\n")[1].partition("\n\nOf a large")[0])
    run_alone(f"{code}\nimport sys\nassert 'zero_dce' not in sys.modules", tmp_path)
    with Image.open(tmp_path / "dark.jpg") as photo:
        image = torch.from_numpy(np.asarray(photo, np.float32) / 255).permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = load_weights(tmp_path)(image)[0][0].permute(1, 2, 0).numpy() * 255
    with Image.open(tmp_path / "enhanced.png") as result:
        assert np.abs(np.asarray(result) - expected.clip(0, 255)).max() <= 0.51


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_computes_something_else_is_not_kept(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Against weights of which one differs, as the file's would after a mistake of the exporter."""
    weights = make_file(tmp_path)
    (tmp_path / "earlier").mkdir()
    earlier = tmp_path / "earlier" / FILES[name]
    export(weights, name, earlier)
    before = {file: file.read_bytes() for file in earlier.parent.iterdir()}

    other = load_weights(weights)
    other.e_conv4.bias.data[3] += 0.01  # type: ignore[union-attr,operator]
    monkeypatch.setattr(
        "zero_dce.export.write.largest_difference", lambda exported, network: largest_difference(exported, other)
    )
    for output, *options in ((tmp_path / FILES[name],), (earlier, "--overwrite")):
        with pytest.raises(
            SystemExit, match=r"differs from PyTorch by .*, more than 1e-05; .* was not written"
        ) as raised:
            command(weights, name, output, *options)
        assert isinstance(raised.value.code, str), "which Python prints, and exits with 1"
    assert {file: file.read_bytes() for file in earlier.parent.iterdir()} == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["earlier", "weights.safetensors"]
    assert capsys.readouterr().out == ""


def command(weights: Path, name: str, output: Path, *options: str) -> None:
    zero_dce.export.__main__.main(["--weights", str(weights), "--format", name, "--output", str(output), *options])


@pytest.mark.parametrize("value", [np.nan, 1.0])
def test_the_check_sees_what_is_no_number_and_other_shapes(value: float, tmp_path: Path) -> None:
    network = load_weights(make_file(tmp_path))
    with pytest.raises(ValueError, match=r"differs from PyTorch by (nan|\d)"):
        largest_difference(lambda image: (image * value, np.zeros((len(image), 24, *image.shape[2:]))), network)
    with pytest.raises(ValueError, match=r"gives \[\(1, 3, 1, 1\), \(1, 3, 1, 1\)\], PyTorch .*\(1, 24, 1, 1\)"):
        largest_difference(lambda image: (image, image), network)


@pytest.mark.parametrize("name", FILES)
def test_overwrite_replaces_all_files(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / FILES[name]
    command(make_file(tmp_path), name, output)
    weights = make_file(tmp_path, "zero_dce_pp")
    with pytest.raises(SystemExit, match=rf"FileExistsError: .*{output.name} exists already: .* --overwrite"):
        command(weights, name, output)
    assert read_metadata(name, output)["network"] == "zero_dce"
    command(weights, name, output, "--overwrite")
    assert read_metadata(name, output)["network"] == "zero_dce_pp"
    assert "zero_dce_pp\nlargest difference" in capsys.readouterr().out


def test_a_lone_bin_is_not_overwritten_either(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_text("of another program")
    with pytest.raises(FileExistsError, match=r"a\.bin exists already"):
        export(make_file(tmp_path), "openvino", tmp_path / "a.xml")
    assert (tmp_path / "a.bin").read_text() == "of another program"


@pytest.mark.parametrize("failing", ["a.bin", "a.xml"])
def test_two_files_are_exchanged_together_or_not(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "a.xml"
    export(make_file(tmp_path), "openvino", output)
    before = {file: file.read_bytes() for file in (output, output.with_suffix(".bin"))}
    replace = os.replace

    def fail_once(source: Path, target: Path) -> None:
        if target == tmp_path / failing:
            assert not output.exists(), "an old .xml beside a new .bin"
            monkeypatch.undo()
            raise PermissionError("in use")
        replace(source, target)

    monkeypatch.setattr("os.replace", fail_once)
    with pytest.raises(PermissionError, match="in use"):
        export(make_file(tmp_path, "zero_dce_pp"), "openvino", output, overwrite=True)
    assert {file: file.read_bytes() for file in before} == before
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("name", "output", "message"),
    [
        ("onnx", "a.pt2", r"--output is .*a\.pt2; --format onnx writes a file that ends in \.onnx"),
        ("openvino", "a.bin", r"--format openvino writes a file that ends in \.xml"),
        ("torch", "a", r"--format torch writes a file that ends in \.pt2"),
        ("onnx", "missing/a.onnx", r"the folder .*missing of --output does not exist"),
        ("onnx", "folder.onnx", r"folder\.onnx is a folder"),
    ],
)
def test_wrong_outputs(name: str, output: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(SystemExit, match=message):
        command(make_file(tmp_path), name, tmp_path / output, "--overwrite")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "FileNotFoundError: .* does not exist"), (b"no weights", "ValueError: .* is not a safetensors file")],
)
def test_wrong_weights(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(SystemExit, match=message):
        command(tmp_path / "a.safetensors", "onnx", tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists()


@pytest.mark.parametrize(
    ("name", "missing", "message"),
    [
        ("onnx", ("onnx",), r"--format onnx needs onnx: pip install 'zero_dce\[onnxruntime\]'"),
        (
            "onnx",
            ("onnxruntime", "onnx"),
            r"--format onnx needs onnxruntime and onnx: pip install 'zero_dce\[onnxruntime\]'",
        ),
        ("openvino", ("openvino",), r"--format openvino needs openvino: pip install 'zero_dce\[openvino\]'"),
        ("openvino", ("onnx",), r"--format openvino needs onnx: pip install 'zero_dce\[openvino\]'"),
    ],
)
def test_what_a_format_needs(
    name: str, missing: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zero_dce.export.write.find_spec", lambda package: None if package in missing else package)
    with pytest.raises(SystemExit, match=f"ModuleNotFoundError: {message}"):
        command(make_file(tmp_path), name, tmp_path / FILES[name])


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--weights", "none", "--format", "torch", "--output", "a.pt2"],
        ["--weights", "a", "--format", "onnx", "--output", "a.pt2"],
    ],
)
def test_help_and_mistakes_come_without_pytorch(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys, zero_dce.export.__main__ as command\ntry:\n    command.main(sys.argv[1:])\n"
        "finally:\n    print('torch' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(zero_dce.export.__main__.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == (0 if arguments == ["--help"] else 1), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.endswith("False\n")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "name"),
    [("zero_dce_official", "openvino"), ("zero_dce_report_v10", "onnx"), ("zero_dce_pp_official", "torch")],
)
def test_published_weights(file: str, name: str, shared: Path, tmp_path: Path) -> None:
    assert "largest difference" in export(shared / "weights" / f"{file}.pth", name, tmp_path / FILES[name])

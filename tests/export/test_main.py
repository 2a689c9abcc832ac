"""The command: its documented program, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zero_dce.export.__main__
from tests.helpers.exports import FILES, FORMATS, command, make_file, read_metadata, run_alone
from zero_dce.export.write import export
from zero_dce.networks import load_weights

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize("name", FORMATS)
def test_overwrite_replaces_all_files(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / FILES[name]
    command(make_file(tmp_path), name, output)
    weights = make_file(tmp_path, "zero_dce_pp")
    with pytest.raises(SystemExit, match=rf"^.*{output.name} exists already: .* --overwrite"):
        command(weights, name, output)
    assert read_metadata(name, output)["network"] == "zero_dce"
    command(weights, name, output, "--overwrite")
    assert read_metadata(name, output)["network"] == "zero_dce_pp"
    assert "zero_dce_pp\nlargest difference" in capsys.readouterr().out


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
    [(None, ".* does not exist"), (b"no weights", ".* is not a safetensors file")],
)
def test_wrong_weights(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(SystemExit, match=message):
        command(tmp_path / "a.safetensors", "onnx", tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("darktable", ("--exposure", "auto"), "cannot hold --exposure auto: darktable computes photographs in tiles"),
        ("torch", ("--exposure", "0.4"), "cannot hold --exposure 0.4: .* Give --stops"),
        ("ncnn", ("--denoise", "1"), "cannot hold --denoise 1.0: .* Give --stops"),
        ("onnx", ("--exposure", "auto", "--stops", "1"), "Leave one of them out"),
    ],
)
def test_what_a_format_cannot_hold(name: str, options: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=message):
        command(make_file(tmp_path), name, tmp_path / FILES[name], *options)


def test_the_packages_own_weights_need_an_exposure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--format", "onnx", "--output", str(tmp_path / "a.onnx"), "--overwrite"]
    zero_dce.export.__main__.main(arguments)
    assert "change next to nothing by themselves: give --exposure auto, or --stops 2" in capsys.readouterr().out
    zero_dce.export.__main__.main([*arguments, "--stops", "2"])
    assert "by themselves" not in capsys.readouterr().out
    assert read_metadata("onnx", tmp_path / "a.onnx")["license"] == "MIT"


@pytest.mark.parametrize(
    ("name", "missing", "message"),
    [
        ("onnx", ("onnx",), r"--format onnx needs onnx: pip install 'zero-dce-lightning\[onnxruntime\]'"),
        (
            "onnx",
            ("onnxruntime", "onnx"),
            r"--format onnx needs onnxruntime and onnx: pip install 'zero-dce-lightning\[onnxruntime\]'",
        ),
        ("openvino", ("openvino",), r"--format openvino needs openvino: pip install 'zero-dce-lightning\[openvino\]'"),
        ("openvino", ("onnx",), r"--format openvino needs onnx: pip install 'zero-dce-lightning\[openvino\]'"),
    ],
)
def test_what_a_format_needs(
    name: str, missing: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zero_dce.export.write.find_spec", lambda package: None if package in missing else package)
    with pytest.raises(SystemExit, match=f"^{message}"):
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
    environment = {**os.environ, "PYTHONPATH": str(Path(zero_dce.__file__).parents[1])}
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

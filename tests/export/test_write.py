"""What is checked before a file gets its name, and how earlier files are replaced."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch

from tests.helpers.exports import FILES, FORMATS, OPTIONS, command, make_file
from zero_dce.enhance.pixels import FloatArray
from zero_dce.export.check import largest_difference
from zero_dce.export.write import _exchange, export
from zero_dce.files import sole_writer
from zero_dce.networks import load_weights

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_computes_something_else_is_not_kept(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Against weights of which one differs, as the file's would after a mistake of the exporter."""
    weights = make_file(tmp_path)
    (tmp_path / "earlier").mkdir()
    earlier = tmp_path / "earlier" / FILES[name]
    export(weights, name, earlier, **OPTIONS.get(name, {}))  # type: ignore[arg-type]
    before = {file: file.read_bytes() for file in earlier.parent.iterdir()}

    other = load_weights(weights)
    other.e_conv4.bias.data[3] += 0.01  # type: ignore[union-attr,operator]

    def other_maps(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        with torch.no_grad():
            enhanced, maps = other(torch.from_numpy(image))
        return enhanced.numpy(), maps.numpy()

    monkeypatch.setattr(
        "zero_dce.export.write.largest_difference",
        lambda exported, reference, whole: largest_difference(exported, other_maps, whole),
    )
    for output, *options in ((tmp_path / FILES[name],), (earlier, "--overwrite")):
        with pytest.raises(
            SystemExit, match=r"differs from PyTorch by .*, more than (1e-05|0\.0001); .* was not written"
        ) as raised:
            command(weights, name, output, *options)
        assert isinstance(raised.value.code, str), "which Python prints, and exits with 1"
    assert {file: file.read_bytes() for file in earlier.parent.iterdir()} == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["earlier", "weights.safetensors"]
    assert capsys.readouterr().out == ""


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


def make_sentinels(folder: Path) -> dict[Path, str]:
    """Earlier files of OpenVINO; returns what is in them."""
    before = {folder / "a.xml": "earlier .xml", folder / "a.bin": "earlier .bin"}
    for file, text in before.items():
        file.write_text(text)
    return before


@pytest.mark.parametrize("at", range(5))
def test_a_killed_exchange_is_undone_by_the_next_call(at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is done by then: the folder, two files aside, two in their places; nothing beside them stays."""
    before, folder = make_sentinels(tmp_path), tmp_path / "a.xml.unfinished"
    folder.mkdir()
    for name in ("a.xml", "a.bin"):
        (folder / name).write_text(f"new {name}")
    replace, done = os.replace, 0

    def die(source: Path, target: Path) -> None:
        nonlocal done
        if done == at:
            raise KeyboardInterrupt
        done += 1
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", die)
        if at < 4:
            with pytest.raises(KeyboardInterrupt):
                _exchange(folder, [*before])
        else:
            _exchange(folder, [*before])
    exchanged = at >= 4
    with pytest.raises(FileExistsError, match=r"a\.xml exists already"):
        export(make_file(tmp_path), "openvino", tmp_path / "a.xml")
    wanted = {"a.xml": "new a.xml", "a.bin": "new a.bin"} if exchanged else {f.name: t for f, t in before.items()}
    assert {name: (tmp_path / name).read_text() for name in wanted} == wanted
    assert {file.name for file in tmp_path.iterdir()} == {"a.xml", "a.bin", "weights.safetensors"}


def test_earlier_files_that_cannot_be_put_back_are_kept_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = make_sentinels(tmp_path)
    replace = os.replace

    def fail(source: Path, target: Path) -> None:
        if Path(target).parent == tmp_path and Path(target) in before:
            raise PermissionError(13, "Permission denied", str(source), None, str(target))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", fail)
        with pytest.raises(PermissionError, match="Permission denied"):
            export(make_file(tmp_path), "openvino", tmp_path / "a.xml", overwrite=True)
    with pytest.raises(FileExistsError):
        export(make_file(tmp_path), "openvino", tmp_path / "a.xml")
    assert {file: file.read_text() for file in before} == before
    assert len([*tmp_path.iterdir()]) == 3


def test_one_export_at_a_time_writes_a_file(tmp_path: Path) -> None:
    with sole_writer(tmp_path / "a.onnx"), pytest.raises(ValueError, match=r"another process is writing .*a\.onnx"):
        export(make_file(tmp_path), "onnx", tmp_path / "a.onnx")


def test_openvinos_files_are_told_by_name_where_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk that is not the one of the system's temporary folder."""
    write = Path.write_bytes

    def fail(path: Path, content: bytes) -> int:
        if path.name == "a.bin.unfinished":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    before = make_sentinels(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fail)
        with pytest.raises(OSError, match="No space left") as caught:
            export(make_file(tmp_path), "openvino", tmp_path / "a.xml", overwrite=True)
    assert caught.value.filename == str(tmp_path / "a.bin")
    assert {file: file.read_text() for file in before} == before
    assert {file.name for file in tmp_path.iterdir()} == {"a.xml", "a.bin", "weights.safetensors"}

from __future__ import annotations

import io
import pickle
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from zero_dce.records.checkpoint import MOST_MEGABYTES, MOST_PICKLE_BYTES, check_checkpoint
from zero_dce.weights import load_checkpoint, read_weights

CONTENT = {"state_dict": {"a": torch.arange(6.0).reshape(2, 3)}, "global_step": 3, "loops": {"at": [1, (2, "x")]}}


def archive(pickled: bytes, compression: int = zipfile.ZIP_STORED, **parts: bytes) -> bytes:
    """A checkpoint of PyTorch's present format, with this pickle in it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        file.writestr("archive/data.pkl", pickled)
        for name, content in {"byteorder": b"little", "version": b"3\n", **parts}.items():
            file.writestr(f"archive/{name}", content)
    return stream.getvalue()


def old_format(pickled: bytes) -> bytes:
    """A checkpoint of the format before: three pickles, the content, and the names of storages."""
    head = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    return b"".join(pickle.dumps(part, 2) for part in head) + pickled + pickle.dumps([], 2)


def doubled(times: int) -> bytes:
    """A tuple of a tuple, twice, of a tuple, twice ...: a few bytes, and 2 ** times values for who walks through it."""
    return b"\x80\x02}" + b")" + b"q\x00h\x00\x86" * times + b"K\x01s."


def nested(times: int) -> bytes:
    """A tuple in a tuple in a tuple ... as a key: computing its hash takes as many frames of the C stack."""
    return b"\x80\x02})" + b"\x85" * times + b"K\x01s."


@pytest.mark.parametrize("new", [True, False], ids=["zip", "old"])
def test_what_pytorch_writes_passes(new: bool, tmp_path: Path) -> None:
    file = tmp_path / "a.ckpt"
    torch.save(CONTENT, file, _use_new_zipfile_serialization=new)
    check_checkpoint(file)
    loaded = load_checkpoint(file)
    assert isinstance(loaded, dict)
    assert torch.equal(loaded["state_dict"]["a"], CONTENT["state_dict"]["a"])  # type: ignore[index]
    assert loaded["loops"] == {"at": [1, (2, "x")]}


@pytest.mark.parametrize("wrap", [archive, old_format], ids=["zip", "old"])
@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (doubled(60), "nested as PyTorch never writes them"),
        (nested(100_000), "nested as PyTorch never writes them"),
        (b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\x00\x00\x00\x00\x04\x85R.", "objects besides tensors .*bytearray"),
        (b"\x80\x02]" + b"N0" * MOST_PICKLE_BYTES + b".", "more than 2 MB"),
    ],
    ids=["doubled", "nested", "bytearray", "long"],
)
def test_a_pickle_that_would_take_all_is_refused(
    pickled: bytes, message: str, wrap: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    file = tmp_path / "a.ckpt"
    file.write_bytes(wrap(pickled))
    with pytest.raises(ValueError, match=rf"{re.escape(str(file))} is not a PyTorch checkpoint.*{message}"):
        read_weights(file)


def test_tuples_that_share_their_parts_pass_where_they_are_small(tmp_path: Path) -> None:
    file = tmp_path / "a.ckpt"
    file.write_bytes(archive(doubled(10)))
    check_checkpoint(file)
    file.write_bytes(archive(doubled(14)))
    with pytest.raises(ValueError, match="nested"):
        check_checkpoint(file)


def test_a_compressed_archive_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "bomb.ckpt"
    file.write_bytes(archive(pickle.dumps({}, 2), zipfile.ZIP_DEFLATED, **{"data/0": bytes(70_000_000)}))
    assert file.stat().st_size < 200_000
    with pytest.raises(ValueError, match=r"bomb\.ckpt is not a PyTorch checkpoint.*compressed"):
        read_weights(file)


def test_parts_that_overlap_are_refused(tmp_path: Path) -> None:
    """The directory of the archive names one part a hundred times."""
    content = archive(pickle.dumps({}, 2), **{"data/0": bytes(1_000_000)})
    end = content.rindex(b"PK\x05\x06")
    count, size, begin = struct.unpack_from("<HLL", content, end + 10)
    entries = content[begin:end]
    many = content[:begin] + entries * 100
    head = struct.pack("<HHLL", count * 100, count * 100, size * 100, begin)
    file = tmp_path / "a.ckpt"
    file.write_bytes(many + content[end : end + 8] + head + b"\0\0")
    with pytest.raises(ValueError, match="overlap"):
        read_weights(file)


@pytest.mark.parametrize("name", ["a.ckpt", "a.safetensors"])
def test_a_file_of_another_size_is_refused_unread(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    with file.open("wb") as stream:
        stream.truncate((MOST_MEGABYTES + 1) * 1_000_000)
    with pytest.raises(ValueError, match=rf"{name} has 65 MB, which no network of this package has"):
        read_weights(file)


def test_a_tensor_that_claims_more_than_it_holds_is_no_weight(tmp_path: Path) -> None:
    """Steps of 0 make 4 TB of one number."""
    file = tmp_path / "a.pth"
    torch.save({"e_conv1.weight": torch.zeros(1).expand(1_000_000, 1_000_000)}, file)
    with pytest.raises(ValueError, match=r"a\.pth does not fit DCE-Net.*float32 \(1000000, 1000000\)"):
        read_weights(file)


def test_tensors_without_numbers_are_no_weights(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    kinds = [torch.zeros(2, device="meta"), torch.zeros(2, 2).to_sparse(), torch.zeros(2, dtype=torch.complex64).imag]
    torch.save({f"a{number}": kind for number, kind in enumerate(kinds)}, file)
    with pytest.raises(ValueError, match=r"a\.pth does not fit DCE-Net.*unknown keys: \['a0', 'a1', 'a2'\]"):
        read_weights(file)


def test_a_message_about_many_keys_stays_short(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    torch.save({f"{'x' * 1000}{number}": 1 for number in range(200)}, file)
    with pytest.raises(ValueError, match="172 more") as caught:
        read_weights(file)
    assert len(str(caught.value)) < 10_000


def test_the_validations_of_a_long_run_pass(tmp_path: Path) -> None:
    """A dictionary each, in one list, as the alarm for washed-out pictures keeps them."""
    names = ("step", "saturation_ratio", "tv", "brightness_out")
    validations = [dict.fromkeys(names, step / 7) | {"step": step} for step in range(40_000)]
    for content in ({"history": validations}, {"many": dict.fromkeys(range(60_000), 0)}):
        torch.save(content, tmp_path / "a")
        assert load_checkpoint(tmp_path / "a") == content


@pytest.mark.parametrize("pickled", [b"\x80\x02t.", b"\x80\x02" + b"(" * 3 + b"1111."], ids=["none", "too few"])
def test_a_pickle_without_its_marks_is_damaged(pickled: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(archive(pickled))
    with pytest.raises(ValueError, match="is not a PyTorch checkpoint"):
        load_checkpoint(tmp_path / "a")

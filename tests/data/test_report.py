"""Bad input, as a table: what is given, and what happens."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.pictures import make_picture, make_sice
from tests.helpers.processes import Command, wait_for
from tests.helpers.runs import TINY, read_result, run_here, tiny
from zero_dce.data.datamodule import ExposureDataModule
from zero_dce.data.index import find_sice
from zero_dce.data.report import format_rows
from zero_dce.data.split import Split, make_split
from zero_dce.images import ImageReadError
from zero_dce.images.decode import decode_within

pytestmark = pytest.mark.slow

PICTURE = make_picture(seed=1, brightness=0.4)
PIXELS = np.asarray(PICTURE)
GREY = np.asarray(PICTURE.convert("L"))


def text(file: Path) -> None:
    file.write_text("not an image")


def truncated(file: Path) -> None:
    PICTURE.save(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def zero_bytes(file: Path) -> None:
    file.write_bytes(b"")


def corrupt(file: Path) -> None:
    PICTURE.save(file)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)


def claim(file: Path) -> None:
    """A header that promises 400 megapixels."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"")))


def bomb(file: Path) -> None:
    """A bilevel picture that really has 400 megapixels, in 50 kB."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(20_000 * (1 + 20_000 // 8)))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixels))


def link_to_itself(file: Path) -> None:
    file.symlink_to(file)


def link_to_nothing(file: Path) -> None:
    file.symlink_to("nowhere.JPG")


def no_file(file: Path) -> None:
    """Opening a pipe would wait for ever."""
    os.mkfifo(file)


def png(file: Path) -> None:
    PICTURE.save(file, format="PNG")


def animated(file: Path) -> None:
    PICTURE.save(file, save_all=True, append_images=[PICTURE.rotate(180)], lossless=True)


def sixteen_bit_colour(file: Path) -> None:
    """Pillow reads this one as 8 bits and cannot write it."""
    height, width, _ = PIXELS.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in PIXELS.astype(np.uint16) * 257)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    data = png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + header + data)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def three_pixels(file: Path) -> None:
    Image.fromarray(PIXELS[:3, :3]).save(file, quality=100, subsampling=0)


def greyscale(file: Path) -> None:
    Image.fromarray(GREY).save(file, quality=100)


def sixteen_bit(file: Path) -> None:
    Image.fromarray(GREY.astype(np.uint16) * 257).save(file)


def floating_point(file: Path) -> None:
    Image.fromarray(GREY.astype(np.float32)).save(file)


def rgba(file: Path) -> None:
    alpha = np.full((*GREY.shape, 1), 128, np.uint8)
    Image.fromarray(np.concatenate([PIXELS, alpha], axis=2)).save(file)


def cmyk(file: Path) -> None:
    PICTURE.convert("CMYK").save(file, quality=100, subsampling=0)


def palette(file: Path) -> None:
    PICTURE.quantize(256).save(file)


def turned_by_exif(file: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # A camera held upright: turn clockwise to look at it.
    PICTURE.save(file, exif=exif, quality=100, subsampling=0)


TURNED = np.asarray(PICTURE.transpose(Image.Transpose.ROTATE_270))
THREE = np.repeat(GREY[..., None], 3, axis=2)

# Made by, under the name: the pixels that are read, or the error.
IMAGES: list[tuple[Callable[[Path], None], str, np.ndarray | str]] = [
    (text, "a.JPG", "not an image"),
    (truncated, "a.JPG", "runcated"),
    (zero_bytes, "a.JPG", "an empty file"),
    (floating_point, "a.tif", "most of its floating-point numbers are not in"),
    (corrupt, "a.png", "unrecognized data stream"),
    (claim, "a.png", "its header claims 20000 x 20000 pixels, but its [0-9]+ bytes hold at most"),
    (bomb, "a.png", "more than 179 megapixels: a decompression bomb"),
    (link_to_itself, "a.JPG", "Too many levels of symbolic links"),
    (link_to_nothing, "a.JPG", "No such file"),
    (no_file, "a.JPG", "no regular file"),
    (png, "a.JPG", PIXELS),
    (animated, "a.webp", PIXELS),
    (sixteen_bit_colour, "a.png", PIXELS),
    (three_pixels, "a.JPG", PIXELS[:3, :3]),
    (greyscale, "a.JPG", THREE),
    (sixteen_bit, "a.png", THREE),
    (rgba, "a.png", PIXELS),
    (cmyk, "a.JPG", PIXELS),
    (palette, "a.png", PIXELS),
    (turned_by_exif, "a.JPG", TURNED),
]


@pytest.mark.parametrize(("make", "name", "expected"), IMAGES, ids=lambda value: getattr(value, "__name__", None))
def test_images(
    make: Callable[[Path], None],
    name: str,
    expected: np.ndarray | str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run trains on it, rightly read; or it stops, without a traceback, with the file's name and the reason."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    make(folder / name)
    options = [*TINY, "data=folder", f"data.root={folder}", "data.val_fraction=0", "logger=csv", "hydra.run.dir=run/0"]
    code = run_here(monkeypatch, tmp_path, *options, "trainer.max_steps=2")
    if isinstance(expected, str):
        message = capsys.readouterr().err
        assert code == 1
        assert f"1 files of {folder} cannot be used" in message
        assert re.search(rf"  {name}  .*{expected}", message)
        assert "data.on_bad=skip" in message
        assert "Traceback" not in message
        assert read_result(tmp_path / "run" / "0")["state"] == "failed"
        if make is not no_file:
            with pytest.raises(ImageReadError, match=f"cannot read {folder / name} as an image: .*{expected}"):
                decode_within(folder / name, 48)
    else:
        assert code == 0
        pixels = decode_within(folder / name, 48).astype(int)
        assert pixels.shape == expected.shape
        assert np.abs(pixels - expected).mean() < 4, "JPEG and a palette lose a little"
        assert np.array_equal(np.asarray(Image.open(tmp_path / "run/0/samples/step-000000/00_input.png")), pixels)


def make_dirty(root: Path) -> Path:
    """A data set with everything wrong that can be: 8 good or unusual frames, 4 bad files, links in a circle."""
    root = make_sice(root, scenes=3, frames=2)
    base = root / "Dataset_Part1"
    for make, name in (
        (png, "2/3.JPG"),
        (cmyk, "2/4.JPG"),
        (sixteen_bit_colour, "3/5.png"),
        (truncated, "1/3.JPG"),
        (zero_bytes, "1/4.JPG"),
        (link_to_itself, "2/5.JPG"),
        (text, "3/夜景 €.jpeg"),
    ):
        make(base / name)
    (base / "3" / "ночь.JPG").write_bytes((base / "2" / "4.JPG").read_bytes())
    (base / "3" / "round").symlink_to(base)
    (base / "3" / "notes.txt").write_text("x")
    return root


def test_a_dirty_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One table names all that cannot be used; skipped, they are in the log and the manifest, with the counts."""
    root = make_dirty(tmp_path / "data")
    options = [*tiny(root, "logger=csv", "hydra.run.dir=run/0"), "data.split.test_fraction=0.4"]
    assert run_here(monkeypatch, tmp_path, *options) == 1
    message = capsys.readouterr().err
    assert "4 files of" in message
    bad = {
        "Dataset_Part1/1/3.JPG": "runcated",
        "Dataset_Part1/1/4.JPG": "an empty file",
        "Dataset_Part1/2/5.JPG": "Too many levels of symbolic links",
        "Dataset_Part1/3/夜景 €.jpeg": "not an image",
    }
    for path, reason in bad.items():
        assert re.search(rf"  {re.escape(path)} +.*{reason}", message)

    assert run_here(monkeypatch, tmp_path, *options, "data.on_bad=skip", "hydra.run.dir=run/1") == 0
    run = tmp_path / "run" / "1"
    log = (run / "train.log").read_text(encoding="utf-8")
    for path, note in {
        "Dataset_Part1/2/3.JPG": "a PNG file named .JPG",
        "Dataset_Part1/2/4.JPG": "CMYK: converted",
        "Dataset_Part1/3/5.png": "16 bits: taken as 8",
        "Dataset_Part1/3/ночь.JPG": "CMYK: converted; the same bytes as Dataset_Part1/2/4.JPG",
    }.items():
        assert re.search(rf"  {re.escape(path)} +{re.escape(note)}\n", log)
    assert "14 images found, 10 used" in log
    assert "4 left out" in log
    assert "passed over: 1 .txt files, 1 links to folders that were read already" in log
    manifest = json.loads((run / "split.json").read_text(encoding="utf-8"))
    assert set(manifest["left_out"]) == set(bad)
    assert sum(manifest["counts_before"].values()) == 14
    used = [*manifest["train"], *manifest["val"], *manifest["test"]]
    assert len(used) == 10
    assert not {*used} & {*bad}
    # Each good image is where it was among all 14.
    repaired = make_split(find_sice(root).entries, root, 0.3, "random", 0, 0.4)
    assert repaired.without(bad) == Split(manifest["train"], manifest["val"], manifest["test"])


def test_names_that_are_no_unicode(tmp_path: Path) -> None:
    make_sice(tmp_path, scenes=2, frames=1)
    name = os.fsdecode(b"\xff\xfe.JPG")
    try:
        PICTURE.save(tmp_path / "Dataset_Part1" / "2" / name, format="JPEG")
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    options = {"split": {"test_fraction": 0}, "val_fraction": 0, "size": 16, "cache": "none"}
    with pytest.raises(ValueError, match=r"Dataset_Part1/2/\\udcff\\udcfe\.JPG  a name that is no Unicode: rename it"):
        ExposureDataModule(str(tmp_path), **options).setup()
    data = ExposureDataModule(str(tmp_path), **options, on_bad="skip")
    data.setup()
    assert data.split is not None
    assert len(data.split.train) == 2


# Given on the command line, what the message says.
OPTIONS = [
    ("data=sice", "data.root is not set"),
    ("data=sice data.root=/nowhere", "the folder /nowhere does not exist"),
    ("data=sice data.root=/a,b", "quote the value"),
    ("data=sample data.root=/photos", "add data=sice or data=folder"),
    ("data=nothing", "Could not find 'data/nothing'"),
    ("no_such_option=1", "there is no option no_such_option"),
    ("+sweep=nothing", "loss_weights"),
    ("loss.weights.exposure=3", "there is no option loss.weights.exposure"),
    ("loss.weights.exp=ten", "loss.weights.exp is 'ten'; expected a finite number of at least 0"),
    ("loss.weights.exp=-1", "loss.weights.exp is -1; expected a finite number of at least 0"),
    ("loss.weights.exp=nan", "loss.weights.exp is nan; expected a finite number of at least 0"),
    ("loss.weights.exp=null", "loss.weights.exp is None; expected a finite number of at least 0"),
    ("loss.exp.target=1.5", "loss.exp.target is 1.5; expected a finite number of at least 0 and at most 1"),
    ("every_n_steps=0", "every_n_steps is 0; expected a whole number of at least 1"),
    ("every_n_steps=1.5", "every_n_steps is 1.5; expected a whole number of at least 1"),
    ("seed=5000000000", "seed is 5000000000; expected a whole number of at least 0 and at most 4294967295"),
    ("loss.spa.region=x", "loss.spa.region is 'x'; expected a whole number of at least 1"),
    ("loss.exp.region=1.5", "loss.exp.region is 1.5; expected a whole number of at least 1"),
    ("seed=-1", "seed is -1; expected a whole number of at least 0"),
    ("data.batch_size=-1", "data.batch_size is -1; expected a whole number of at least 1"),
    ("data.num_workers=-1", "data.num_workers is -1; expected a whole number of at least 0"),
    ("data.size=8", "data.size is 8; expected a whole number of at least 16"),
    ("data.size=large", "data.size is 'large'; expected a whole number of at least 16"),
    ("callbacks.samples.count=-1", "callbacks.samples.count is -1; expected a whole number of at least 1"),
    ("callbacks.samples.images=/nowhere", "the folder /nowhere does not exist"),
    ("model.learning_rate=0", "model.learning_rate is 0; expected a finite number of more than 0"),
    ("model.learning_rate=nan", "model.learning_rate is nan; expected a finite number of more than 0"),
    ("model.weight_decay=-1", "model.weight_decay is -1; expected a finite number of at least 0"),
    ("model.weights=/nowhere.ckpt", "/nowhere.ckpt does not exist; expected a checkpoint"),
    ("model.weights={file}", "is not a PyTorch checkpoint"),
    ("trainer.max_steps=-5", "trainer.max_steps is -5; expected a whole number of at least -1"),
    ("trainer.max_steps=null", "trainer.max_steps is None; expected a whole number"),
    ("trainer.max_steps=many", "trainer.max_steps is 'many'; expected a whole number of at least -1"),
    (
        "trainer.accumulate_grad_batches=0",
        "trainer.accumulate_grad_batches is 0; expected a whole number of at least 1",
    ),
    ("trainer.gradient_clip_val=-1", "trainer.gradient_clip_val is -1; expected a finite number of at least 0"),
    ("data.cache=ram", "data.cache is 'ram'; expected one of none, disk, memory, device"),
    ("data.cache_fallback=disk", "data.cache_fallback is 'disk'; expected one of stop, none"),
    ("data.on_bad=ignore", "data.on_bad is 'ignore'; expected one of error, skip"),
    ("data.augment.crop=0.5", "data.augment.crop is 0.5; expected a finite number of at least 1"),
    (
        "data.augment.exposure_ev=9",
        "data.augment.exposure_ev is 9; expected a finite number of at least 0 and at",
    ),
    ("data.augment.flip=often", "data.augment.flip is 'often'; expected true or false"),
    ("data/augment=mirror", "Could not find 'data/augment/mirror'"),
    ("data/split=file data=folder data.root=. data.split.manifest=nowhere.json", "nowhere.json is no split manifest"),
    ("data/split=file data=folder data.root=.", "data.split.manifest is not set"),
    ("data.split.seed=x data=folder data.root=.", "data.split.seed is 'x'; expected a whole number"),
    ("data.val_fraction=1 data=folder data.root=.", "data.val_fraction is 1; expected a finite number of at least 0"),
    ("hydra.run.dir=/dev/null/x", "cannot be written"),
    ("hydra.run.dir=/proc/x", "/proc/x cannot be written"),
    ("hydra.sweep.dir=/proc/x +sweep=loss_weights", "Choose another with hydra.sweep.dir=DIR"),
    ("resume=nowhere", "nothing to resume"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS)
def test_options(
    options: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the value and what was expected; nothing is trained."""
    PICTURE.save(tmp_path / "a.png")
    text(tmp_path / "text.ckpt")
    arguments = options.format(file=tmp_path / "text.ckpt").split()
    assert run_here(monkeypatch, tmp_path, "logger=csv", *arguments) == 1
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed
    assert not list(tmp_path.rglob("step-*"))


def test_a_read_only_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if os.geteuid() == 0:
        pytest.skip("the superuser may write anywhere; hydra.run.dir=/proc/x stands for it")
    (tmp_path / "closed").mkdir(mode=0o500)
    assert run_here(monkeypatch, tmp_path, "hydra.run.dir=closed/run") == 1
    assert "closed/run cannot be written" in capsys.readouterr().err


# In a namespace of its own: a file system of 2.5 MB, gone with the process, so what it holds is copied out.
ON_A_SMALL_DISK = """
mount -t tmpfs -o size=2500k tmpfs "$0" && cd "$0" && "$@"; code=$?; cp -r "$0/run" "$0/../kept"; exit $code
"""
ISOLATED = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]


@pytest.mark.slow
@pytest.mark.parametrize("logger", ["csv", "wandb"])
def test_a_full_disk(logger: str, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second checkpoint has no room: the message says so, and the first can be resumed."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run([*ISOLATED, 'mount -t tmpfs tmpfs "$0"', small], capture_output=True, check=False).returncode:
        pytest.skip("this system does not allow a small file system for a test")
    options = tiny(sice, f"logger={logger}", "hydra.run.dir=run/0", "trainer.max_steps=6")
    command = [*ISOLATED, ON_A_SMALL_DISK, str(small), sys.executable, "-m", "zero_dce.train", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "is full (No space left on device)" in done.stderr
    assert f"go on with python -m zero_dce.train resume={small / 'run' / '0'}" in done.stderr
    assert "Traceback" not in done.stderr
    run = tmp_path / "kept" / "0"
    assert [file.name for file in sorted((run / "checkpoints").iterdir())] == ["last.ckpt", "step-000002.ckpt"]
    assert read_result(run)["state"] == "failed"
    assert run_here(monkeypatch, tmp_path, f"resume={run}") == 0
    assert read_result(run)["last_step"] == 6


@pytest.mark.slow
def test_ctrl_c_in_the_middle_of_a_sweep(sice: Path, tmp_path: Path) -> None:
    """Finished runs keep their results, the table is printed, what was not begun is not begun."""
    options = tiny(sice, "+sweep=loss_weights", "loss.weights.tv=200", "logger=csv", "hydra.sweep.dir=grid")
    process = Command("zero_dce.train", [*options, "trainer.max_steps=60"], tmp_path)
    wait_for((tmp_path / "grid" / "1" / "checkpoints").exists, [process])
    process.send_signal(signal.SIGINT)
    code, printed = process.wait(), process.output()
    assert code != 0, printed + process.errors()
    with (tmp_path / "grid" / "sweep.csv").open(newline="") as stream:
        states = [row["state"] for row in csv.DictReader(stream)]
    assert states == ["finished", "interrupted", "not started"]
    assert [line.split()[3] for line in printed.splitlines() if line.startswith(("0  ", "1  ", "2  "))] == [
        "finished",
        "interrupted",
        "not",
    ]
    result = read_result(tmp_path / "grid" / "0")
    assert (result["state"], result["last_step"]) == ("finished", 60)
    assert read_result(tmp_path / "grid" / "1")["state"] == "interrupted"


def test_long_tables_count_kinds() -> None:
    rows = [(f"{number}.JPG", "an empty file" if number % 2 else "not an image") for number in range(59)]
    assert format_rows(rows).splitlines() == ["  30 as 0.JPG  not an image", "  29 as 1.JPG  an empty file"]
    assert len(format_rows([(f"{number}.JPG", f"reason {number}") for number in range(60)]).splitlines()) == 51
    assert format_rows([("a\nb\udcff.JPG", "x"), ("夜.JPG", "y")]).splitlines() == [
        r"  a\nb\udcff.JPG  x",
        "  夜.JPG           y",
    ]

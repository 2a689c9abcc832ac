"""Files that are whole or not there, and errors that name them."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from tests.helpers.full_disk import small_files
from tests.helpers.networks import make_weights
from tests.helpers.results import result
from tests.helpers.sweeps import SweepMaker, make_pictures
from tests.test_structure import PACKAGE
from zero_dce.data.inspect import write_sheets
from zero_dce.data.split import Split
from zero_dce.evaluate.compare import Comparison, compare
from zero_dce.evaluate.pictures import Pair, PictureSet
from zero_dce.export.write import export
from zero_dce.files import (
    atomic,
    atomic_folder,
    ensure_folder,
    make_durable,
    one_at_a_time,
    read_json,
    read_object,
    sole_owner,
    sole_writer,
    stays_inside,
    write_file,
    write_json,
)
from zero_dce.images.sheets import save_picture
from zero_dce.networks import make_network, save_weights
from zero_dce.records.sweep import read_sweep
from zero_dce.records.table import write_csv
from zero_dce.review.pick import Choice, write_pick
from zero_dce.review.report import write_report
from zero_dce.sweep.end import write_contact_sheet
from zero_dce.train.loggers.metrics_file import MetricsFile


def test_json_is_valid_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": float("nan"), "y": [1.0, float("inf")], "z": "ä"})
    assert json.loads((tmp_path / "a.json").read_text(), parse_constant=None) == {"x": None, "y": [1.0, None], "z": "ä"}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert read_json(tmp_path / "b.json") is None


def test_one_process_at_a_time_writes_a_file(tmp_path: Path) -> None:
    """A second lock of this process counts as that of another one."""
    with sole_writer(tmp_path / "a.jpg"), sole_writer(tmp_path / "b.jpg"):
        with pytest.raises(ValueError, match=r"another process is writing .*a\.jpg"), sole_writer(tmp_path / "a.jpg"):
            pass
        with pytest.raises(ValueError, match="another process"), sole_writer(tmp_path / "a.jpg"):
            pass
    with sole_writer(tmp_path / "a.jpg"):
        pass
    assert not list(tmp_path.iterdir())


def test_processes_that_make_one_folder_do_it_in_turn(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, order, inside = tmp_path / "made", list[str](), threading.Event()

    def make() -> None:
        inside.set()
        with one_at_a_time(folder):
            order.append("second")

    with caplog.at_level("INFO", "zero_dce.files"), one_at_a_time(folder):
        other = threading.Thread(target=make)
        other.start()
        inside.wait()
        while "Waiting for another process that makes" not in caplog.text:
            time.sleep(0.01)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def without_locks(number: int) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP])
@pytest.mark.parametrize("keep_out", [sole_owner, one_at_a_time, sole_writer])
def test_a_disk_without_locks_is_told(
    keep_out: Callable[[Path], AbstractContextManager[None]],
    number: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody is kept out, and nothing is left that would keep somebody out after this process has died."""
    monkeypatch.setattr("fcntl.flock", without_locks(number))
    (tmp_path / "a").mkdir()
    with keep_out(tmp_path / "a"), keep_out(tmp_path / "a"):
        pass
    told = re.escape(os.strerror(number))
    assert re.search(rf"No lock on {tmp_path}(/a)? \(.*{told}\): see to it", caplog.text), caplog.text
    assert keep_out != sole_writer or [place.name for place in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("keep_out", [sole_owner, one_at_a_time, sole_writer])
def test_a_lock_that_fails_is_no_disk_without_locks(
    keep_out: Callable[[Path], AbstractContextManager[None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one in a file that another user owns: that user may hold it."""
    monkeypatch.setattr("fcntl.flock", without_locks(errno.EIO))
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="Input/output error"), keep_out(tmp_path / "a"):
        pytest.fail("it has no lock")


@pytest.mark.parametrize("keep_out", [sole_owner, one_at_a_time, sole_writer])
def test_a_lock_that_cannot_be_made_is_no_disk_without_locks(
    keep_out: Callable[[Path], AbstractContextManager[None]], tmp_path: Path
) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(OSError, match=r"Not a directory|File exists"), keep_out(tmp_path / "a" / "b"):
        pytest.fail("it has no lock")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What brings files and names to the disk or gives files their names, in order, by their last names."""
    made: list[tuple[str, ...]] = []
    replace, sync = os.replace, os.fsync

    def record_replace(old: Path, new: Path) -> None:
        made.append(("rename", Path(old).name, Path(new).name))
        replace(old, new)

    def record_sync(descriptor: int) -> None:
        made.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        sync(descriptor)

    monkeypatch.setattr(os, "replace", record_replace)
    monkeypatch.setattr(os, "fsync", record_sync)
    return made


proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs the names of open files in /proc")


@proc
def test_a_file_is_on_the_disk_before_it_gets_its_name_and_then_the_name(
    calls: list[tuple[str, ...]], tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    write_file(folder / "a", "text")
    assert calls == [("fsync", "a.unfinished"), ("rename", "a.unfinished", "a"), ("fsync", "folder")]


@proc
def test_a_folder_is_on_the_disk_with_all_in_it_before_the_earlier_one_goes(
    calls: list[tuple[str, ...]], tmp_path: Path
) -> None:
    folder = tmp_path / "above" / "a"
    with atomic_folder(folder) as unfinished:
        write_file(unfinished / "b", "text")
        (unfinished / "inner").mkdir()
    made = [("fsync", tmp_path.name), ("fsync", "above"), ("rename", "b.unfinished", "b")]
    assert sorted(calls[:2]) + calls[2:3] == sorted(made[:2]) + made[2:], "new folders, and nothing in the block"
    assert sorted(calls[3:6]) == [("fsync", "a.unfinished"), ("fsync", "b"), ("fsync", "inner")], "at once"
    assert calls[6:] == [("rename", "a.unfinished", "a"), ("fsync", "above")]
    del calls[:]
    with atomic_folder(folder):
        pass
    exchange = [("rename", "a", "a.before-overwriting"), ("rename", "a.unfinished", "a"), ("fsync", "above")]
    assert calls == [("fsync", "above"), ("fsync", "a.unfinished"), *exchange]


@proc
def test_new_folders_are_on_the_disk(calls: list[tuple[str, ...]], tmp_path: Path) -> None:
    ensure_folder(tmp_path / "a" / "b")
    assert sorted(calls) == sorted([("fsync", tmp_path.name), ("fsync", "a")])
    ensure_folder(tmp_path / "a" / "b")
    assert len(calls) == 2, "it was there"


def fail_to_sync(number: int, of_folders: bool) -> Callable[[int], None]:
    def fail(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) == of_folders:
            raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_what_did_not_reach_the_disk_is_a_failed_write(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file(tmp_path / "a", "old")
    monkeypatch.setattr(os, "fsync", fail_to_sync(number, of_folders=False))
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        write_file(tmp_path / "a", "new")
    assert caught.value.filename == str(tmp_path / "a")
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a": "old"}
    monkeypatch.setattr(os, "fsync", fail_to_sync(number, of_folders=True))
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        write_file(tmp_path / "a", "new")
    assert caught.value.filename == str(tmp_path)
    with pytest.raises(OSError, match=os.strerror(number)):
        make_durable(tmp_path, tmp_path / "a")


def test_a_file_system_that_cannot_is_let_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EINVAL, False), (errno.EACCES, False)]
    for number, of_folders in refusals:
        monkeypatch.setattr(os, "fsync", fail_to_sync(number, of_folders))
        write_file(tmp_path / "a", "text")
        with atomic_folder(tmp_path / "folder") as unfinished:
            write_file(unfinished / "b", "text")


def raise_(error: OSError) -> None:
    raise error


def test_an_error_names_the_file_as_it_is_to_be_called(tmp_path: Path) -> None:
    file, other = tmp_path / "a.txt", str(tmp_path / "other")
    unfinished = f"{file}.unfinished"
    for given in (
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.ENOSPC, "No space left on device", unfinished),
        OSError(errno.ENOSPC, "No space left on device", other, None, unfinished),
    ):
        with pytest.raises(OSError, match="No space") as caught, atomic(file):
            raise_(given)
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(file))
        assert caught.value.__cause__ is given
    for given in (OSError(errno.EACCES, "Permission denied", other), OSError("12 MB are needed")):
        with pytest.raises(OSError, match=r"Permission|12 MB") as caught, atomic(file):
            raise_(given)
        assert caught.value is given, "it is about something else"
    assert not list(tmp_path.iterdir())


def test_an_error_names_the_file_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "picked"
    with pytest.raises(OSError, match="File too large") as caught, atomic_folder(folder) as unfinished, small_files(10):
        write_json(unfinished / "a.json", "more than ten")
    assert caught.value.filename == str(folder / "a.json")
    with pytest.raises(FileNotFoundError) as missing, atomic_folder(folder) as unfinished:
        (unfinished / "gone" / "b").touch()
    assert missing.value.filename == str(folder / "gone" / "b")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_told_and_not_what_clearing_up_meets(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder, kind in (("gone", FileNotFoundError), ("file", NotADirectoryError)):
        with pytest.raises(kind) as caught:
            write_file(tmp_path / folder / "a.txt", "text")
        assert caught.value.filename == str(tmp_path / folder / "a.txt")


NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)


def write_metrics(folder: Path) -> None:
    logger = MetricsFile(str(folder))
    logger.log_metrics({"train/total": 1.0}, 1)
    logger.write()


def write_table(folder: Path) -> None:
    write_csv(folder / "sweep.csv", [{"run": 0, "point": "exp=3", "step": 10, **result(psnr=20.0)}])


def make_sweep(folder: Path) -> Path:
    maker = SweepMaker(folder / "sweep", [{"exp": 3}], make_pictures(1))
    maker.run(0, [10])
    return maker.folder


def make_checkpoint(folder: Path) -> Path:
    file = folder / "input.safetensors"
    save_file(make_weights().state, file)
    return file


def make_choice(folder: Path) -> Choice:
    return Choice(make_sweep(folder) / "0", "0", 10, make_checkpoint(folder))


def make_pair(folder: Path) -> Pair:
    Image.fromarray(NOISE).save(folder / "input.png")
    return Pair("input.png", folder / "input.png")


def ready(folder: Path) -> None:
    """There is nothing to prepare."""


# What is prepared, what writes, and the file that is then not there, of every writer of the package.
Write = Callable[..., object]
WRITERS: dict[str, tuple[Callable[[Path], object], Write, str]] = {
    "text": (ready, lambda folder, _: write_file(folder / "a.txt", "text" * 100), "a.txt"),
    "json": (ready, lambda folder, _: write_json(folder / "result.json", ["text"] * 100), "result.json"),
    "split": (ready, lambda folder, _: Split(["a.jpg"] * 99, [], []).write(folder / "split.json"), "split.json"),
    "metrics": (ready, lambda folder, _: write_metrics(folder), "metrics.csv"),
    "table": (ready, lambda folder, _: write_table(folder), "sweep.csv"),
    "sample picture": (ready, lambda folder, _: save_picture(Image.fromarray(NOISE), folder / "a.png"), "a.png"),
    "inspect": (
        lambda _: {"a": NOISE},
        lambda folder, pixels: write_sheets([("a", ["a"])], pixels, folder / "sheet.jpg"),
        "sheet.jpg",
    ),
    "contact sheet": (
        make_sweep,
        lambda _, sweep: write_contact_sheet(sweep, read_sweep(sweep)),
        "sweep/contact_sheet.png",
    ),
    "report": (make_sweep, lambda _, sweep: write_report(sweep), "sweep/report.html"),
    "weights": (
        lambda _: make_network(make_weights()),
        lambda folder, network: save_weights(network, folder / "a.safetensors", 1),
        "a.safetensors",
    ),
    "pick": (make_choice, lambda folder, choice: write_pick(choice, {}, folder / "picked"), "picked/weights"),
    "evaluate": (
        make_pair,
        lambda folder, pair: compare(Comparison([], PictureSet([pair]), json=folder / "values.json")),
        "values.json",
    ),
    "onnx": (make_checkpoint, lambda folder, weights: export(weights, "onnx", folder / "a.onnx"), "a.onnx"),
    "openvino": (make_checkpoint, lambda folder, weights: export(weights, "openvino", folder / "a.xml"), "a.xml"),
    "torch": (make_checkpoint, lambda folder, weights: export(weights, "torch", folder / "a.pt2"), "a.pt2"),
}


@contextmanager
def outputs_in_memory() -> Iterator[None]:
    """What is printed goes to a file of pytest's own, for which there is no room either."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Git would be started with the same limit, and leave a torn lock on this checkout's index.
    monkeypatch.setattr("zero_dce.evaluate.compare.describe_environment", lambda fingerprint: {"data": fingerprint})
    prepare, write, written = WRITERS[name]
    prepared = prepare(tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises((OSError, SystemExit)) as caught, outputs_in_memory(), small_files(20):
        write(tmp_path, prepared)
    message = str(caught.value)
    if name == "openvino":
        # It writes to the system's temporary folder first.
        assert "OpenVINO cannot write to " in message
        assert "perhaps because the disk is full" in message
    else:
        assert f"{tmp_path / written}" in message
        assert "File too large" in message
    assert ".unfinished" not in message
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    write(tmp_path, prepared)
    assert [file for file in tmp_path.rglob("*") if str(file).startswith(str(tmp_path / written))]


def test_a_full_disk_in_the_middle_of_a_picture(tmp_path: Path) -> None:
    """The first bytes are written, and a library that does not look how many leaves a torn file."""
    picture = Image.fromarray(NOISE)
    with small_files(3000):
        picture.save(tmp_path / "torn.bmp")
    assert (tmp_path / "torn.bmp").stat().st_size == 3000, "this is what Pillow does by itself"
    (tmp_path / "a.bmp").write_bytes(b"an earlier one")
    with pytest.raises(OSError, match=r"File too large: '.*a\.bmp'"), small_files(3000):
        save_picture(picture, tmp_path / "a.bmp")
    assert (tmp_path / "a.bmp").read_bytes() == b"an earlier one"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.bmp", "torn.bmp"]


# How something is written without zero_dce.files.write_file, or may be.
WRITING = re.compile(
    r"\.save\(|\.write_(text|bytes)\(|\bsave_(file|model)\(|\.tofile\(|copyfile\(|copytree\(|open\([^)]*[\"'](w|x|a|r\+)"
)
# Lines of which each gives its bytes to a stream in memory or to a file that is checked, and why.
ALLOWED = {
    "data/sample.py": "in a temporary folder that is renamed when it is whole; csv",
    "enhance/video/writer.py": "to the unfinished file of a clip",
    "export/__main__.py": "the documented program",
    "export/formats.py": "in memory; OpenVINO writes to a temporary folder and is read again",
    "images/formats/photograph.py": "in memory",
    "images/formats/webp.py": "Pillow's WebP encoder writes to a stream of Python",
    "images/sheets.py": "in memory",
    "review/cells.py": "in memory",
    "review/dashboard.py": "to W&B",
    "train/callbacks/checkpoints.py": "to the unfinished file of a checkpoint",
    "weights.py": "the lines that a message proposes",
}


def test_nothing_else_writes_files() -> None:
    found = set()
    for file in sorted(PACKAGE.rglob("*.py")):
        for line in file.read_text(encoding="utf-8").splitlines():
            # Streams of Python are written whole or not; atomic and atomic_folder give the path.
            if WRITING.search(line) and "unfinished" not in line:
                found.add(file.relative_to(PACKAGE).as_posix())
    assert found == set(ALLOWED)


# What a file of this package's may hold instead of what was written to it, and what is said of it.
OF_ANOTHER_KIND = {
    "a list": (b"[]", "holds []"),
    "a number": (b"7", "holds 7"),
    "nothing": (b"null", "holds null"),
    "empty": (b"", "is no JSON"),
    "cut short": (b'{"state": "fini', "is no JSON"),
    "missing keys": (b"{}", "has no state"),
    "another type": (b'{"state": [1]}', "has state=[1]"),
    "not JSON": (b"hello", "is no JSON"),
    "binary": (b"\x89PNG\r\n\xff\xfe\0", "is no JSON"),
    "too deep": (b"[" * 100_000, "is no JSON"),
}


@pytest.mark.parametrize("kind", OF_ANOTHER_KIND)
def test_a_file_of_another_kind_is_named(kind: str, tmp_path: Path) -> None:
    content, fault = OF_ANOTHER_KIND[kind]
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match="expected a") as caught:
        read_object(tmp_path / "a.json", {"state": str, "step": (int, None)})
    assert str(caught.value).startswith(f"{tmp_path / 'a.json'} {fault}")
    if fault.startswith("h"):
        assert "; expected a JSON object with state and step: restore it, or take it away" in str(caught.value)


def test_an_object_may_hold_more_than_is_needed(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"state": "finished", "step": None, "more": 1})
    assert read_object(tmp_path / "a.json", {"state": str, "step": (int, None)})["more"] == 1
    assert read_object(tmp_path / "b.json", {"state": str}) is None


def test_losses_of_any_size_are_read(tmp_path: Path) -> None:
    """Those of a run that fails grow beyond all whole numbers."""
    write_json(tmp_path / "a.json", {"exp": 1e39, "spa": -1.7e308})
    assert read_json(tmp_path / "a.json") == {"exp": 1e39, "spa": -1.7e308}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" * 33 + "]" * 33, "nested more than 32 deep"),
        ("[" * 100_000, "recursion"),
        ('{"a": NaN}', "NaN is no number of JSON"),
        ('{"a": -1e999}', "a number that is too large"),
        (f'{{"a": {2**63}}}', "a whole number that is too large"),
        ('{"a": ' + "9" * 1_000_000 + "}", "4300 digits"),
        ('{"a": ["\\ud800"]}', "surrogates not allowed"),
        ('{"\\udfff": 1}', "surrogates not allowed"),
    ],
)
def test_json_that_nothing_could_be_done_with_is_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ValueError, match=rf"a\.json is no JSON \(.*{message}.*\); expected a file as this package"):
        read_json(tmp_path / "a.json")


def test_names_that_are_no_unicode_may_be_allowed(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('["\\udcff.jpg"]')
    assert read_json(tmp_path / "a.json", names_of_files=True) == ["\udcff.jpg"]


def test_what_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as stream:
        stream.truncate(101_000_000)
    with pytest.raises(ValueError, match="it has more than 100 MB"):
        read_json(tmp_path / "a.json")


def test_which_paths_stay_inside() -> None:
    assert all(map(stays_inside, ("a", "a/b", "./a", "a..b", "...", "a\\b", "ä b")))
    assert not any(map(stays_inside, ("", ".", "./", "..", "a/../..", "a/..", "/a", "//a", "..\\a", "a\0b")))


def test_an_earlier_folder_that_cannot_go_is_told_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one is there all the same."""

    def write(content: str) -> None:
        with atomic_folder(tmp_path / "a") as unfinished:
            (unfinished / "inner").mkdir()
            (unfinished / "inner" / "file").write_text(content)

    write("old")
    refused = PermissionError(13, "Permission denied", "file")
    monkeypatch.setattr(os, "unlink", lambda *_, **__: (_ for _ in ()).throw(refused))
    with pytest.raises(PermissionError) as caught:
        write("new")
    monkeypatch.undo()
    assert (tmp_path / "a" / "inner" / "file").read_text() == "new"
    assert caught.value.filename == str(tmp_path / "a.before-overwriting" / "inner" / "file")


@pytest.mark.parametrize("target", ["mine.txt", "nothing"])
def test_what_is_not_finished_is_not_written_through_a_link(target: str, tmp_path: Path) -> None:
    """Somebody else's folder may have one of this name."""
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "a.json.unfinished").symlink_to(tmp_path / target)
    write_json(tmp_path / "a.json", 1)
    assert read_json(tmp_path / "a.json") == 1
    assert not (tmp_path / "a.json").is_symlink()
    assert [(file.name, file.read_text()) for file in tmp_path.glob("*i*")] == [("mine.txt", "mine")]


@pytest.mark.parametrize("ending", [".unfinished", ".before-overwriting"])
def test_a_folder_is_not_filled_through_a_link(ending: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "b.txt").write_text("mine")
    (tmp_path / f"a{ending}").symlink_to(mine)
    with atomic_folder(tmp_path / "a") as folder:
        (folder / "b.txt").write_text("new")
    assert ((tmp_path / "a" / "b.txt").read_text(), (mine / "b.txt").read_text()) == ("new", "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "mine"]

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.data.test_report import ISOLATED
from tests.helpers.paths import ROOT
from tests.helpers.pictures import make_picture, make_sice
from tests.helpers.processes import Command, wait_for
from tests.helpers.runs import read_result, read_wandb, run_here, tiny
from zero_dce.data import cache as module
from zero_dce.data.cache import CacheError, open_cache
from zero_dce.data.dataset import Fit
from zero_dce.data.index import find_sice
from zero_dce.images.decode import decode_square

FIT = Fit(16)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of its own, and a cache of its own."""
    monkeypatch.setenv("ZERO_DCE_CACHE", str(tmp_path / "cache"))
    return make_sice(tmp_path / "data", scenes=3, frames=3)


def paths_of(root: Path) -> list[str]:
    return [entry.path for entry in find_sice(root).entries]


def open_here(root: Path, fit: Fit = FIT, keep_pixels: bool = True) -> module.Cache:
    return open_cache(root, paths_of(root), fit, 2, keep_pixels)


def caches(root: Path) -> list[str]:
    """The folders of the cache: no lock files."""
    return sorted(folder.name for folder in (root.parent / "cache").iterdir() if folder.is_dir())


@pytest.mark.parametrize("place", ["disk", "memory", "device"])
def test_the_pixels_are_those_of_the_files(place: str, root: Path) -> None:
    picture = open_here(root).pixels(place, torch.device("cpu"))
    for path in paths_of(root):
        assert np.array_equal(picture(path).numpy(), decode_square(root / path, 16))


def test_it_is_built_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_here(root)
    monkeypatch.setattr(module, "survey", lambda *arguments, **options: pytest.fail("read again"))
    second = open_here(root)
    assert second == first
    assert open_here(root, keep_pixels=False) == first, "the records alone are in it too"


def change_bytes(root: Path) -> None:
    make_picture(9, 0.9).save(root / paths_of(root)[0], format="JPEG")


def change_time(root: Path) -> None:
    os.utime(root / paths_of(root)[0], (1, 1))


def add_a_file(root: Path) -> None:
    make_picture(9, 0.9).save(root / "Dataset_Part1" / "1" / "9.JPG")


def rename_a_file(root: Path) -> None:
    (root / "pairs.csv").unlink()
    file = root / paths_of(root)[0]
    file.rename(file.with_stem("99"))


@pytest.mark.parametrize("change", [change_bytes, change_time, add_a_file, rename_a_file])
def test_changed_files_are_read_again(change: object, root: Path) -> None:
    before = open_here(root)
    change(root)  # type: ignore[operator]
    after = open_here(root)
    assert after.folder != before.folder
    picture = after.pixels("disk", torch.device("cpu"))
    assert all(np.array_equal(picture(path).numpy(), decode_square(root / path, 16)) for path in paths_of(root))


def test_other_settings_and_another_place_have_a_cache_of_their_own(root: Path, tmp_path: Path) -> None:
    folders = {open_here(root, fit).folder for fit in (FIT, Fit(24), Fit(16, crop=1.0), Fit(16, crop=1.5))}
    moved = root.rename(tmp_path / "moved")
    assert len(folders | {open_here(moved).folder}) == 5


def test_crops_keep_proportions(root: Path) -> None:
    picture = open_here(root, Fit(16, crop=1.25)).pixels("disk", torch.device("cpu"))
    assert {tuple(picture(path).shape) for path in paths_of(root)} == {(20, 30, 3)}, "files are 48 x 32"


def test_bad_files_are_remembered_with_their_reason(root: Path) -> None:
    (root / "Dataset_Part1" / "2" / "2.JPG").write_text("x")
    for cache in (open_here(root), open_here(root)):
        assert [(record.path, record.bad) for record in cache.records if record.bad] == [
            ("Dataset_Part1/2/2.JPG", "not an image")
        ]
        assert "Dataset_Part1/2/2.JPG" not in cache.slots
        assert len(cache.slots) == 8


def test_the_table_may_grow_with_the_images(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """More than half a million of them make it larger than any other file of JSON."""
    first = open_here(root)
    monkeypatch.setattr("zero_dce.data.cache.MOST_JSON_BYTES", 100)
    assert open_here(root) == first
    assert not caplog.records
    monkeypatch.setattr("zero_dce.data.cache.MOST_RECORD_BYTES", 1)
    open_here(root)
    assert "it has more than 0 MB" in caplog.text


def delete_the_table(folder: Path) -> None:
    (folder / "table.json").unlink()


def cut_the_table(folder: Path) -> None:
    (folder / "table.json").write_text("{")


def delete_the_pixels(folder: Path) -> None:
    (folder / "pixels.bin").unlink()


def cut_the_pixels(folder: Path) -> None:
    (folder / "pixels.bin").write_bytes((folder / "pixels.bin").read_bytes()[:1000])


@pytest.mark.parametrize("damage", [delete_the_table, cut_the_table, delete_the_pixels, cut_the_pixels])
def test_a_damaged_cache_is_built_anew(damage: object, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = open_here(root).folder
    damage(folder)  # type: ignore[operator]
    picture = open_here(root).pixels("disk", torch.device("cpu"))
    assert "is damaged and is built anew" in caplog.text
    assert all(np.array_equal(picture(path).numpy(), decode_square(root / path, 16)) for path in paths_of(root))


def test_what_a_dead_process_left_does_not_count_as_full(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for one cache: the leftover is deleted before it is looked for."""
    folder = open_here(root).folder
    assert folder is not None
    leftover = folder.rename(folder.with_name(folder.name + ".unfinished"))
    free = SimpleNamespace(free=3 * 16 * 16 * 9)
    # It is the leftover's pixels that take the room; an empty folder of that name takes none.
    pixels = leftover / "pixels.bin"
    assert pixels.stat().st_size == free.free
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: SimpleNamespace(free=0) if pixels.exists() else free)
    assert open_here(root).folder == folder


def start_build(root: Path, pause: float) -> Command:
    """Start a build that pauses after each image: only then is it certain that a kill meets it in the middle."""
    return Command("tests.helpers.slow_build", [str(root), str(pause)], ROOT)


def read_by(process: Command) -> int:
    return process.output().count("reading")


@pytest.mark.slow
@pytest.mark.parametrize("images", [1, 4, 8])
def test_a_kill_while_building_leaves_nothing_that_is_used(images: int, root: Path) -> None:
    process = start_build(root, 0.05)
    wait_for(lambda: read_by(process) > images, [process])
    process.kill()
    assert "whole" not in process.output()
    (left,) = caches(root)
    assert left.endswith(".unfinished")
    picture = open_here(root).pixels("disk", torch.device("cpu"))
    assert all(np.array_equal(picture(path).numpy(), decode_square(root / path, 16)) for path in paths_of(root))
    assert not [name for name in caches(root) if name.endswith(".unfinished")]


@pytest.mark.slow
def test_of_two_that_start_together_one_builds(root: Path) -> None:
    processes = [start_build(root, 0.1) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0], [process.errors() for process in processes]
    assert sorted(map(read_by, processes)) == [0, 9]


@pytest.mark.slow
def test_the_lock_of_a_dead_process_is_released(root: Path) -> None:
    first = start_build(root, 30)
    wait_for(lambda: read_by(first), [first])
    second = start_build(root, 0)
    time.sleep(1)
    assert second.poll() is None, "it waits"
    first.kill()
    assert second.wait() == 0, second.errors()
    assert read_by(second) == 9


def test_a_disk_that_is_too_small_is_seen_before_anything_is_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "survey", lambda *arguments, **options: pytest.fail("was read"))
    with pytest.raises(CacheError, match=r"MB are needed and .* are free. Set ZERO_DCE_CACHE .* data\.cache=none"):
        open_here(root, Fit(10_000_000))


def test_a_cache_that_cannot_be_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root.parent / "file").write_text("x")
    monkeypatch.setenv("ZERO_DCE_CACHE", str(root.parent / "file" / "cache"))
    with pytest.raises(CacheError, match=r"cannot be written to .*file/cache: .*Not a directory.*Set ZERO_DCE_CACHE"):
        open_here(root)
    records_only = open_here(root, keep_pixels=False)
    assert (len(records_only.records), records_only.folder) == (9, None)


# A file system with room for the table but not for the pixels, gone with the process.
ON_A_SMALL_DISK = 'mount -t tmpfs -o size=40k tmpfs "$0" && "$@"'


@pytest.mark.slow
@pytest.mark.parametrize("fallback", ["stop", "none"])
def test_a_full_disk(fallback: str, root: Path, tmp_path: Path) -> None:
    """It fills while the cache is written: the message says what to do, and the run goes on without one if asked."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run([*ISOLATED, 'mount -t tmpfs tmpfs "$0"', small], capture_output=True, check=False).returncode:
        pytest.skip("this system does not allow a small file system for a test")
    # The crops of long pictures take twice what is known to be needed beforehand.
    for number in range(6):
        make_picture(number, 0.3, 256, 32).save(root / "Dataset_Part1" / "1" / f"2{number}.png")
    options = tiny(
        root, "logger=wandb", "hydra.run.dir=run/0", f"data.cache_fallback={fallback}", "data.augment.crop=1"
    )
    command = [*ISOLATED, ON_A_SMALL_DISK, str(small), sys.executable, "-m", "zero_dce.train", *options]
    environment = {**os.environ, "ZERO_DCE_CACHE": str(small)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    message = f"the cache of decoded pixels cannot be written to {small}: No space left on device"
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    run = tmp_path / "run" / "0"
    if fallback == "stop":
        assert done.returncode == 1
        assert "data.cache=none (always) or data.cache_fallback=none" in done.stderr
        assert read_result(run)["state"] == "failed"
    else:
        assert done.returncode == 0, done.stderr
        assert "Training goes on WITHOUT a cache" in done.stdout
        assert read_result(run)["last_step"] == 4
        recorded = json.dumps(read_wandb(tmp_path / "run" / "wandb"))
        assert "without cache" in recorded, "among the tags"
        assert re.search(r"cache[^a-z_]+none", recorded), "in the configuration"


@pytest.mark.slow
def test_every_cache_gives_the_same_losses(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for cache in ("none", "disk", "memory", "device"):
        options = tiny(root, "logger=csv", f"data.cache={cache}", f"hydra.run.dir=run/{cache}")
        assert run_here(monkeypatch, tmp_path, *options) == 0
    metrics = {(tmp_path / "run" / cache / "metrics.csv").read_text() for cache in ("none", "disk", "memory", "device")}
    assert len(metrics) == 1


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("slots", "2/1.JPG"), [0, 4000, 4000], "pixels outside"),
        (("slots", "2/1.JPG"), [-768, 16, 16], "pixels outside"),
        (("slots", "2/1.JPG"), [0, -16, -16], "pixels outside"),
        (("slots", "2/1.JPG"), [0, 16], "missing 1 required"),
        (("slots", "2/1.JPG"), ["0", 16, 16], "has slots"),
        (("slots", "../x"), [0, 16, 16], "the pixels of other files"),
        (("slots",), {}, "the pixels of other files"),
        (("records", 0, "path"), "/etc/passwd", "is of other files"),
        (("records", 0, "brightness"), 7, "brightness outside"),
        (("records",), [], "is of other files"),
        (("bytes",), 2**70, "too large"),
    ],
)
def test_a_table_that_lies_is_not_believed(
    place: tuple[str | int, ...], value: object, message: str, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody may write to a shared disk: pixels outside of the file would end a training in the middle."""
    open_here(root)
    (name,) = caches(root)
    file = root.parent / "cache" / name / "table.json"
    inner = table = json.loads(file.read_text())
    first = next(iter(table["slots"]))
    keys = [first if key == "2/1.JPG" else key for key in place]
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    file.write_text(json.dumps(table))
    again = open_here(root)
    assert message in caplog.text
    assert [record.bad for record in again.records] == [None] * 9, "it was built anew"
    picture = again.pixels("disk", torch.device("cpu"))
    assert np.array_equal(picture(paths_of(root)[0]).numpy(), decode_square(root / paths_of(root)[0], 16))

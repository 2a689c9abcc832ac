"""The command: which files come out, and what is said of those that do not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import zero_dce
from tests.helpers.clips import make_clip, read_frames, still_frames
from tests.helpers.enhancing import enhance
from tests.helpers.pictures import make_picture
from tests.helpers.raw import write_dng
from zero_dce.enhance.__main__ import main
from zero_dce.enhance.engine import Enhancer
from zero_dce.files import sole_writer
from zero_dce.images.canvas import AnyCanvas


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def size(file: str) -> tuple[int, int]:
    with Image.open(file) as image:
        return image.size


def files(folder: str) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in Path(folder).rglob("*") if file.is_file())


def test_a_bad_file_does_not_stop_the_others(photos: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert enhance(weights, "photos") == 1
    assert files("out") == ["a.png", "trip/b.jpg"]
    printed = capsys.readouterr()
    assert "2 pictures, 0.0 megapixels in" in printed.out
    assert printed.err.count("failed: ") == 1
    assert "failed: cannot read photos/cut.jpg as an image: " in printed.err
    source = np.asarray(Image.open("photos/a.png"))
    assert np.array_equal(np.asarray(Image.open("out/a.png")), zero_dce.enhance(source, weights))
    with Image.open("out/trip/b.jpg") as image:
        assert dict(image.getexif()) == {0x010F: "a camera", 0x0112: 6}


def test_all_well_ends_with_0(photos: Path, weights: Path) -> None:
    assert enhance(weights, "photos/a.png", "photos/trip") == 0
    assert files("out") == ["a.png", "b.jpg"]


def test_strength_0_changes_nothing(photos: Path, weights: Path) -> None:
    assert enhance(weights, "photos/a.png", "--strength", "0") == 0
    assert np.array_equal(np.asarray(Image.open("out/a.png")), np.asarray(Image.open("photos/a.png")))


def test_earlier_results_stay(photos: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert enhance(weights, "photos/a.png") == 0
    Path("out/a.png").write_bytes(b"earlier")
    assert enhance(weights, "photos/a.png", "photos/trip/b.jpg") == 1
    assert "out/a.png exists already: --overwrite replaces it, --skip-existing leaves it" in capsys.readouterr().err
    assert Path("out/a.png").read_bytes() == b"earlier"
    assert Path("out/b.jpg").is_file()
    assert enhance(weights, "photos/a.png", "--skip-existing") == 0
    assert Path("out/a.png").read_bytes() == b"earlier"
    assert enhance(weights, "photos/a.png", "--overwrite") == 0
    assert size("out/a.png") == (48, 32)


@pytest.mark.parametrize("option", [[], ["--overwrite"], ["--skip-existing"]])
def test_an_input_stays_as_it_is(option: list[str], photos: Path, weights: Path) -> None:
    before = Path("photos/a.png").read_bytes()
    assert enhance(weights, "photos/a.png", *option, output="photos") == 1
    assert Path("photos/a.png").read_bytes() == before


def test_where_nothing_can_be_written(photos: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").touch()
    assert enhance(weights, "photos/a.png") == 1
    assert "--output out is a file; expected a folder" in capsys.readouterr().err
    assert Path("out").read_bytes() == b""


@pytest.mark.parametrize("option", [[], ["--skip-existing"]])
def test_what_a_killed_command_left_of_a_result_that_is_there_goes(
    option: list[str], photos: Path, weights: Path
) -> None:
    assert enhance(weights, "photos/a.png") == 0
    left = ["a.png.unfinished", "a.png.unfinished.lock", "a_compare.png.unfinished"]
    for name in left:
        Path("out", name).write_text("a part")
    # Another command that is at work has these.
    with sole_writer(Path("out/a.png")):
        enhance(weights, "photos/a.png", *option)
        assert Path("out/a.png.unfinished").exists()
    Path("out/a.png.unfinished.lock").touch()
    enhance(weights, "photos/a.png", "--compare", *option)
    if option:
        assert files("out") == ["a.png", "a_compare.png"]
    else:
        assert files("out") == ["a.png"]


def test_an_empty_output(photos: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert enhance(weights, "photos/a.png", output="") == 2
    assert "is empty, perhaps an unset variable; expected a folder" in capsys.readouterr().err


def test_what_an_earlier_time_left_out_is_made(photos: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert enhance(weights, "photos/a.png", "photos/trip/b.jpg") == 0
    assert enhance(weights, "photos/a.png", "photos/trip/b.jpg", "--skip-existing", "--maps") == 0
    assert files("out") == ["a.png", "a_curves.png", "b.jpg", "b_curves.png"]
    capsys.readouterr()
    assert enhance(weights, "photos/a.png", "photos/trip/b.jpg", "--skip-existing", "--maps") == 0
    assert "2 of 2 results are there already" in capsys.readouterr().out


@pytest.mark.parametrize("shape", [(1, 1), (20000, 1), (1, 5000)])
def test_extreme_shapes(shape: tuple[int, int], tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", shape, (30, 20, 10)).save("thin.png")
    for mode in ("exact", "fast"):
        assert enhance(weights, "thin.png", "--compare", "--maps", "--mode", mode, output=mode) == 0
        assert size(f"{mode}/thin.png") == shape


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photos/none.jpg"], "photos/none.jpg does not exist"),
        (["photos/a.png", "--strength", "2"], "--strength is 2.0"),
        (["photos/a.png", "--quality", "0"], "--quality is 0"),
        (["photos/a.png", "--tile", "13"], "--tile is 13; expected a whole number of at least 14"),
        (["photos/a.png", "--max-megapixels", "0"], "--max-megapixels is 0.0"),
        (["photos/a.png", "--backend", "mine"], "--backend is 'mine'; expected auto or one of"),
        (["photos/a.png", "--precision", "int8"], "--precision is 'int8'"),
        (["photos/a.png", "--max-megapixels", "0.001"], "more than the limit of 0.001"),
    ],
)
def test_wrong_input(
    arguments: list[str], message: str, photos: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert enhance(weights, *arguments) == 1
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


def test_wrong_weights(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("text.pth").write_text("no weights")
    assert enhance(Path("text.pth"), "photos/a.png") == 1
    assert "text.pth is not a PyTorch checkpoint" in capsys.readouterr().err
    assert enhance(Path("missing.safetensors"), "photos/a.png") == 1
    assert "missing.safetensors does not exist" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_loses_nothing(number: signal.Signals, code: int, tmp_path: Path, weights: Path) -> None:
    """A real interrupt after the first result: what is there is whole, and the same command goes on."""
    (tmp_path / "in").mkdir()
    for index in range(12):
        make_picture(index, 0.2, 900, 600).save(tmp_path / "in" / f"{index}.png")
    command = [sys.executable, "-m", "zero_dce.enhance", "in", "--output", "out", "--weights", str(weights)]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    while process.poll() is None and not list((tmp_path / "out").glob("*.png")):
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    there = sorted((tmp_path / "out").iterdir())
    assert 0 < len(there) < 12
    for file in there:
        Image.open(file).load()
    assert f"stopped: {12 - len(there)} of 12 are left; the same command with --skip-existing goes on" in errors
    assert "Traceback" not in errors
    stamps = {file: file.stat().st_mtime_ns for file in there}
    subprocess.run([*command, "--skip-existing"], cwd=tmp_path, check=True, capture_output=True)
    assert len(list((tmp_path / "out").iterdir())) == 12
    assert {file: file.stat().st_mtime_ns for file in there} == stamps


def test_an_earlier_clip_stays(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_clip(Path("a.mp4"), still_frames(2))
    Path("out").mkdir()
    Path("out/a.mp4").write_bytes(b"earlier")
    assert enhance(weights, "a.mp4") == 1
    assert "out/a.mp4 exists already" in capsys.readouterr().err
    assert enhance(weights, "a.mp4", "--skip-existing") == 0
    assert Path("out/a.mp4").read_bytes() == b"earlier"
    assert enhance(weights, "a.mp4", "--overwrite") == 0
    assert len(read_frames(Path("out/a.mp4"))) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--maps"], "--maps is for pictures, and a.mp4 is a video clip"),
        (["--compare"], "--compare is for pictures"),
        (["--smoothing", "1.5"], "--smoothing is 1.5"),
        (["--smoothing", "0.5", "--mode", "exact"], "--smoothing is for --mode fast"),
    ],
)
def test_options_that_clips_do_not_have(
    options: list[str], message: str, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.mp4").touch()
    assert enhance(weights, "a.mp4", *options) == 1
    assert message in capsys.readouterr().err


def test_smoothing_of_pictures_is_refused(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.png").touch()
    assert enhance(weights, "a.png", "--smoothing", "0.5") == 1
    assert "--smoothing is for video clips" in capsys.readouterr().err


def test_two_commands_that_write_the_same(photos: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_clip(Path("c.mp4"), still_frames(2))
    Path("out").mkdir()
    with sole_writer(Path("out/a.png")), sole_writer(Path("out/c.mp4")):
        assert enhance(weights, "photos/a.png", "photos/trip/b.jpg", "c.mp4") == 1
    errors = capsys.readouterr().err
    assert "failed: photos/a.png: another process is writing out/a.png: wait until it has ended" in errors
    assert "failed: c.mp4: another process is writing out/c.mp4: wait until it has ended" in errors
    assert files("out") == ["b.jpg"]


def test_a_result_that_appears_meanwhile_stays(
    photos: Path, weights: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another command, which began earlier, writes it while this one enhances."""

    def write(self: Enhancer, picture: AnyCanvas, *_: object) -> AnyCanvas:
        Path("out").mkdir(exist_ok=True)
        Path("out/a.png").write_bytes(b"another's")
        return picture

    monkeypatch.setattr(Enhancer, "enhance", write)
    assert enhance(weights, "photos/a.png") == 1
    assert "out/a.png was written by another process in the meantime" in capsys.readouterr().err
    assert Path("out/a.png").read_bytes() == b"another's"
    assert enhance(weights, "photos/a.png", "--overwrite") == 0
    assert size("out/a.png") == (48, 32)


def test_the_least_tile_changes_nothing(photos: Path, weights: Path) -> None:
    assert enhance(weights, "photos/a.png", "--tile", "14", "--precision", "float32") == 0
    whole = zero_dce.enhance(np.asarray(Image.open("photos/a.png")), weights, precision="float32")
    assert np.abs(np.asarray(Image.open("out/a.png")).astype(int) - whole).max() <= 1


def test_what_was_passed_over_is_said_at_the_end(
    photos: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photos/trip/c.GIF").touch()
    Path("photos/d.avi").touch()
    Path("photos/cut.jpg").unlink()
    assert enhance(weights, "photos") == 0
    printed = capsys.readouterr()
    assert "2 pictures" in printed.out
    assert printed.err.splitlines() == [
        "photos: passed over 1 .gif: convert them to JPEG, PNG or TIFF first, for example with ImageMagick",
        "photos: passed over 1 .avi: convert these clips to .mkv first, for example with FFmpeg",
    ]


def test_raw_files_become_tiff_or_jpeg(photos: Path, weights: Path) -> None:
    Path("raw").mkdir()
    write_dng(Path("raw/a.DNG"), np.full((40, 60, 3), 0.02), (0.5, 1, 0.7))
    assert enhance(weights, "raw") == 0
    assert enhance(weights, "raw", "--raw-format", "jpeg", "--compare") == 0
    assert files("out") == ["a.jpg", "a.tif", "a_compare.jpg"]
    developed = tifffile.imread("out/a.tif")
    assert (developed.dtype, developed.shape) == (np.uint16, (40, 60, 3))
    with Image.open("out/a.jpg") as file:
        assert np.abs(np.asarray(file) - developed / 257).mean() < 3


def test_a_picture_that_nothing_changes_is_its_own_result(
    photos: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = [make_picture(seed, 0.2) for seed in range(2)]
    frames[0].save("photos/ultra.jpg", "MPO", save_all=True, append_images=frames[1:])
    assert enhance(weights, "photos/ultra.jpg", "--strength", "0") == 0
    assert Path("out/ultra.jpg").read_bytes() == Path("photos/ultra.jpg").read_bytes()
    assert "left out" not in capsys.readouterr().out


def test_a_folder_with_clips(photos: Path, weights: Path) -> None:
    Path("photos/cut.jpg").unlink()
    make_clip(Path("photos/c.mp4"), still_frames(2))
    assert enhance(weights, "photos") == 0
    assert files("out") == ["a.png", "c.mp4", "trip/b.jpg"]


def test_an_error_begins_with_what_is_wrong(photos: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert enhance(weights, "nowhere.jpg") == 1
    assert capsys.readouterr().err.startswith("nowhere.jpg does not exist; expected ")


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"zero_dce {zero_dce.__version__}\n"

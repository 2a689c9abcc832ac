"""The command: which files come out, and what is said of those that do not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zero_dce
from tests.helpers.networks import make_weights
from tests.helpers.pictures import make_picture
from zero_dce.enhance.__main__ import main
from zero_dce.networks import make_network, save_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_weights(make_network(make_weights()), file, 0)
    return file


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pictures that can be read, and one that is cut short."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    make_picture(1, 0.2).save(folder / "a.png")
    make_picture(2, 0.2).save(folder / "trip" / "b.jpg", exif=_exif("a camera"))
    make_picture(3, 0.2).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:400])
    return Path("photos")


def _exif(maker: str) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = maker, 6
    return exif


def enhance(weights: Path, *arguments: str, output: str = "out") -> int:
    """Run the command here; returns its exit code."""
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--weights", str(weights), "--output", output])
    if isinstance(stop.value.code, str):
        print(stop.value.code, file=sys.stderr)
        return 1
    assert isinstance(stop.value.code, int)
    return stop.value.code


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


def test_comparison_and_maps(photos: Path, weights: Path) -> None:
    assert enhance(weights, "photos/trip/b.jpg", "photos/a.png", "--compare", "--maps") == 0
    assert files("out") == ["a.png", "a_compare.png", "a_curves.png", "b.jpg", "b_compare.jpg", "b_curves.png"]
    before, after, both = (np.asarray(Image.open(name)) for name in ("photos/a.png", "out/a.png", "out/a_compare.png"))
    assert np.array_equal(both[:, :48], before)
    assert np.array_equal(both[:, -48:], after)
    assert (both[:, 48:-48] == 64).all()
    # Stored sideways, shown upright.
    assert size("out/b.jpg") == (48, 32)
    assert size("out/b_curves.png") == (32, 48)
    with Image.open("out/b_compare.jpg") as image:
        assert image.size == (2 * 32 + 8, 48)
        assert image.getexif()[0x0112] == 1


def test_a_large_comparison_fits_a_screen(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.repeat(np.arange(3000, dtype=np.uint16)[None] * 20, 9, axis=0)).save("wide.png")
    assert enhance(weights, "wide.png", "--compare", "--strength", "0") == 0
    both = np.asarray(Image.open("out/wide_compare.png"))
    assert both.dtype == np.uint16
    assert both.shape == (5, 2 * 1500 + 8)
    assert np.array_equal(both[0, :1500], np.arange(1500) * 40 + 10)


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
        (["photos/a.png", "--tile", "0"], "--tile is 0"),
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
def test_ctrl_c_loses_nothing(tmp_path: Path, weights: Path) -> None:
    """A real interrupt after the first result: what is there is whole, and the same command goes on."""
    (tmp_path / "in").mkdir()
    for number in range(12):
        make_picture(number, 0.2, 900, 600).save(tmp_path / "in" / f"{number}.png")
    command = [sys.executable, "-m", "zero_dce.enhance", "in", "--output", "out", "--weights", str(weights)]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    while process.poll() is None and not list((tmp_path / "out").glob("*.png")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
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

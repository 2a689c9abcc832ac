from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.clips import make_clip, read_frames, still_frames
from tests.helpers.enhancing import enhance
from tests.helpers.paths import ROOT


def test_without_pyav(weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("zero_dce.enhance.video.find_spec", lambda name: None)
    Path("a.mp4").touch()
    assert enhance(weights, "a.mp4") == 1
    assert "a.mp4 is a video clip: it needs PyAV, pip install 'zero-dce-lightning[video]'" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("trip").mkdir()
    make_clip(Path("trip/a.mp4"), still_frames(2))
    Path("out").mkdir()
    Path("out/trip").write_text("a file")
    assert enhance(weights, "*/a.mp4") == 1
    assert "failed: trip/a.mp4: out/trip: File exists" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_no_half_clip(number: signal.Signals, code: int, tmp_path: Path, weights: Path) -> None:
    """A real interrupt while the second clip is written: the first is whole, of the second nothing is there."""
    make_clip(Path("a.mp4"), still_frames(2))
    make_clip(Path("b.mp4"), still_frames(400, 320, 240))
    command = [sys.executable, "-m", "zero_dce.enhance", "a.mp4", "b.mp4", "--output", "out", "--weights", str(weights)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    while process.poll() is None and not list(Path("out").glob("b.mp4.unfinished")):
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "stopped: 1 of 2 are left; the same command with --skip-existing goes on" in errors
    assert "Traceback" not in errors
    assert [file.name for file in Path("out").iterdir()] == ["a.mp4"]
    assert len(read_frames(Path("out/a.mp4"))) == 2

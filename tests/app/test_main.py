from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT
from zero_dce.app import __main__ as app
from zero_dce.app.checkpoints import OWN_WEIGHTS
from zero_dce.enhance.trained import TRAINED


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What would be served."""
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(app, "serve", lambda *given: calls.append(given))
    for name in ("SPACE_ID", "GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT"):
        monkeypatch.delenv(name, raising=False)
    return calls


def test_defaults(served: list[tuple[object, ...]]) -> None:
    app.main([])
    assert served == [({OWN_WEIGHTS: TRAINED}, "127.0.0.1", None, 150)]


def test_options_come_before_the_environment(
    served: list[tuple[object, ...]], two_weights: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_SERVER_NAME", "10.0.0.1")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "80")
    weights = {file.name: file for file in two_weights}
    app.main(["--weights", *map(str, two_weights), "--host", "::1", "--port", "90", "--max-megapixels", "20"])
    app.main(["--weights", str(two_weights[0])])
    assert served == [(weights, "::1", 90, 20), ({two_weights[0].name: two_weights[0]}, "10.0.0.1", 80, 150)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--weights", "/nowhere.pth"], "/nowhere.pth does not exist"),
        (["--max-megapixels", "0"], "--max-megapixels is 0"),
        (["--port", "65536"], "--port is 65536"),
        (["--write-space", str(ROOT)], "is not empty"),
    ],
)
def test_a_mistake_is_one_line(served: list[tuple[object, ...]], arguments: list[str], message: str) -> None:
    with pytest.raises(SystemExit) as stop:
        app.main(arguments)
    assert isinstance(stop.value.code, str)
    assert message in stop.value.code
    assert "\n" not in stop.value.code
    assert served == []


def test_a_space_has_the_weights_that_were_named(
    served: list[tuple[object, ...]], two_weights: list[Path], tmp_path: Path
) -> None:
    app.main(["--write-space", str(tmp_path / "own")])
    assert not (tmp_path / "own" / "weights").exists()
    app.main(["--write-space", str(tmp_path / "mine"), "--weights", str(two_weights[1])])
    assert [file.name for file in (tmp_path / "mine" / "weights").iterdir()] == ["second.safetensors"]
    assert served == []


@pytest.mark.slow
def test_the_help_loads_neither_gradio_nor_torch() -> None:
    code = (
        "import runpy, sys\n"
        "sys.argv[1:] = ['--help']\n"
        "try:\n    runpy.run_module('zero_dce.app', run_name='__main__', alter_sys=True)\n"
        "except SystemExit:\n    pass\n"
        "print([name for name in ('gradio', 'torch', 'lightning', 'hydra') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr

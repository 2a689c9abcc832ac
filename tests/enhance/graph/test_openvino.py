from __future__ import annotations

import ast
import subprocess
import sys

import numpy as np
import pytest

from tests.helpers.networks import make_weights
from tests.helpers.paths import ROOT
from zero_dce.enhance.graph import openvino
from zero_dce.enhance.graph.programs import estimation


def test_the_graphs_used_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []
    build = openvino.program_model

    def count(weights, program, inputs):  # type: ignore[no-untyped-def]
        built.append(inputs[0].shape[1])
        return build(weights, program, inputs)

    monkeypatch.setattr(openvino, "program_model", count)
    backend, program = openvino.OpenVINOBackend(make_weights("zero_dce_pp"), "float32"), estimation()
    most = openvino.MOST_GRAPHS
    # Width 1 is used again and stays; width 2 was not used for longest when one more comes.
    for width in (*range(1, most + 1), 1, most + 1, 1, 2):
        (maps,) = backend.run(program, np.zeros((2, width, 3), np.uint8))
        assert maps.shape == (2, width, 3)
    assert built == [*range(1, most + 2), 2]


# Threads that never rest, and a switch after nearly every step, make a race of a few microseconds likely: without what
# the backend does first, nine of ten such processes hung for ever.
RACE = """
import sys, threading
import numpy as np
from tests.helpers.networks import make_weights
from tests.helpers.paths import ROOT
from zero_dce.enhance.graph.openvino import OpenVINOBackend
from zero_dce.enhance.graph.programs import estimation

def busy():
    while True:
        sum(range(50))

sys.setswitchinterval(1e-7)
backend, program, start = OpenVINOBackend(make_weights("zero_dce_pp"), "float32"), estimation(), threading.Barrier(4)
graph = backend._graph(program, [np.zeros((8, 8, 3), np.uint8)])
for _ in range(3):
    threading.Thread(target=busy, daemon=True).start()

def work():
    start.wait()
    graph.run([np.zeros((1, 8, 8, 3), np.uint8)])

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("done")
"""


def test_the_first_pictures_of_several_threads_do_not_wait_for_each_other() -> None:
    for _ in range(2):
        result = subprocess.run([sys.executable, "-c", RACE], capture_output=True, text=True, timeout=120, cwd=ROOT)
        assert result.stdout == "done\n", result.stderr


def test_an_output_outlives_the_next_run() -> None:
    backend, program = openvino.OpenVINOBackend(make_weights("zero_dce_pp"), "float32"), estimation()
    (first,) = backend.run(program, np.zeros((3, 4, 3), np.float32))
    before = first.copy()
    (second,) = backend.run(program, np.ones((3, 4, 3), np.float32))
    assert np.array_equal(first, before)
    assert not np.array_equal(first, second)


SIGNAL = """
import signal
import numpy as np
from tests.helpers.networks import make_weights
from zero_dce.enhance.graph.openvino import OpenVINOBackend
from zero_dce.enhance.graph.programs import estimation

signal.signal(signal.SIGINT, lambda *_: print("heard"))
backends = []
for _ in range(2):
    OpenVINOBackend.precisions()
    backends.append(OpenVINOBackend(make_weights("zero_dce_pp"), "float32"))
    backends[-1].run(estimation(), np.zeros((2, 2, 3), np.uint8))
# The first one ends first.
while backends:
    backends.pop(0)
signal.raise_signal(signal.SIGINT)
"""


def test_a_signal_after_backends_have_ended() -> None:
    """OpenVINO takes the stack that signals are handled on away with the object that set it."""
    # The stack before it, which it must not leave in use either.
    python = [sys.executable, "-X", "faulthandler"]
    result = subprocess.run([*python, "-c", SIGNAL], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert (result.returncode, result.stdout) == (0, "heard\n"), result.stderr


def test_no_other_module_makes_a_core() -> None:
    making = [
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "zero_dce").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "Core"
    ]
    assert making == ["zero_dce/enhance/graph/openvino.py"]

"""Benchmarks take too long for tests, but what they call must be there."""

from __future__ import annotations

import importlib
import sys

import pytest

from tests.helpers.paths import ROOT

FOLDER = ROOT / "benchmarks"


@pytest.mark.parametrize("name", sorted(file.stem for file in FOLDER.glob("*.py")))
def test_a_benchmark_finds_what_it_calls(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As for a script that is run: its own folder comes first.
    monkeypatch.syspath_prepend(str(FOLDER))
    before = {*sys.modules}
    try:
        assert importlib.import_module(name).__doc__
    finally:
        for added in {*sys.modules} & {name, "publishing"} - before:
            del sys.modules[added]

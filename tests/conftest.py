"""What every test has: a home of its own instead of the user's, and fixtures that several test files use."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.paths import ROOT
from tests.helpers.pictures import make_sice

SHARED = ROOT.parent / "shared"
# What a test needs to run the command line in its own process; and fixtures that have trained.
TO_TRAIN = {"sice", "monkeypatch"}
TRAINED = {"finished", "swept"}
# What a user may have set for the libraries and for this package; tests set what they need.
SETTINGS = ("XDG_", "WANDB_", "HF_", "HYDRA_", "MLFLOW_", "TRACKIO_", "IPYTHON", "JUPYTER_", "NETRC", "SICE_ROOT")


def pytest_configure(config: pytest.Config) -> None:
    """Let libraries keep their caches and settings in one empty folder: for all tests, their processes and workers.

    So nothing that an earlier run left on the machine changes a test, and no test leaves anything there. It is set
    before the first import of such a library; workers of pytest-xdist take it over from the process that starts them.
    """
    _keep_streams_open()
    if hasattr(config, "workerinput"):
        return
    home = Path(tempfile.mkdtemp(prefix="zero_dce-home-"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    for name in list(os.environ):
        if name.startswith(SETTINGS):
            del os.environ[name]
    os.environ["HOME"] = str(home)
    # These stay where they are for a process that is given another home: they cost seconds to build.
    os.environ["ZERO_DCE_CACHE"] = str(home / "zero_dce")
    os.environ["MPLCONFIGDIR"] = str(home / "matplotlib")
    # OpenVINO reads its user's refusal here; without it, each import would report to its makers over the network.
    (home / "intel").mkdir()
    (home / "intel" / "openvino_telemetry").write_text("0")


def _keep_streams_open() -> None:
    """Give Abseil's log, which exporting brings along, the real stderr.

    It would take pytest's, and close that when Hydra configures logging: it spares only the process's own streams.
    """
    with contextlib.suppress(ImportError):
        from absl import logging

        logging.get_absl_handler().python_handler.stream = sys.__stderr__


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that train, which takes seconds, as slow; other slow ones say so themselves."""
    for item in items:
        fixtures = {*getattr(item, "fixturenames", ())}
        if TRAINED & fixtures or fixtures >= TO_TRAIN:
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def _logs_end_with_their_test() -> Iterator[None]:
    """Take down what Hydra set up for a run in this process: the next run would write to its closed streams.

    A library that a test was the first to import may have made a handler of its own, with a stream of that test.
    """
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    for logger in [*root.manager.loggerDict.values()]:
        for handler in getattr(logger, "handlers", ()):
            if type(handler) is logging.StreamHandler:
                handler.stream = sys.__stderr__  # setStream would flush the closed one
    for handler in [*root.handlers]:
        if isinstance(handler, logging.StreamHandler) and not type(handler).__module__.startswith("_pytest"):
            root.removeHandler(handler)
            handler.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the research material in ../shared is not there")
    return SHARED


@pytest.fixture(scope="session")
def vectors(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "vectors" / "published.npz") as file:
        return dict(file)


@pytest.fixture
def not_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that measures nothing beforehand: for tests whose stand-ins are for the steps of its runs only."""

    def refuse(_: object) -> None:
        raise ValueError("not in this test")

    monkeypatch.setattr("zero_dce.sweep.estimate._measure", refuse)


@pytest.fixture(scope="session")
def sice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five scenes of four frames, in SICE's layout, with pairs."""
    return make_sice(tmp_path_factory.mktemp("sice"), scenes=5, frames=4)

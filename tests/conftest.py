"""Fixtures that several test files use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.paths import ROOT
from tests.helpers.pictures import make_sice

SHARED = ROOT.parent / "shared"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SICE_ROOT", "WANDB_MODE", "WANDB_PROJECT", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True, scope="session")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache for all tests and their processes, not the user's; with xdist the workers share it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZERO_DCE_CACHE", str(folder))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the research material in ../shared is not there")
    return SHARED


@pytest.fixture(scope="session")
def vectors(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "vectors" / "published.npz") as file:
        return dict(file)


@pytest.fixture(scope="session")
def sice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five scenes of four frames, in SICE's layout, with pairs."""
    return make_sice(tmp_path_factory.mktemp("sice"), scenes=5, frames=4)

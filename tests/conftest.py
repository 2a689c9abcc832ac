"""Fixtures that several test files use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.pictures import make_sice

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SICE_ROOT", "WANDB_MODE", "WANDB_PROJECT", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)


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

"""Fixtures of the tests of records."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.results import write_results


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_results(tmp_path)

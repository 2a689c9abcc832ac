"""Which panels a workspace has; tests of the dashboard look at what the server gets."""

from __future__ import annotations

import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from zero_dce.review.workspace import USUAL_RUNS, build_workspace


# The sweep's filter is given as a list, which the package still takes.
@pytest.mark.filterwarnings("ignore:Passing a plain list:DeprecationWarning")
def test_measures_that_a_table_has_come_first() -> None:
    keys = {"samples/01", "samples/00", "val/psnr_gain", "val/aaa", "val/share/exp", "val/exp", "train/total", "epoch"}
    workspace = build_workspace("lab", "zero_dce", "ours", "grid/today", keys, 3)
    pictures, losses, shares, measures = workspace.sections
    assert [panel.media_keys for panel in pictures.panels] == [["samples/00"], ["samples/01"]]
    assert [panel.title for panel in losses.panels] == [
        f"train/{name}" for name in ("total", "spa", "exp", "col", "tv")
    ]
    assert [panel.title for panel in shares.panels] == [f"train/share/{name}" for name in ("spa", "exp", "col", "tv")]
    assert [panel.title for panel in measures.panels] == ["val/psnr_gain", "val/exp", "val/aaa"]
    assert workspace.settings.max_runs == USUAL_RUNS

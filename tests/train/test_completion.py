"""What Hydra proposes, in this process; lines as a shell hands them over are in tests/test_completion.py."""

from __future__ import annotations

import pytest
from hydra.core.global_hydra import GlobalHydra

from zero_dce.train import completion
from zero_dce.train.configuration import register_plugins, register_resolvers


@pytest.mark.parametrize(
    ("before", "prefix", "expected"),
    [
        ([], "experiment=", ["experiment=adaptive", "experiment=quick", "experiment=zero_dce_pp"]),
        (["model=zero_dce_pp"], "loss.weights.tv=", ["loss.weights.tv=1600.0"]),
        # Only one key, and further ones below it: these at once.
        ([], "data.spl", None),
        ([], "nothing_like_it", []),
        (["experiment=unknown"], "loss.weights.e", []),
    ],
)
def test_matches(before: list[str], prefix: str, expected: list[str] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    GlobalHydra.instance().clear()
    register_resolvers()
    register_plugins()
    line = " ".join(["zero-dce", "train", *before, prefix])
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    monkeypatch.setattr("sys.argv", ["zero-dce"])
    found = completion._matches(prefix)
    if expected is None:
        assert len(found) > 1
        assert all(word.startswith("data.split.") for word in found)
    else:
        assert found == expected

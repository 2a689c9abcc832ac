from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zero_dce.review.__main__ import main

CANDIDATES = [{"run": run, "name": f"exp={run}", "step": 300} for run in (1, 3, 10)]


def write(file: Path, **changes: Any) -> Path:
    votes = [{"left": 0, "right": 1, "picture": "00", "choice": "right"}] * 9
    votes += [{"left": 1, "right": 2, "picture": "01", "choice": "left"}] * 9
    votes += [{"left": 2, "right": 0, "picture": "01", "choice": "equal"}] * 2
    file.write_text(json.dumps({"sweep": "x", "candidates": CANDIDATES, "votes": votes, **changes}))
    return file


def test_the_ranking_of_a_record_of_votes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["rank", str(write(tmp_path / "votes.json"))])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "20 votes on 3 checkpoints"
    assert [line.split()[0] for line in lines[2:5]] == ["1.", "2.", "3."]
    assert lines[2].endswith("run 3  exp=3  step 300")
    assert "best" in lines[2]
    assert "18" in lines[2].split(), "votes that it was part of"
    assert lines[5] == "Enough was judged: the first is the best, with at least 95 %."


def test_too_few_votes_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["rank", str(write(tmp_path / "votes.json", votes=[]))])
    assert "More votes are needed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"votes": [{"left": 0, "right": 5, "choice": "left"}]}, "between 0 and 5; expected two of 3 candidates"),
        (
            {"votes": [{"left": 0, "right": 1, "choice": "both"}]},
            "a choice is 'both'; expected one of left",
        ),
        ({"votes": [{"left": 0}]}, "is no record of votes"),
        ({"candidates": 7}, "is no record of votes"),
        ({"candidates": [], "votes": []}, "names no candidates"),
    ],
)
def test_wrong_records(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=message):
        main(["rank", str(write(tmp_path / "votes.json", **changes))])


def test_a_missing_record(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"votes\.json is no record of votes.*the button 'Save votes'"):
        main(["rank", str(tmp_path / "votes.json")])

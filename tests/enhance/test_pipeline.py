from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from tests.helpers.networks import make_weights
from tests.helpers.pictures import make_picture
from zero_dce.enhance import pipeline as module
from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.inputs import FilePair
from zero_dce.enhance.pipeline import Pipeline
from zero_dce.enhance.pixel_budget import PixelBudget
from zero_dce.enhance.results import Extras

WEIGHTS = make_weights()


def make_pairs(folder: Path, count: int) -> list[FilePair]:
    for number in range(count):
        make_picture(number, 0.2, 60, 40).save(folder / f"{number}.png")
    return [FilePair(folder / f"{number}.png", folder / "out" / f"{number}.png") for number in range(count)]


def test_pictures_in_hand_stay_within_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    most, used = 0, 0

    class Watched(PixelBudget):
        def take(self, pixels: int) -> None:
            nonlocal most, used
            super().take(pixels)
            used += pixels
            most = max(most, used)

        def give_back(self, pixels: int) -> None:
            nonlocal used
            used -= pixels
            super().give_back(pixels)

    monkeypatch.setattr(module, "PixelBudget", lambda: Watched(2 * 60 * 40))
    pairs = make_pairs(tmp_path, 7)
    (tmp_path / "3.png").write_bytes(b"no picture")
    done: list[float] = []
    work = Pipeline(pairs, Extras(), 500, done.append)
    work.run(lambda: Enhancer(WEIGHTS, backend="torch"))
    assert most <= 2 * 60 * 40
    assert used == 0
    assert [outcome.error is None for outcome in sorted(work.outcomes, key=lambda outcome: outcome.pair.input)] == [
        number != 3 for number in range(7)
    ]
    assert done[-1] == 7
    assert done == sorted(done)


def fail_at(number: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> Enhancer:
    """An enhancer whose call of this number, from 1, raises an error."""
    enhancer = Enhancer(WEIGHTS, backend="torch")
    enhance, calls = enhancer.enhance, count(1)

    def enhance_or_fail(*arguments: object) -> object:
        if next(calls) == number:
            raise error
        return enhance(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(enhancer, "enhance", enhance_or_fail)
    return enhancer


def test_an_error_while_enhancing_is_one_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = make_pairs(tmp_path, 3)
    enhancer = fail_at(2, RuntimeError("the backend has no memory left"), monkeypatch)
    work = Pipeline(pairs, Extras(), 500, lambda done: None)
    work.run(lambda: enhancer)
    errors = [outcome.error for outcome in work.outcomes if outcome.error]
    assert errors == [f"{pairs[1].input}: RuntimeError: the backend has no memory left"]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["0.png", "2.png"]


def test_what_is_enhanced_is_written_although_it_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enhancer = fail_at(3, KeyboardInterrupt(), monkeypatch)
    work = Pipeline(make_pairs(tmp_path, 5), Extras(), 500, lambda done: None)
    with pytest.raises(KeyboardInterrupt):
        work.run(lambda: enhancer)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["0.png", "1.png"]
    assert len(work.outcomes) == 2

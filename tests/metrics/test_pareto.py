from __future__ import annotations

import ast
import math
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zero_dce.metrics import pareto
from zero_dce.metrics.pareto import pareto_front

Point = tuple[float | None, ...]
Case = tuple[list[Point], list[str]]

# Few values, so that ties and duplicates are frequent, beside any number at all.
VALUES = st.one_of(st.sampled_from([0.0, 1.0, 2.0, -1.0]), st.floats(allow_nan=False))
GAPS = st.one_of(VALUES, st.none(), st.just(math.nan))


@st.composite
def cases(draw: st.DrawFn, values: st.SearchStrategy[float | None] = VALUES) -> Case:
    directions = draw(st.lists(st.sampled_from(["maximize", "minimize"]), min_size=1, max_size=4))
    points = draw(st.lists(st.tuples(*[values] * len(directions)), max_size=12))
    return points, directions


def complete(point: Point) -> bool:
    return all(value is not None and not math.isnan(value) for value in point)


def beats(one: Point, other: Point, directions: list[str]) -> bool:
    """Say as in a textbook whether one point dominates another."""
    better = worse = False
    for a, b, direction in zip(one, other, directions, strict=True):
        assert a is not None
        assert b is not None
        better |= a > b if direction == "maximize" else a < b
        worse |= a < b if direction == "maximize" else a > b
    return better and not worse


@settings(deadline=None)
@given(cases(GAPS))
def test_exactly_those_that_no_other_dominates(case: Case) -> None:
    points, directions = case
    whole = [index for index, point in enumerate(points) if complete(point)]
    wanted = [i for i in whole if not any(beats(points[j], points[i], directions) for j in whole)]
    assert pareto_front(points, directions) == wanted


@settings(deadline=None)
@given(cases(GAPS))
def test_a_front_is_there_as_soon_as_one_point_is_complete(case: Case) -> None:
    points, directions = case
    assert bool(pareto_front(points, directions)) == any(map(complete, points))


@settings(deadline=None)
@given(cases(GAPS))
def test_incomplete_points_change_nothing(case: Case) -> None:
    points, directions = case
    whole = [index for index, point in enumerate(points) if complete(point)]
    assert pareto_front(points, directions) == [whole[i] for i in pareto_front([points[i] for i in whole], directions)]


@settings(deadline=None)
@given(cases(), st.randoms())
def test_the_order_of_the_points_does_not_matter(case: Case, random: Random) -> None:
    points, directions = case
    order = list(range(len(points)))
    random.shuffle(order)
    shuffled = pareto_front([points[index] for index in order], directions)
    assert sorted(order[index] for index in shuffled) == pareto_front(points, directions)


@settings(deadline=None)
@given(cases(), st.integers(0, 3))
def test_minimizing_is_maximizing_the_negative(case: Case, place: int) -> None:
    points, directions = case
    place %= len(directions)
    turned = list(directions)
    turned[place] = "minimize" if directions[place] == "maximize" else "maximize"
    negated = [tuple(-value if at == place else value for at, value in enumerate(point)) for point in points]  # type: ignore[operator]
    assert pareto_front(negated, turned) == pareto_front(points, directions)


@settings(deadline=None)
@given(cases())
def test_duplicates_are_both_on_it_or_neither(case: Case) -> None:
    points, directions = case
    front = pareto_front(points, directions)
    again = pareto_front(points + points, directions)
    assert again == front + [index + len(points) for index in front]


@settings(deadline=None)
@given(cases())
def test_the_front_is_its_own_front(case: Case) -> None:
    points, directions = case
    front = [points[index] for index in pareto_front(points, directions)]
    assert pareto_front(front, directions) == list(range(len(front)))


def test_an_example() -> None:
    points = [(6.2, 118.0), (7.1, 231.0), (6.5, 260.0), (7.1, 231.0), (6.2, 150.0), (7.4, math.nan), (None, 1.0)]
    assert pareto_front(points, ["maximize", "minimize"]) == [0, 1, 3]
    assert pareto_front(points, ["minimize", "maximize"]) == [2, 4]
    assert pareto_front([], ["minimize"]) == []


def test_what_it_refuses() -> None:
    with pytest.raises(ValueError, match="direction is 'max'; expected one of maximize, minimize"):
        pareto_front([(1.0,)], ["max"])
    with pytest.raises(ValueError, match=r"point 1 has 1 values, \[2\.0\]; expected 2, one an objective"):
        pareto_front([(1.0, 2.0), (2.0,)], ["maximize", "minimize"])


def test_it_needs_the_standard_library_alone() -> None:
    tree = ast.parse(Path(pareto.__file__).read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert imported == {"__future__", "math", "collections.abc"}

"""The Pareto front: what is left to choose from where several objectives pull apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

# A larger value times its sign is always the better one.
SIGNS = {"maximize": 1, "minimize": -1}
Values = tuple[float, ...]


def pareto_front(points: Sequence[Sequence[float | None]], directions: Sequence[str]) -> list[int]:
    """Return which points no other point dominates.

    One point dominates another if it is at least as good in every objective and better in one. Equal points do not
    dominate each other: of duplicates either all are on the front or none.

    Args:
        points: a point a run, each with a value for each objective, in any unit. A point with ``None`` or NaN is
            neither on the front nor keeps others from it; infinite values compare as numbers do.
        directions: of each objective, ``maximize`` or ``minimize``.

    Returns:
        The points' indices, in rising order.

    Raises:
        ValueError: if a direction is another one, or a point has not as many values as there are directions.
    """
    for direction in directions:
        if direction not in SIGNS:
            raise ValueError(f"an objective's direction is {direction!r}; expected one of {', '.join(SIGNS)}")
    gains: dict[int, Values] = {}
    for index, point in enumerate(points):
        if len(point) != len(directions):
            raise ValueError(
                f"point {index} has {len(point)} values, {list(point)}; expected {len(directions)}, one an objective"
            )
        known = [value for value in point if value is not None and not math.isnan(value)]
        if len(known) == len(point):
            signed = zip(known, directions, strict=True)
            gains[index] = tuple(SIGNS[direction] * value for value, direction in signed)
    # Of equal points one is compared: a long search repeats itself.
    rivals = set(gains.values())
    best = {gain for gain in rivals if not any(_dominates(other, gain) for other in rivals)}
    return [index for index, gain in gains.items() if gain in best]


def _dominates(one: Values, other: Values) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))

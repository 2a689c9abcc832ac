"""The Pareto front: the choice that remains where several objectives conflict."""

from __future__ import annotations

import math
from collections.abc import Sequence

# Values times their sign are better if they are larger.
SIGNS = {"maximize": 1, "minimize": -1}


def pareto_front(points: Sequence[Sequence[float | None]], directions: Sequence[str]) -> list[int]:
    """Return the points that no other point dominates.

    One point dominates another if it is at least as good in every objective and better in one. Equal points do not
    dominate each other: of duplicates either all are on the front or none.

    Args:
        points: one per run, each with a value for each objective, in any unit. A point with ``None`` or NaN neither is
            on the front nor keeps others from it; infinite values compare as numbers do.
        directions: ``maximize`` or ``minimize`` for each objective.

    Returns:
        The indices of these points, in rising order.

    Raises:
        ValueError: if a direction is unknown, or a point does not have as many values as there are directions.
    """
    for direction in directions:
        if direction not in SIGNS:
            raise ValueError(f"an objective's direction is {direction!r}; expected one of {', '.join(SIGNS)}")
    gains: dict[int, tuple[float, ...]] = {}
    for index, point in enumerate(points):
        if len(point) != len(directions):
            raise ValueError(
                f"point {index} has {len(point)} values, {list(point)}; expected {len(directions)}, one an objective"
            )
        signed = [
            SIGNS[direction] * value
            for value, direction in zip(point, directions, strict=True)
            if value is not None and not math.isnan(value)
        ]
        if len(signed) == len(point):
            gains[index] = tuple(signed)
    # Only different points are compared, as a long search repeats itself.
    rivals = set(gains.values())
    best = {gain for gain in rivals if not any(_dominates(other, gain) for other in rivals)}
    return [index for index, gain in gains.items() if gain in best]


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))

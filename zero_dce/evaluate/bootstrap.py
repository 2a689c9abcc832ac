"""How sure a mean over pictures is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BOOTSTRAP_SEED = 0
RESAMPLES = 2000


def bootstrap_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the bootstrap 95 % interval of a mean.

    B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7(1), 1979: pictures are drawn
    with replacement, as many as there are, 2,000 times with a fixed seed; the interval holds the middle 95 % of the
    means. It tells how much the mean depends on the choice of pictures. Methods measured on the same pictures are
    resampled alike.

    Args:
        values: one per picture, all finite.

    Returns:
        The interval's ends; ``None`` for fewer than two pictures, which tell nothing about the spread.
    """
    if len(values) < 2:
        return None
    numbers = np.asarray(values, dtype=np.float64)
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    means = [numbers[generator.integers(len(numbers), size=len(numbers))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)

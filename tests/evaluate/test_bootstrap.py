from __future__ import annotations

import math

import numpy as np
import pytest

from zero_dce.evaluate.bootstrap import bootstrap_interval


def test_agrees_with_the_normal_interval_where_that_holds() -> None:
    """The mean of 400 normal values: 1.96 standard errors to either side."""
    values = np.random.default_rng(3).normal(5, 2, 400)
    interval = bootstrap_interval(values.tolist())
    assert interval is not None
    error = values.std(ddof=1) / math.sqrt(400)
    assert interval[0] == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert interval[1] == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_two_values_by_hand() -> None:
    """Of two values a quarter of the resamples is all the first, a quarter all the second."""
    assert bootstrap_interval([1.0, 3.0]) == (1, 3)


def test_the_same_each_time_and_none_for_one_picture() -> None:
    assert bootstrap_interval([1.0, 2.0, 4.0]) == bootstrap_interval([1.0, 2.0, 4.0])
    assert bootstrap_interval([1.0]) is None

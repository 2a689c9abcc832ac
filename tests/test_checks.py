from __future__ import annotations

import math
from typing import Any

import pytest

from zero_dce.checks import check_number


@pytest.mark.parametrize(
    ("value", "options"),
    [(0, {}), (1.5, {}), (3, {"whole": True}), (1, {"most": 1}), (0.5, {"most": 1, "open_": True})],
)
def test_numbers_in_their_range(value: float, options: dict[str, Any]) -> None:
    check_number("a", value, **options)


@pytest.mark.parametrize(
    ("value", "options", "expected"),
    [
        (-1, {}, "finite number of at least 0"),
        (math.nan, {}, "finite number of at least 0"),
        (math.inf, {}, "finite number of at least 0"),
        (True, {}, "finite number of at least 0"),
        ("1", {}, "finite number of at least 0"),
        (None, {"whole": True}, "whole number of at least 0"),
        (1.0, {"whole": True, "least": 1}, "whole number of at least 1"),
        (2, {"most": 1}, "finite number of at least 0 and at most 1"),
        (0, {"open_": True}, "finite number of more than 0"),
        (1, {"open_": True, "most": 1}, "finite number of more than 0 and less than 1"),
    ],
)
def test_others_are_refused(value: object, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=f"^loss.a is {value!r}; expected a {expected}$"):
        check_number("loss.a", value, **options)

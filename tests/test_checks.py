from __future__ import annotations

import math
from typing import Any

import pytest

from zero_dce.checks import check_number, find_misfit


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


@pytest.mark.parametrize(
    ("value", "shape", "fault"),
    [
        (3, float, ""),
        (3, int, ""),
        (3.5, int, "has a=3.5"),
        (True, int, "has a=true"),
        (True, float, "has a=true"),
        (True, bool, ""),
        (1, bool, "has a=1"),
        (None, None, ""),
        (None, (str, None), ""),
        (1, (str, None), "has a=1"),
        ([1, 2], [int], ""),
        ([1, "x"], [int], 'has a[1]="x"'),
        ({}, [int], "has a={}"),
        ([], {}, "has a=[]"),
        ({"b": {"c": 1}}, {"b": {"c": str}}, "has a.b.c=1"),
        ({"b": 1}, {"b": int, "c": int}, "has no a.c"),
        ({"b": 1}, {"b": int, "c?": int}, ""),
        ({"b": 1, "c": "x"}, {"b": int, "c?": int}, 'has a.c="x"'),
        ({"b": 1, "more": []}, {"b": int}, ""),
        ({"b": "text", "c": 1}, {"b": str, str: int}, ""),
        ({"b": "text", "c": "x"}, {"b": str, str: int}, 'has a.c="x"'),
        (["x"], ([int], str), 'has a[0]="x"'),
        ([], object, ""),
    ],
)
def test_a_misfit_is_named_by_its_place(value: object, shape: object, fault: str) -> None:
    assert find_misfit(value, shape, "a") == fault

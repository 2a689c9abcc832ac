"""The search space, read from overrides and written as overrides."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from tests.helpers.searches import LOG
from zero_dce.sweep.search.space import read_space


def test_values_are_given_as_in_other_sweeps() -> None:
    params = {
        "loss.weights.exp": LOG,
        "loss.exp.target": "interval(0.4, 0.7)",
        "every_n_steps": "int(interval(1, 8))",
        "data.size": "range(64, 257, 64)",
        "model.learning_rate": "range(0.1, 0.5, 0.1)",
        "model": "choice(zero_dce, zero_dce_pp)",
    }
    expected: dict[str, BaseDistribution] = {
        "loss.weights.exp": FloatDistribution(1, 100, log=True),
        "loss.exp.target": FloatDistribution(0.4, 0.7),
        "every_n_steps": IntDistribution(1, 8),
        "data.size": IntDistribution(64, 256, step=64),
        "model.learning_rate": FloatDistribution(0.1, 0.4, step=0.1),
        "model": CategoricalDistribution(["zero_dce", "zero_dce_pp"]),
    }
    assert read_space(params, []).swept == expected
    given = [f"{key}={value}" for key, value in params.items()]
    assert read_space(None, given).swept == expected, "the same on the command line"
    assert read_space(None, ["seed=1,2"]).swept == {"seed": CategoricalDistribution(["1", "2"])}
    shuffled = [read_space(None, ["seed=shuffle(choice(3,1,2))"]).swept for _ in range(20)]
    assert shuffled == [{"seed": CategoricalDistribution(["1", "2", "3"])}] * 20, "the same in every process"


def test_one_value_fixes_a_key_and_others_go_to_every_run() -> None:
    space = read_space({"a": LOG, "b": "interval(0, 1)"}, ["b=0.25", "seed=3", "+sweep=optuna"])
    assert [*space.swept] == ["a"]
    assert space.overrides({"a": 12.345678}) == ["a=12.35", "b=0.25", "seed=3", "+sweep=optuna"]


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("interval(0.4, 0.7)", 0.512345678, "0.5123"),
        ("interval(1000.0, 1000.1)", 1000.0123456, "1000.0123"),
        ("interval(0.40003, 0.40004)", 0.400030000001, "0.40003"),
        ("tag(log, interval(0.00123444, 100))", 0.00123444, "0.00123444"),
        ("tag(log, interval(0.001, 5000))", 1234.567, "1235.0"),
        ("range(0.1, 0.5, 0.1)", 0.30000000000000004, "0.3"),
        ("int(interval(1, 8))", 3, "3"),
        ("choice({exp:2.5,tv:200},{exp:3})", "{exp:2.5,tv:200}", "{exp:2.5,tv:200}"),
    ],
)
def test_values_are_short_and_never_outside(text: str, value: Any, expected: str) -> None:
    assert read_space({"a": text}, []).overrides({"a": value}) == [f"a={expected}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("interval(5, 1)", r"from 5\.0 to 1\.0; expected finite LOW < HIGH"),
        ("interval(2, 2)", "LOW < HIGH"),
        ("interval(0, inf)", "expected finite"),
        ("tag(log, interval(0, 1))", r"begins at 0\.0; expected more than 0"),
        ("tag(log, interval(-1, 1))", "expected more than 0"),
        ("tag(log, range(1, 9))", "the tag log does not go with it"),
        ("tag(lig, interval(1, 9))", "the tag lig does not go with it"),
        ("tag(log, choice(1, 10))", "the tag log does not go with it"),
        ("range(5, 1)", "is empty"),
        ("range(1, 5, 0)", "is empty"),
        ("glob(*)", "expected values by name"),
        ("interval(1", "cannot read the search space"),
        ("3", "nothing to search"),
    ],
)
def test_what_cannot_be_searched_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        read_space({"loss.weights.exp": text}, [])

"""What a result means for a search."""

from __future__ import annotations

from zero_dce.records.outcome import judge


def test_what_a_result_means() -> None:
    objectives = {"val/loe": "minimize", "val/entropy_out": "maximize"}
    result = {"state": "finished", "washout": None, "measures": {"val/entropy_out": 6.0, "val/loe": 100.0}}
    assert judge(result, objectives).values == [100.0, 6.0]
    faded = judge({**result, "washout": {"from_step": 600}}, objectives)
    assert (faded.values, faded.faded) == (None, True)
    for bad, reason in (
        (None, "no result.json"),
        ({**result, "state": "failed"}, "it failed"),
        ({**result, "state": "interrupted"}, "it interrupted"),
        ({**result, "measures": {"val/loe": 1.0}}, "no value for val/entropy_out"),
        ({**result, "measures": {"val/loe": None, "val/entropy_out": 6.0}}, "no value for val/loe"),
        ({**result, "measures": {"val/loe": float("nan"), "val/entropy_out": 6.0}}, "no value for val/loe"),
    ):
        outcome = judge(bad, objectives)
        assert (outcome.values, outcome.faded) == (None, False)
        assert reason in outcome.reason

"""What is registered for the command's end."""

from __future__ import annotations

import pytest

from zero_dce.train.ending import at_end, end


def test_each_ending_is_carried_out_once() -> None:
    carried_out: list[str] = []
    at_end(lambda: carried_out.append("first"))
    at_end(lambda: carried_out.append("second"))
    end()
    end()
    assert sorted(carried_out) == ["first", "second"]


def test_an_ending_that_fails_is_not_tried_again() -> None:
    at_end(lambda: pytest.fail("tried"))
    with pytest.raises(pytest.fail.Exception):
        end()
    end()

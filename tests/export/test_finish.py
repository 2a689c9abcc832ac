from __future__ import annotations

import pytest

from zero_dce.export.finish import Finish, finish_for


def test_as_much_is_smoothed_as_by_enhance() -> None:
    assert finish_for("auto", 0, None) == Finish("auto", 0, 1)
    assert finish_for(0.5, 0, None).denoise == 1
    assert finish_for("off", 2, None) == Finish("off", 2, 0)
    assert finish_for("auto", 0, 3).denoise == 3
    assert finish_for("auto", 0, 0).denoise == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("bright",), "--exposure is 'bright'; expected auto, off or the mean"),
        ((0.99,), "--exposure"),
        (("off", 9), "--stops"),
        (("off", 0, 9), "--denoise"),
        (("auto", 1), r"--exposure is auto and --stops is 1: .* Leave one of them out"),
    ],
)
def test_wrong_finishes(values: tuple[str | float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Finish(*values)  # type: ignore[arg-type]


def test_what_a_file_says_about_it() -> None:
    assert Finish("off", 2.5, 1).describe() == {"exposure": "off", "stops": "2.5", "denoise": "1"}
    assert Finish("off", 2).is_local
    assert not Finish(0.4).is_local

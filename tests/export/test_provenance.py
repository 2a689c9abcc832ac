from __future__ import annotations

import pytest

from tests.helpers.networks import make_weights
from zero_dce import __version__
from zero_dce.enhance.trained import TRAINED
from zero_dce.export.provenance import CARD, provenance_of
from zero_dce.weights import read_weights


def test_the_packages_own_weights_are_known_by_their_hash() -> None:
    own = provenance_of(read_weights(TRAINED), None, None)
    card = CARD.read_text(encoding="utf-8")
    assert f"| Hash of the weights | {own.weights_hash}," in card
    assert f"| Licence | {own.license}," in card
    # What is said is what the card says.
    assert f"| Data | {own.training_data}: {str(own.training_data_license).partition(', which')[0]};" in card
    assert own.card == card


@pytest.mark.parametrize(("option", "values"), [("--license", ("MIT", None)), ("--training-data", (None, "much"))])
def test_nobody_changes_what_is_known(option: str, values: tuple[str | None, str | None]) -> None:
    with pytest.raises(ValueError, match=f"{option} is given, but these are the package's own weights"):
        provenance_of(read_weights(TRAINED), *values)


def test_of_other_weights_is_known_what_is_said() -> None:
    found = provenance_of(make_weights(), "CC0-1.0", None)
    assert found.describe() == {
        "network": "zero_dce",
        "weights_sha256": found.weights_hash,
        "zero_dce_version": __version__,
        "license": "CC0-1.0",
    }
    assert "training_data" not in found.model_card("")

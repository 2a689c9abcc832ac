"""Where a network comes from and what its licence is, as an exported file says it."""

from __future__ import annotations

from dataclasses import dataclass

from zero_dce import __version__
from zero_dce.enhance.trained import TRAINED
from zero_dce.weights import TITLES, Weights, read_weights

# The model card of the package's own weights.
CARD = TRAINED.with_suffix(".md")
PAPERS = {"zero_dce": "https://arxiv.org/abs/2001.06826", "zero_dce_pp": "https://arxiv.org/abs/2103.00860"}


@dataclass(frozen=True)
class Provenance:
    """Where a network comes from.

    Attributes:
        weights: of the network.
        weights_hash: see :func:`zero_dce.networks.weights_hash`.
        license: of the weights, as their owner says, or ``None``.
        training_data: what they were trained on, and
        training_data_license: under which licence it is, or ``None``.
        card: the text of a model card, or ``None``.
    """

    weights: Weights
    weights_hash: str
    license: str | None = None
    training_data: str | None = None
    training_data_license: str | None = None
    card: str | None = None

    def describe(self) -> dict[str, str]:
        """Return what is known, for a file's metadata."""
        known = {
            "network": self.weights.network,
            "weights_sha256": self.weights_hash,
            "zero_dce_version": __version__,
            "license": self.license,
            "training_data": self.training_data,
        }
        return {key: value for key, value in known.items() if value}

    def model_card(self, notes: str) -> dict[str, str]:
        """Return the fields of a model card in darktable."""
        known = {
            "long_description": f"{TITLES[self.weights.network]}: brightens photographs by curves, eight times "
            "iterated, that it estimates for each pixel",
            "scope": "low-light enhancement of photographs",
            "paper": PAPERS[self.weights.network],
            "license": self.license,
            "training_data": self.training_data,
            "training_data_license": self.training_data_license,
            "notes": f"Weights {self.weights_hash}, exported by zero-dce-lightning {__version__}. {notes}",
        }
        return {key: value for key, value in known.items() if value}


def provenance_of(weights: Weights, license: str | None, training_data: str | None) -> Provenance:
    """Return the provenance of weights: what is known of the package's own, else what the user says.

    Raises:
        ValueError: if the user says something about the package's own weights, of which all is known.
    """
    from zero_dce.networks import make_network, weights_hash

    found, own = (weights_hash(make_network(each)) for each in (weights, read_weights(TRAINED)))
    if found != own:
        return Provenance(weights, found, license, training_data)
    if license or training_data:
        option = "--license" if license else "--training-data"
        raise ValueError(
            f"{option} is given, but these are the package's own weights, whose card says it: leave it out"
        )
    return Provenance(
        weights,
        found,
        license="MIT",
        training_data="81 photographs from packages of Debian 12",
        training_data_license="50 in the public domain, 25 under CC0, 6 under CC BY, which are named in README.md",
        card=CARD.read_text(encoding="utf-8"),
    )

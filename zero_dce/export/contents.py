"""What is put into an exported file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zero_dce.enhance.pixels import FloatArray
from zero_dce.export.finish import Finish
from zero_dce.export.provenance import Provenance
from zero_dce.weights import Weights

# Computes enhanced pictures and curve maps of pictures, N x 3 x H x W, as the network in PyTorch does. Without maps,
# the second is empty: N x 0 x H x W.
ExportedNetwork = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True)
class Contents:
    """What is put into an exported file.

    Attributes:
        provenance: the network, and where it comes from.
        finish: what is done with an enhanced picture.
    """

    provenance: Provenance
    finish: Finish

    @property
    def weights(self) -> Weights:
        """Return the network's weights."""
        return self.provenance.weights

    def metadata(self) -> dict[str, str]:
        """Return what the file says about itself."""
        return {**self.provenance.describe(), **self.finish.describe()}

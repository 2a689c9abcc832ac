"""What an exported graph does with a picture once the network has enhanced it."""

from __future__ import annotations

from dataclasses import dataclass

from zero_dce.checks import check_number
from zero_dce.exposure.search import MOST_EV
from zero_dce.exposure.setting import check_exposure
from zero_dce.images.denoise import MOST_NOISE_LEVELS, levels_for


@dataclass(frozen=True)
class Finish:
    """What is done to an enhanced picture; by default nothing.

    Attributes:
        exposure: ``off``, ``auto``, or the mean to reach, in [0.05, 0.95], as ``zero_dce.enhance`` takes it: found from
            the whole picture.
        stops: by how many stops each pixel is exposed, in [-8, 8], see :func:`zero_dce.exposure.response.expose`: the
            same for every picture, so that it can be computed in tiles.
        denoise: the noise that is smoothed, in 255ths, in [0, 8], see :func:`zero_dce.images.denoise.denoise`.

    Raises:
        ValueError: if a value is out of its range, or there are two exposures.
    """

    exposure: str | float = "off"
    stops: float = 0.0
    denoise: float = 0.0

    def __post_init__(self) -> None:
        check_exposure("--exposure", self.exposure)
        check_number("--stops", self.stops, least=-MOST_EV, most=MOST_EV)
        check_number("--denoise", self.denoise, most=MOST_NOISE_LEVELS)
        if self.stops and self.exposure != "off":
            raise ValueError(
                f"--exposure is {self.exposure} and --stops is {self.stops:g}: the exposure is either found from the "
                "whole picture or given. Leave one of them out"
            )

    @property
    def is_local(self) -> bool:
        """Whether a tile of a picture comes out as it does in the whole picture."""
        return self.exposure == "off"

    def describe(self) -> dict[str, str]:
        """Return what is done, for a file's metadata."""
        return {"exposure": str(self.exposure), "stops": f"{self.stops:g}", "denoise": f"{self.denoise:g}"}


def finish_for(exposure: str | float, stops: float, denoise: float | None) -> Finish:
    """Return the finish of these options; without ``denoise``, as much is smoothed as ``zero_dce.enhance`` does."""
    return Finish(exposure, stops, levels_for(exposure) if denoise is None else denoise)

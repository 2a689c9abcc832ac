"""What is wrong with a sample picture, told from its saved input and output."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from zero_dce.images.decode import Pixels
from zero_dce.images.sheets import to_image
from zero_dce.metrics.picture import brightness, clipped_share, saturation

# Colours look faded below this share of the input's saturation. The released weights keep 0.75 on average, the report's
# long training 0.40, which it calls washed out.
WASHED_OUT = 0.6
# If one pixel in a hundred more has a blown highlight, that is an area that can be seen.
CLIPPED = 0.01
# A rise of the picture's mean, range [0, 1], by less than this is rounding and texture.
BRIGHTER = 0.01
FLAG_MEASURES = {"brightness": brightness, "clipped": clipped_share, "saturation": saturation}
PictureValues = dict[str, float]


def picture_values(pixels: Pixels) -> PictureValues:
    """Return brightness, clipped share and saturation of one picture, uint8 H x W x 3; each in [0, 1]."""
    image = to_image(pixels)[None]
    with torch.no_grad():
        return {name: float(measure(image)) for name, measure in FLAG_MEASURES.items()}


def find_flags(before: PictureValues, after: PictureValues, target: float) -> list[dict[str, str]]:
    """Return the cases that a person should know of, each with its ``kind`` and a ``text`` with the number.

    ``before`` and ``after`` are values of the input and the output; ``target`` is the exposure level that the loss
    pulls to, range [0, 1].
    """
    flags = []
    # A grey picture has no colours to fade.
    kept = after["saturation"] / before["saturation"] if before["saturation"] > 0 else 1.0
    if kept < WASHED_OUT:
        flags.append({"kind": "washed", "text": f"washed out {kept:.3f}"})
    clipped = after["clipped"] - before["clipped"]
    if clipped > CLIPPED:
        flags.append({"kind": "clipped", "text": f"clipped +{100 * clipped:.1f} %"})
    darker, brighter = before["brightness"], after["brightness"]
    if darker > target and brighter - darker > BRIGHTER:
        flags.append({"kind": "brightened", "text": f"brightened {darker:.2f} → {brighter:.2f}"})
    return flags


def describe_flags(targets: Iterable[float]) -> list[dict[str, str]]:
    """Return the page's legend: the name and the rule of each kind, with the exposure levels of the sweep's runs."""
    levels = " or ".join(f"{target:g}" for target in sorted(targets)) or "-"
    rules = (
        ("washed", "washed out", f"saturation out / in below {WASHED_OUT:g}"),
        ("clipped", "clipped", f"blown highlights grew by more than {100 * CLIPPED:g} % of the pixels"),
        (
            "brightened",
            "brightened although bright",
            f"input mean above the target ({levels}), output higher by more than {BRIGHTER:g}",
        ),
    )
    return [{"kind": kind, "name": name, "rule": rule} for kind, name, rule in rules]

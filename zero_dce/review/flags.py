"""What is wrong with a sample picture, told from its saved input and output."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from zero_dce.images.decode import Pixels
from zero_dce.images.sheets import to_image
from zero_dce.metrics.picture import brightness, clipped_share, saturation

# Below this share of the input's saturation colours look faded. The released weights keep 0.75 on average, the report's
# long training 0.40, which it calls washed out.
WASHED_OUT = 0.6
# One pixel in a hundred more with a blown highlight is an area that can be seen.
CLIPPED = 0.01
# Of the mean over the picture, [0, 1]: less than this is rounding and texture.
BRIGHTER = 0.01
MEASURES = {"brightness": brightness, "clipped": clipped_share, "saturation": saturation}
Values = dict[str, float]


def picture_values(pixels: Pixels) -> Values:
    """Return brightness, clipped share and saturation of one picture, uint8 H x W x 3; each in [0, 1]."""
    image = to_image(pixels)[None]
    with torch.no_grad():
        return {name: float(measure(image)) for name, measure in MEASURES.items()}


def find_flags(before: Values, after: Values, target: float) -> list[dict[str, str]]:
    """Return the cases that a person should know of, each with its ``kind`` and a ``text`` with the number.

    Args:
        before: of the input, as :func:`picture_values` returns it.
        after: of the output.
        target: the exposure level that the loss pulls to, range [0, 1].
    """
    flags = []
    # Grey has no colours to fade.
    if before["saturation"] > 0 and (ratio := after["saturation"] / before["saturation"]) < WASHED_OUT:
        flags.append({"kind": "washed", "text": f"washed out {ratio:.3f}"})
    if (grown := after["clipped"] - before["clipped"]) > CLIPPED:
        flags.append({"kind": "clipped", "text": f"clipped +{100 * grown:.1f} %"})
    if before["brightness"] > target and after["brightness"] - before["brightness"] > BRIGHTER:
        levels = f"{before['brightness']:.2f} → {after['brightness']:.2f}"
        flags.append({"kind": "brightened", "text": f"brightened {levels}"})
    return flags


def describe_flags(targets: Iterable[float]) -> list[dict[str, str]]:
    """Return the page's legend: for each kind its name and its rule.

    Args:
        targets: the exposure levels of the sweep's runs.
    """
    levels = " or ".join(f"{target:g}" for target in sorted(targets)) or "-"
    return [
        {"kind": "washed", "name": "washed out", "rule": f"saturation out / in below {WASHED_OUT:g}"},
        {
            "kind": "clipped",
            "name": "clipped",
            "rule": f"blown highlights grew by more than {100 * CLIPPED:g} % of the pixels",
        },
        {
            "kind": "brightened",
            "name": "brightened although bright",
            "rule": f"input mean above the target ({levels}), output higher by more than {BRIGHTER:g}",
        },
    ]

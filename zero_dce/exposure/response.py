"""What an exposure does: a camera's response, as pure functions."""

from __future__ import annotations

from typing import Any

# White in 8 bits is all that is brighter than half a step below it. Taken for that, it darkens along with what is next
# to it; taken for boundless light, it would stay white, and cut a burnt sky in two.
WHITEST = 1 - 0.5 / 255
# The square root has no gradient at 0. This is far below a step of 16 bits, at any exposure.
BLACKEST = 1e-9


def expose(image: Any, ev: Any) -> Any:
    """Return a picture as if it had been exposed ``ev`` stops longer: 1 doubles the light.

    The response is ``(1 - exp(-light))^2``: a sensor that saturates slowly, shown with a gamma of 2. Of its kind, it is
    nearest to real exposure series (``sweeps/quality``). A gain ``g`` of the light makes ``(1 - (1 - sqrt(x))^g)^2`` of
    ``x``. So exposures add up, and one takes another back: ``expose(expose(x, a), b) = expose(x, a + b)``, until white
    is reached. No pixel changes places with a brighter one.

    Args:
        image: B x 3 x H x W, range [0, 1].
        ev: a number, B x 1 x 1 x 1, or B x 1 x H x W: each pixel's own; range [-8, 8].

    Returns:
        B x 3 x H x W, range [0, 1].
    """
    root = 1 - (1 - (image * WHITEST).clip(BLACKEST, WHITEST) ** 0.5) ** 2.0**ev
    return (root * root * (1 / WHITEST)).clip(0, 1)

"""One rule for the numbers that a user gives."""

from __future__ import annotations

import math

# NumPy takes no larger seed.
LARGEST_SEED = 2**32 - 1


def check_number(
    name: str, value: object, least: float = 0, most: float = math.inf, whole: bool = False, open_: bool = False
) -> None:
    """Raise ValueError, which names option, value and range, unless ``value`` is a finite number in the range.

    ``name`` is the option as a user writes it; with ``whole`` only whole numbers are allowed, and with ``open_`` the
    ends of the range are not.
    """
    kinds: tuple[type, ...] = (int,) if whole else (int, float)
    if isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value):  # type: ignore[arg-type]
        number: float = value  # type: ignore[assignment]
        if least <= number <= most and not (open_ and number in (least, most)):
            return
    low = f"more than {least}" if open_ else f"at least {least}"
    high = "" if most == math.inf else f" and {'less than' if open_ else 'at most'} {most}"
    raise ValueError(f"{name} is {value!r}; expected a {'whole' if whole else 'finite'} number of {low}{high}")

"""What is kept until Python's garbage collector comes by."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable


def is_freed_at_once(make: Callable[[], object]) -> bool:
    """Tell whether what a function has made is freed as the function returns."""

    def use() -> weakref.ref[object]:
        made = make()
        return weakref.ref(made)

    gc.collect()
    gc.disable()
    try:
        return use()() is None
    finally:
        gc.enable()

"""Enhancing photographs of any size, and clips: the command, and the function ``zero_dce.enhance(image)``."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """This package, which is the command, is at the same time the function ``zero_dce.enhance(image)``."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from zero_dce.enhance.interface import enhance

        return enhance(*arguments, **options)


sys.modules[__name__].__class__ = _Callable

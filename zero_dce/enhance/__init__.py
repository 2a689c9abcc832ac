"""Enhancing photographs of any size, and clips: the command, and the function ``zero_dce.enhance(image)``."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """A package that can be called: ``zero_dce.enhance`` is the command's folder and also a function."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from zero_dce.enhance.interface import enhance

        return enhance(*arguments, **options)


sys.modules[__name__].__class__ = _Callable

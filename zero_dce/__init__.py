"""Zero-DCE: train zero-reference curve estimation and enhance dark photographs with it.

``zero_dce.enhance(image)`` enhances a NumPy array, a PIL image or a PyTorch tensor.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zero_dce.enhance.interface import enhance

__version__ = "0.1.0"
__all__ = ["enhance"]


def __getattr__(name: str) -> Any:
    # The import waits until somebody asks: training needs nothing of it.
    if name == "enhance":
        return import_module("zero_dce.enhance")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

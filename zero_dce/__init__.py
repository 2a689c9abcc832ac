"""Zero-DCE: train zero-reference curve estimation and enhance dark photographs with it.

``zero_dce.enhance(image)`` enhances a NumPy array, a PIL image or a PyTorch tensor.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zero_dce.enhance.interface import enhance

__version__ = "0.1.0"
__all__ = ["enhance"]
_ABOUT_CACHES = ("font cache", "cache directory", "mkdir -p failed", "is not a writable directory")


def _is_useful(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not any(part in message for part in _ABOUT_CACHES)


# Lightning imports Matplotlib, by torchmetrics, where it is installed. What that says of its own caches is nothing to
# the user of a command that draws no plot, and it comes during the import: the filters must be there before.
for _name in ("matplotlib", "matplotlib.font_manager"):
    logging.getLogger(_name).addFilter(_is_useful)


def __getattr__(name: str) -> Any:
    # The import waits until somebody asks: training needs nothing of it.
    if name == "enhance":
        return import_module("zero_dce.enhance")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Zero-DCE: train zero-reference curve estimation and enhance dark photographs with it."""

__version__ = "0.1.0"

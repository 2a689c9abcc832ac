"""The console script ``zero-dce``, to be run as a module."""

from __future__ import annotations

from zero_dce.cli import main

if __name__ == "__main__":
    main()

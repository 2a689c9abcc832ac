"""Build a cache of decoded pixels with a pause after each picture, to be killed in the middle: a command of its own."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from tests.data.test_cache import FIT, paths_of
from zero_dce.data.cache import open_cache
from zero_dce.data.dataset import Fit

if __name__ == "__main__":
    root, pause = Path(sys.argv[1]), float(sys.argv[2])
    read_at_once = Fit.read

    def slowly(self: Fit, path: Path) -> Any:
        print("reading", path, flush=True)
        time.sleep(pause)
        return read_at_once(self, path)

    Fit.read = slowly  # type: ignore[method-assign]
    open_cache(root, paths_of(root), FIT, 1, True)
    print("whole", flush=True)

"""Progress bars that suit a terminal and a log file."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

# Without a terminal each refresh is a line in a log file.
SECONDS_BETWEEN_LINES = 15.0


def progress_bar(**options: Any) -> tqdm[Any]:
    """Open a bar of tqdm; ``options`` are tqdm's. What takes less than a second shows none with ``delay=1``."""
    terminal = sys.stderr.isatty()
    return tqdm(mininterval=0.2 if terminal else SECONDS_BETWEEN_LINES, dynamic_ncols=terminal, **options)

"""A run's metrics.csv that is read again and again while the run goes on."""

from __future__ import annotations

import io
from pathlib import Path

from zero_dce.records.run import METRICS, Rows, parse_rows


class GrowingRows:
    """The rows of a run's ``metrics.csv``; each time only the lines are parsed that came since the time before.

    A run replaces its file as a whole, and one that is resumed leaves out rows that it trains again. So the beginning
    of the file is compared with what was read, and all is parsed again where it differs. The last row is not counted as
    read, because a run adds measures to it.

    Args:
        run: the run's folder.
    """

    def __init__(self, run: Path) -> None:
        self._file = run / METRICS
        self._seen = b""
        self._rows: Rows = {}

    def read(self) -> Rows:
        """Return all rows by step; a last line without its end is still being written, and left for later.

        Raises:
            ValueError: if the file holds something else; the message names it.
        """
        content = self._file.read_bytes() if self._file.is_file() else b""
        lines = io.BytesIO(content[: content.rfind(b"\n") + 1]).readlines()
        if not lines:
            self._seen, self._rows = b"", {}
            return {}
        if not content.startswith(self._seen):
            self._seen, self._rows = b"", {}
        past = self._seen.count(b"\n") or 1
        rows = self._rows | parse_rows(self._file, [lines[0], *lines[past:]])
        self._seen = b"".join(lines[: max(1, len(lines) - 1)])
        self._rows = {step: row for step, row in rows.items() if step != max(rows)}
        return rows

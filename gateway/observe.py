"""What operators see of the running gateway: the access log, one JSON line per request."""

import asyncio
import os
import sys
from datetime import UTC, datetime

import orjson

from gateway.shapes import Json

_FLUSH_S = 0.05
_FLUSH_BYTES = 64 * 2**10


class AccessLog:
    """Writes access lines to standard output, many at a time.

    Gathered for 50 ms because a write per request costs more than all else in this file, and
    because nothing hangs on these lines: what counts is in the journal.
    """

    def __init__(self, *, enabled: bool = True, file: int | None = None) -> None:
        self.enabled = enabled
        self._file = sys.stdout.fileno() if file is None and enabled else file or 0
        self._lines: list[bytes] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None

    def write(self, line: dict[str, Json]) -> None:
        """Add a line; `at` (Unix microseconds) becomes an ISO time."""
        line["at"] = datetime.fromtimestamp(line["at"] / 1e6, UTC)
        encoded = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)
        self._lines.append(encoded)
        self._size += len(encoded)
        if self._size >= _FLUSH_BYTES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_S, self.flush)

    def flush(self) -> None:
        """Write out what was gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines, self._size = b"".join(self._lines), [], 0
        try:
            while lines:
                lines = lines[os.write(self._file, lines) :]
        except OSError:
            self.enabled = False  # nobody reads standard output any more; the journal goes on

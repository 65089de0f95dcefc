"""What operators see of the running gateway: the access log, one JSON line per request."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import orjson

from gateway.shapes import Json

logger = logging.getLogger(__name__)

_FLUSH_S = 0.05
_FLUSH_LINES = 200


class AccessLog:
    """Writes access lines to standard output, many at a time.

    Gathered for 50 ms, and put into words only then, all in a row: a write per request costs more
    than all else in this file, and nothing hangs on these lines: what counts is in the journal.
    """

    def __init__(self, *, enabled: bool = True, file: int | None = None) -> None:
        self.enabled = enabled
        self._file = sys.stdout.fileno() if file is None and enabled else file or 0
        self._lines: list[Callable[[], dict[str, Json]]] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(self, line: Callable[[], dict[str, Json]]) -> None:
        """Add a line, asked for later; its `at` (Unix microseconds) becomes an ISO time."""
        self._lines.append(line)
        if len(self._lines) >= _FLUSH_LINES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_S, self.flush)

    def flush(self) -> None:
        """Write out what was gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gathered, self._lines = self._lines, []
        text = b"".join(map(_encoded, gathered))
        try:
            while text:
                text = text[os.write(self._file, text) :]
        except OSError:
            self.enabled = False  # nobody reads standard output any more; the journal goes on


def _encoded(line: Callable[[], dict[str, Json]]) -> bytes:
    fields = line()
    try:
        fields["at"] = datetime.fromtimestamp(fields["at"] / 1e6, UTC)
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)
    except (TypeError, ValueError, OverflowError) as error:  # the others are not to be lost for it
        logger.error("A line of the access log cannot be written: %s", error)
        return b""

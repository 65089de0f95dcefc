"""The access log: lines gathered, worded when they are written, each for itself."""

import os
import tempfile
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway.observe import AccessLog


def line(**fields: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"at": 1_767_225_600_000_000, **fields}


async def test_a_line_that_cannot_be_worded_takes_no_other_along(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with tempfile.TemporaryFile() as file:
        log = AccessLog(file=file.fileno())
        for fields in ({"n": 1}, {"n": 2**70}, {"n": 2, "at": "never"}, {"n": 3}):
            log.write(line(**fields))
        log.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        written = [orjson.loads(one) for one in file.read().splitlines()]

    assert written == [{"at": "2026-01-01T00:00:00Z", "n": number} for number in (1, 3)]
    assert len(caplog.records) == 2

"""Ids of requests, by which callers, operators and the journal name them."""

import os


class _Random:
    """Random bytes in stock: asking the kernel each time was 3 % of a call (bench, Nov 2026)."""

    def __init__(self) -> None:
        self._stock = b""
        self._used = 0

    def ten(self) -> str:
        """Ten of them, in hex."""
        if self._used + 10 > len(self._stock):
            self._stock, self._used = os.urandom(4000), 0
        self._used += 10
        return self._stock[self._used - 10 : self._used].hex()


_RANDOM = _Random()


def new_request_id(now_ns: int) -> str:
    """`foaicmpl-` and 32 hex digits, which begin with the time: ids of a day lie side by side."""
    return f"foaicmpl-{now_ns // 1_000_000:012x}{_RANDOM.ten()}"

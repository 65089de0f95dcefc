"""What the sandbox sends: status, headers, and bytes with pauses between them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import httpx


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take in the sandbox, in seconds."""

    token_s: float = 0.005
    """Between two pieces of a stream: fast, but to be seen."""
    slow_first_s: float = 2.0
    """Before the first piece of `sandbox-slow`."""
    slow_token_s: float = 0.2


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its pieces are sent one by one."""

    pieces: Sequence[bytes]
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    slow: bool = False
    cut: bool = False
    """Break the connection off after half of the pieces."""

    async def body(self, pace: Pace) -> AsyncIterator[bytes]:
        """The pieces, at their pace. Raises httpx.ReadError where it is to break off."""
        if self.slow:
            await asyncio.sleep(pace.slow_first_s)
        between_s = pace.slow_token_s if self.slow else pace.token_s
        end = (len(self.pieces) + 1) // 2 if self.cut else len(self.pieces)
        for number, piece in enumerate(self.pieces[:end]):
            if number:
                await asyncio.sleep(between_s)
            yield piece[: len(piece) // 2] if self.cut and len(self.pieces) == 1 else piece
        if self.cut:
            raise httpx.ReadError("The sandbox broke off, as its model's name promises.")

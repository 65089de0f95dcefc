"""What the sandbox is asked and what it sends: status, headers, and bytes with pauses between."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import httpx
import orjson

_ERROR_TYPES = {429: "rate_limit_error", 500: "server_error"}


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take in the sandbox, in seconds."""

    token_s: float = 0.005
    """Between two pieces of a stream: fast, but to be seen."""
    slow_first_s: float = 2.0
    """Before the first piece of `sandbox-slow`."""
    slow_token_s: float = 0.2
    slow_picture_s: float = 3.0
    """Before `sandbox-image-slow` answers at all."""
    film_s: float = 4.0
    """From a video's creation to its completion."""
    slow_film_s: float = 30.0
    """The same for `sandbox-video-slow`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, its body read, and what else an answer depends on."""

    request: httpx.Request
    pace: Pace
    now_ms: int
    """Milliseconds since 1970."""
    id: str = ""
    """Whatever stands at `{id}` in the path; "" where the path has none."""


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


def error(
    status: int,
    message: str,
    code: str | None = None,
    retry_after: str | None = None,
    param: str | None = None,
) -> Answer:
    """An error in OpenAI's shape; `retry_after` in seconds, `param` the field at fault."""
    kind = "insufficient_quota" if code == "insufficient_quota" else _ERROR_TYPES.get(status)
    kind = kind or "invalid_request_error"
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    headers = {"retry-after": retry_after} if retry_after else {}
    return Answer((orjson.dumps(body),), status, headers=headers)


def too_many() -> Answer:
    """The rate limit of the models whose name ends in 429."""
    message = "Too many requests, as this model's name promises."
    return error(429, message, "rate_limit_exceeded", "1")


def failed() -> Answer:
    """The server error of the models whose name ends in 500."""
    return error(500, "It failed, as this model's name promises.")


def unknown_model(model: str) -> Answer:
    """A model that this endpoint does not have."""
    return error(404, f"The model `{model[:100]}` does not exist.", "model_not_found")

"""OpenAI's shapes, and the few values that travel between endpoints, protocols and relay. Pure.

What every call makes (`UpstreamRequest`, `Reply`, `Exchange`; elsewhere `Asked`, `Leg`, `_Said`)
is not frozen, though nobody changes it: that would be 4 % of a call's instructions (Nov 2026).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from gateway.bodies import Body

Json = Any
"""Whatever JSON can say. The one `Any` that may cross a module's border."""

Chat = dict[str, Json]
"""A chat request in OpenAI's shape, checked by a face: `model` and `messages` are what they say."""

Chunk = Json
"""A chunk in OpenAI's shape; of a relayed stream the event's data, as bytes."""

Headers = tuple[tuple[str, str], ...]
RawHeaders = list[tuple[bytes, bytes]]
"""As ASGI has them: names in small letters."""

BYTES_PER_TOKEN = 4
"""Of UTF-8: four letters of English, one and a third Chinese characters. Tokenizers differ by a
factor of two between models, so nothing finer would be truer."""

FailureKind = Literal[
    "rate",
    "quota",
    "key",
    "overloaded",
    "context_length",
    "content_filter",
    "not_found",
    "bad_request",
    "unreachable",
    "timeout",
    "broken",
]


Codes = tuple[tuple[str, FailureKind], ...]
"""A platform's own codes of errors, and which kind of failure each is: `Dialect.error_codes`."""


class Failure(Exception):
    """What an upstream's error means; which kind is a fact of the wire, what follows is policy.

    Kinds: `rate` (asked too fast), `quota` (out of money), `key` (credential refused), `overloaded`
    (no capacity now), `context_length`, `content_filter`, `not_found` (model), `bad_request` (the
    caller's fault), `unreachable` (no connection), `timeout`, `broken` (failed inside, or an answer
    that is none).
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
        unsent: bool = False,
    ) -> None:
        super().__init__(kind, message)
        self.kind: FailureKind = kind
        self.message = message
        """The upstream's own words, or ours where it said nothing."""
        self.status = status
        """The upstream's HTTP status; None where there was no answer."""
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s
        self.unsent = unsent
        """No connection stood: the upstream surely has nothing of the request."""


@dataclass(slots=True)
class Usage:
    """What a call used, as OpenAI counts: cached within prompt, reasoning within completion."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    images: int = 0
    seconds: float = 0.0
    cache_write_tokens: int = 0
    """Written to the platform's cache by this call; within prompt, as the cached ones are."""
    measured: bool = False
    """True: the upstream reported it. False: the gateway's estimate."""

    def plus(self, other: "Usage") -> "Usage":
        """Both together."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.images + other.images,
            self.seconds + other.seconds,
            self.cache_write_tokens + other.cache_write_tokens,
            self.measured and other.measured,
        )

    def with_text(self, size: int) -> "Usage":
        """Where what came out is not counted yet, that as it is estimated from its text.

        `size`: bytes (UTF-8) that came. A stream that breaks off was not for nothing.
        """
        output = max(self.completion_tokens, tokens_in(size))
        return replace(self, completion_tokens=output, reasoning_tokens=0, measured=False)


def tokens_in(size: int) -> int:
    """A rough number of tokens in a text of this many bytes of UTF-8."""
    return -(-size // BYTES_PER_TOKEN)


def usage_object(usage: Usage) -> dict[str, Json]:
    """OpenAI's usage object."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def duration(seconds: float) -> str:
    """As OpenAI says one, such as `120ms`, `1s`, `1m0s`; rounded up (wire notes, §6)."""
    if seconds < 1:
        return f"{math.ceil(max(seconds, 0) * 1000)}ms"
    whole = math.ceil(seconds)
    return f"{whole // 60}m{whole % 60}s" if whole >= 60 else f"{whole}s"


@dataclass(slots=True)
class UpstreamRequest:
    """A request to a platform, described but not made; the transport adds the credential."""

    method: str
    path: str
    """Appended to the platform's base URL."""
    body: "bytes | Body" = field(default=b"", repr=False)
    """Bytes, or pieces among which are files."""
    headers: Headers = ()
    """Beside the credential's; a Content-Type where it is not JSON."""
    base: str = ""
    """Instead of the platform's base URL; a protocol makes it from that one, so the origin is the
    same. Default: "", the platform's."""


@dataclass(slots=True)
class Reply:
    """Who answers, as the client shall see it: the same in a completion and in all its chunks."""

    id: str
    model: str
    created: int
    """Unix seconds."""

    def completion(self, choices: list[Json]) -> dict[str, Json]:
        """A whole answer with these choices, still without its usage."""
        return self._said("chat.completion", choices)

    def chunk(self, choices: list[Json], *, shows_usage: bool) -> dict[str, Json]:
        """A chunk with these choices; where usage is shown at the end, it is null before."""
        chunk = self._said("chat.completion.chunk", choices)
        if shows_usage:
            chunk["usage"] = None
        return chunk

    def _said(self, what: str, choices: list[Json]) -> dict[str, Json]:
        return {
            "id": self.id,
            "object": what,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


@dataclass(slots=True)
class Answer:
    """A blocking answer in OpenAI's shape, with what it used."""

    completion: dict[str, Json]
    usage: Usage | None
    """None: the upstream did not say."""
    text_length: int
    """Bytes (UTF-8) of text, reasoning and arguments; what an estimate is made of."""
    recall: "dict[str, Recalled]" = field(default_factory=dict)
    """What the platform wants to see again in the next turn, by the id of a tool call."""
    raw: bytes | None = None
    """The body as it came, where it goes to the client as it is; then `completion` is not used."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What an upstream wants back in the next turn, with one tool call of an answer."""

    message: dict[str, Json] = field(default_factory=dict)
    """Fields of the assistant's message, such as `thinking_blocks` or `reasoning_content`."""
    call: dict[str, Json] = field(default_factory=dict)
    """Fields of the call itself, such as `extra_content`."""


class Reader(Protocol):
    """Turns one stream's upstream events into OpenAI chunks; holds all state of that stream."""

    usage: Usage | None
    """What the upstream has reported so far."""
    finished: bool
    """The answer is whole: every choice has its finish reason, or the upstream said it is done."""
    done: bool
    """The upstream has said that nothing more comes."""
    failure: Failure | None
    """Why the answer is none, where the upstream's own words for that have gone to the client."""
    text_length: int
    """Bytes (UTF-8) of text, reasoning and arguments so far; what an estimate is made of."""
    recall: dict[str, Recalled]
    """What the platform wants to see again in the next turn, by the id of a tool call."""

    def feed(self, data: bytes) -> list[Chunk]:
        """The chunks that the data of one event makes. Raises Failure on an error event."""

    def end(self, usage: Usage) -> list[Chunk]:
        """The chunks still owed at a clean end; `usage` is shown where the client asked for it."""


@dataclass(slots=True)
class Exchange:
    """One upstream call, described but not made."""

    request: UpstreamRequest
    answer: Callable[[bytes, Reply], Answer]
    """A whole body to OpenAI's shape. Raises Failure."""
    reader: Callable[[Reply], Reader]
    """A fresh one for a stream."""
    chunks: Callable[[Answer, Reply], list[Chunk]]
    """A whole answer as chunks, for upstreams that answer a stream's request with a whole body."""
    dropped: tuple[str, ...] = ()
    """Fields of the request that the platform is not told of; named in the answer's headers."""
    relays: bool = False
    """The answer goes to the client as it is: client and platform speak the same language."""
    alike: bool = False
    """Events of a stream that differ in one text make chunks that differ in that text alone."""


@dataclass(frozen=True, slots=True)
class Native:
    """A request in the language that client and platform have in common."""

    wire: str
    """Which language: `anthropic`, `gemini` or `responses`."""
    body: dict[str, Json]
    """As it came, key order included."""
    stream: bool
    headers: Mapping[str, str]
    """The client's, with names in small letters."""


@dataclass(frozen=True, slots=True)
class Described:
    """One upstream call that is answered whole, described but not made."""

    request: UpstreamRequest
    read: Callable[[bytes], tuple[dict[str, Json], Usage | None]]
    """A whole body to OpenAI's shape, and what it used where the upstream says so. Raises
    Failure."""

"""What a load asks for: whom, how much of what, and the bytes of one request."""

from dataclasses import dataclass, field

import orjson

from bench import pictures

_MESSAGES: list[dict[str, object]] = [
    {"role": "system", "content": "You are a helpful assistant. " * 6},
    {"role": "user", "content": "Tell me about the history of the printing press. " * 2},
]


@dataclass(frozen=True, slots=True)
class Target:
    """Where the load goes."""

    host: str
    port: int
    path: str
    """Of the chat completions endpoint."""
    key: str = field(default="none", repr=False)
    """The bearer token that is sent along."""
    headers: tuple[tuple[str, str], ...] = ()
    model_prefix: str = ""
    more_events: int = 0
    """Events that it adds to every stream, as bench/check.py counted them; below 0: it joins."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of load. It ends after `requests` or `seconds`, whichever is set and first."""

    name: str
    model: str
    """What the upstream is asked for; see bench/upstream.py."""
    connections: int
    events: int = 0
    """Events of each streamed answer, `[DONE]` not counted; 0: blocking answers."""
    requests: int | None = None
    """Default: no bound."""
    seconds: float | None = None
    """No request starts after them. Default: no bound."""
    per_second: int = 0
    """Events that the upstream sends in a second of one stream, so that lags can be told. 0: as
    fast as it can."""
    spread_s: float = 0.0
    """The connections begin evenly over so long; default: all in the same moment."""
    sample: int = 1
    """Of so many streams one is read event by event; the others several times a second, so that
    reading is not what a thousand streams wait for. Only the one's lags are told."""
    padding: int = 0
    """Bytes by which the request is longer than a usual one."""
    picture_bytes: int = 0
    """Size of a picture in the request, before base64. 0: none."""
    stall_s: float = 30.0
    """What is unanswered this long after `seconds` is an error; without `seconds`, after start."""


def body(scenario: Scenario, prefix: str = "") -> bytes:
    """The JSON that this scenario's requests carry, `prefix` before the model's name."""
    messages: list[dict[str, object]] = [*_MESSAGES]
    if scenario.padding:
        messages.append({"role": "user", "content": "lorem ipsum " * (scenario.padding // 12)})
    if scenario.picture_bytes:
        messages.append({"role": "user", "content": pictures.question(scenario.picture_bytes)})
    request = {"model": prefix + scenario.model, "messages": messages, "temperature": 0.7}
    if scenario.events:
        request["stream"] = True
    return orjson.dumps(request)


def request(target: Target, scenario: Scenario) -> bytes:
    """One of this scenario's requests as it goes to this target, head and body."""
    content = body(scenario, target.model_prefix)
    lines = (
        f"POST {target.path} HTTP/1.1",
        f"host: {target.host}:{target.port}",
        f"authorization: Bearer {target.key}",
        "accept: application/json",
        "user-agent: tokens-bench",
        "content-type: application/json",
        *(f"{name}: {value}" for name, value in target.headers),
        f"content-length: {len(content)}",
        "\r\n",
    )
    return "\r\n".join(lines).encode() + content

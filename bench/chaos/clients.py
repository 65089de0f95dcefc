"""Many clients at once, and what each of them saw: whole, told that it failed, or cut."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import aiohttp
import orjson

from bench.chaos.platform import Content

TIMEOUT_S = 30.0
PAUSE_S = 0.05  # on average, between an answer and the next call
_LOST = (aiohttp.ClientError, ConnectionError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer that a client took for complete."""

    licence: int
    content: Content | None
    """None: its text is not whole, or says something else than its usage."""
    stream: bool
    at_s: float
    """When it was asked for, in seconds of the run."""
    took_s: float


@dataclass
class Seen:
    """What all clients saw."""

    whole: dict[str, Whole] = field(default_factory=dict)
    """By request id."""
    told: dict[str, str] = field(default_factory=dict)
    """Answers that ended in order and say that they failed: id, and status and code."""
    told_inside: Counter[str] = field(default_factory=Counter)
    """Streams that ended with an error, by its code."""
    cut: Counter[str] = field(default_factory=Counter)
    """Connections that broke, by how far the answer was."""
    odd: list[str] = field(default_factory=list)
    """What no gateway should ever send; says what."""

    @property
    def errors(self) -> Counter[str]:
        """Answers that say that they failed, by status and code."""
        return Counter(self.told.values()) + self.told_inside


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks whom for what."""

    urls: Callable[[], Sequence[str]]
    """The gateways that may be asked now."""
    keys: Sequence[tuple[int, str]]
    """Licences: number and key."""
    models: Sequence[str]
    """`platform/model`."""
    chance: random.Random
    began_s: float


async def run(asking: Asking, clients: int, stop: asyncio.Event, seen: Seen) -> None:
    """Let so many clients ask one thing after the other until `stop`."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
        asyncio.TaskGroup() as group,
    ):
        for number in range(clients):
            group.create_task(_client(session, asking, stop, seen, bool(number % 2)))


async def _client(
    session: aiohttp.ClientSession, asking: Asking, stop: asyncio.Event, seen: Seen, stream: bool
) -> None:
    chance = asking.chance
    while not stop.is_set():
        licence, key = chance.choice(asking.keys)
        body = {
            "model": chance.choice(asking.models),
            "messages": [{"role": "user", "content": "Say your number and count."}],
            "max_tokens": 64,
            "stream": stream,
        }
        if stream:
            body["stream_options"] = {"include_usage": True}
        if chance.random() < 0.3:
            body["user"] = f"conversation-{chance.randrange(20)}"
        url = f"{chance.choice(asking.urls())}/v1/chat/completions"
        await _call(_Call(session, url, key, licence, body, asking.began_s), seen)
        await asyncio.sleep(chance.uniform(0, 2 * PAUSE_S))


@dataclass(frozen=True, slots=True)
class _Call:
    session: aiohttp.ClientSession
    url: str
    key: str
    licence: int
    body: dict[str, object]
    began_s: float


async def _call(call: _Call, seen: Seen) -> None:
    at_s = time.monotonic()
    id, text = "", b""
    headers = {"authorization": f"Bearer {call.key}"}
    try:
        async with call.session.post(call.url, json=call.body, headers=headers) as response:
            id = response.headers.get("x-request-id", "")
            async for piece in response.content.iter_any():
                text += piece
    except _LOST as error:
        where = "midway" if text else "before its first byte" if id else "without an answer"
        seen.cut[f"{where}: {type(error).__name__}"] += 1
        return
    took_s = time.monotonic() - at_s
    if response.status != 200:
        seen.told[id] = f"{response.status} {_code(text)}"
        return
    is_stream = bool(call.body["stream"])
    if is_stream and not text.endswith(b"data: [DONE]\n\n"):
        _told_inside(text, id, seen)
        return
    content = _of_stream(text) if is_stream else _of_whole(text)
    seen.whole[id] = Whole(call.licence, content, is_stream, at_s - call.began_s, took_s)


def _told_inside(text: bytes, id: str, seen: Seen) -> None:
    """A stream that ended in order without [DONE]: its last event must say why."""
    last = text.rstrip().rpartition(b"\n")[2].removeprefix(b"data: ")
    code = _code(last)
    if code:
        seen.told_inside[f"inside {code}"] += 1
    else:
        seen.odd.append(f"{id} ended without [DONE] and without an error: {text[-200:]!r}")


def _code(body: bytes) -> str:
    """The code of an error in OpenAI's shape; "" where it is none."""
    try:
        error = orjson.loads(body)["error"]
        return str(error["code"] or error["type"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""


def _of_whole(text: bytes) -> Content | None:
    try:
        answer = orjson.loads(text)
        content = Content.read(answer["choices"][0]["message"]["content"])
        return _agreed(content, answer["usage"])
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return None


def _of_stream(text: bytes) -> Content | None:
    said, reason, usage = "", None, None
    try:
        for line in text.split(b"\n"):
            if not line.startswith(b"data: {"):
                continue
            chunk = orjson.loads(line[6:])
            usage = chunk.get("usage") or usage
            for choice in chunk["choices"]:
                said += choice["delta"].get("content") or ""
                reason = choice["finish_reason"] or reason
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return _agreed(Content.read(said), usage) if reason == "stop" else None


def _agreed(content: Content | None, usage: dict[str, int] | None) -> Content | None:
    """The content, if the usage that came with it is its own."""
    if content is None or usage is None:
        return None
    told = usage["prompt_tokens"], usage["completion_tokens"]
    return content if told == content.tokens else None

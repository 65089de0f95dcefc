"""A mock OpenAI-compatible upstream, much faster than what is measured in front of it.

Every answer is encoded once; a request costs one small JSON parse and the writes. The model's
name says what a streamed answer looks like:

    bench-stream-100     100 events, each its own write, as fast as the loop turns
    bench-paced-100-50   100 events, 50 a second
    bench-cut-5          5 events, then the connection is closed
"""

import argparse
import asyncio
import itertools
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import httptools
import orjson
import uvloop
from typing_extensions import override

HOST = "127.0.0.1"
CHAT_MODEL = "bench-chat"
DEFAULT_EVENTS = 100
MAX_EVENTS = 100_000  # of one answer; they are kept encoded
WORD = " lorem"  # the content of one event; a blocking answer is ANSWER_WORDS of them
ANSWER_WORDS = 60
_CREATED = 1_767_225_600
_GOLDEN = 0.618033988749895  # multiples of it, modulo 1, spread evenly
_USAGE = {
    "prompt_tokens": 62,
    "completion_tokens": ANSWER_WORDS,
    "total_tokens": 62 + ANSWER_WORDS,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer as the writes it is made of, encoded."""

    writes: tuple[bytes, ...]
    """The first one begins with the head."""
    interval_s: float = 0.0
    """Seconds from one write to the next; 0: the loop's next turn."""
    is_cut: bool = False
    """Close the connection after the last write. Default: keep it."""


async def listen(port: int = 0) -> asyncio.Server:
    """A listening upstream on loopback; port 0: a free one. The caller closes it."""
    loop = asyncio.get_running_loop()
    wheel = _Wheel(loop)
    return await loop.create_server(lambda: _Connection(wheel), HOST, port, backlog=1024)


def port_of(server: asyncio.Server) -> int:
    """The port that a server listens on."""
    port: int = server.sockets[0].getsockname()[1]
    return port


def choose(method: bytes, path: bytes, body: bytes) -> Answer:
    """What this upstream answers to a request."""
    if method == b"GET" and path == b"/v1/models":
        return _models()
    if method != b"POST" or path != b"/v1/chat/completions":
        from bench import upstream_languages  # which builds its answers from what is here

        if method == b"POST" and (answer := upstream_languages.choose(path, body)):
            return answer
        return _refusal(404, "the mock upstream answers GET /v1/models and POST chat/completions")
    try:
        request = orjson.loads(body)
        model = str(request["model"])
        options = request.get("stream_options") or {}
        return _chat(model, bool(request.get("stream")), bool(options.get("include_usage")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return _refusal(400, f"cannot read the request: {error}")


@lru_cache(maxsize=256)
def _chat(model: str, is_stream: bool, with_usage: bool) -> Answer:
    if not is_stream:
        return _blocking(model)
    kind, count, per_second = plan(model)
    # Where usage is asked for, OpenAI puts a null into all chunks but the last.
    extra: dict[str, object] = {"usage": None} if with_usage else {}
    events = [_chunk(model, [choice], extra) for choice in _choices(count)]
    if kind != "cut":
        events += [_chunk(model, [], {"usage": _USAGE})] if with_usage else []
        events.append(b"data: [DONE]\n\n")
    interval_s = 1 / per_second if per_second else 0.0
    return streamed(events, interval_s, is_cut=kind == "cut")


def streamed(events: list[bytes], interval_s: float, *, is_cut: bool = False) -> Answer:
    """A stream of these encoded events, each its own write."""
    writes = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    writes[0] = _stream_head() + writes[0]
    writes[-1] += b"" if is_cut else b"0\r\n\r\n"
    return Answer(tuple(writes), interval_s, is_cut=is_cut)


def plan(model: str) -> tuple[str, int, int]:
    """Kind, events and events a second (0: unpaced) that a model's name asks for."""
    kind, _, numbers = model.removeprefix("bench-").partition("-")
    if kind not in {"stream", "paced", "cut"}:
        return "stream", DEFAULT_EVENTS, 0
    events, _, per_second = numbers.partition("-")
    return kind, min(max(int(events), 2), MAX_EVENTS), int(per_second or 0)


def _choices(count: int) -> list[dict[str, object]]:
    """As OpenAI sends them: the role first, then content, the finish reason last."""
    deltas = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"content": WORD}] * (count - 2)
    open_ends: list[dict[str, object]] = [
        {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None} for delta in deltas
    ]
    return [*open_ends, {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]


def _chunk(model: str, choices: list[dict[str, object]], extra: dict[str, object]) -> bytes:
    chunk = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": _CREATED}
    chunk |= {"model": model, "service_tier": "default", "system_fingerprint": "fp_bench"}
    return b"data: " + orjson.dumps(chunk | {"choices": choices} | extra) + b"\n\n"


def _blocking(model: str) -> Answer:
    message = {"role": "assistant", "content": WORD * ANSWER_WORDS, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    completion = {"id": "chatcmpl-bench", "object": "chat.completion", "created": _CREATED}
    completion |= {"model": model, "choices": [choice], "usage": _USAGE}
    return whole(200, completion | {"service_tier": "default", "system_fingerprint": "fp_bench"})


def _models() -> Answer:
    names = (CHAT_MODEL, f"bench-stream-{DEFAULT_EVENTS}", f"bench-paced-{DEFAULT_EVENTS}-50")
    rows = [{"id": n, "object": "model", "created": _CREATED, "owned_by": "bench"} for n in names]
    return whole(200, {"object": "list", "data": rows})


def _refusal(status: int, message: str) -> Answer:
    kind = "invalid_request_error"
    error = {"message": message, "type": kind, "param": None, "code": None}
    return whole(status, {"error": error})


def whole(status: int, content: object) -> Answer:
    """A blocking answer: this content as JSON."""
    body = orjson.dumps(content)
    head = b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return Answer((head % (status, b"OK" if status == 200 else b"Refused", len(body)) + body,))


def _stream_head() -> bytes:
    fields = (b"content-type: text/event-stream", b"transfer-encoding: chunked")
    return b"\r\n".join((b"HTTP/1.1 200 OK", *fields, b"cache-control: no-cache", b"", b""))


class _Wheel:
    """Whose turn it is to write: one timer for all paced streams, a list for each millisecond.

    A timer for each event was a third of what sending it cost (Nov 2026).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: dict[int, list[_Connection]] = {}
        self._next = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, connection: "_Connection", due_s: float) -> None:
        """Let this connection write at this moment, or in the next turn."""
        if self._timer is None:
            self._next = int(self._loop.time() * 1000)
            self._timer = self._loop.call_later(0.001, self._turn)
        self._due.setdefault(max(int(due_s * 1000), self._next), []).append(connection)

    def _turn(self) -> None:
        now = int(self._loop.time() * 1000)
        while self._next <= now:
            due = self._due.pop(self._next, ())
            self._next += 1  # before they write, so that nobody is added to what is over
            for connection in due:
                connection.write_next()
        self._timer = None
        if self._due:
            self._timer = self._loop.call_later(0.001, self._turn)


class _Connection(asyncio.Protocol):
    """One connection from whatever is being measured; answers its requests one by one."""

    _numbers = itertools.count()

    def __init__(self, wheel: _Wheel) -> None:
        self._wheel = wheel
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""
        self._body: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self._sent = 0
        self._due_s = 0.0
        self._is_paused = False

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    @override
    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if self._transport is not None:
                self._transport.abort()

    @override
    def pause_writing(self) -> None:
        self._is_paused = True

    @override
    def resume_writing(self) -> None:
        self._is_paused = False
        self.write_next()

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Choose the answer and send its first write."""
        path, body = self._path, b"".join(self._body)
        self._path = b""
        self._body.clear()
        self._answer = choose(self._parser.get_method(), path, body)
        self._sent = 0
        self._due_s = self._loop.time()
        if interval_s := self._answer.interval_s:
            # The phase of this stream: streams that start together must not beat together.
            self._due_s += next(self._numbers) * _GOLDEN % 1 * interval_s
            self._wheel.add(self, self._due_s)
        else:
            self.write_next()

    def write_next(self) -> None:
        """Write one piece and arrange for the next, in its own turn of the loop."""
        answer, transport = self._answer, self._transport
        if answer is None or transport is None or self._is_paused:
            return
        transport.write(answer.writes[self._sent])
        self._sent += 1
        if self._sent == len(answer.writes):
            self._answer = None
            if answer.is_cut:
                transport.close()
        elif answer.interval_s:
            self._due_s += answer.interval_s
            self._wheel.add(self, self._due_s)
        else:
            self._loop.call_soon(self.write_next)


async def _serve(port: int) -> None:
    server = await listen(port)
    sys.stdout.write(f"mock upstream: http://{HOST}:{port_of(server)}/v1\n")
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    uvloop.run(_serve(parser.parse_args().port))

"""Anthropic's Messages API for clients that speak it themselves: relayed as it is, and observed.

Sources: wire notes anthropic §0-§3, §5 (anthropic 2.12.0 and 1.17.0, Nov 2026).
"""

import orjson

from gateway.protocols import base
from gateway.protocols.anthropic_stream import failure_in, read_usage
from gateway.protocols.base import loads, without_chunks
from gateway.shapes import (
    Answer,
    Described,
    Exchange,
    Failure,
    Json,
    Native,
    Recalled,
    Reply,
    UpstreamRequest,
    Usage,
)
from gateway.values import size
from platforms.routes import Route

_TEXTS = ("text", "thinking", "partial_json")


def relayed(native: Native, route: Route, version: str) -> Exchange:
    """The client's own message, under the upstream's model name.

    `version`: of the API, where the client names none.
    """
    return Exchange(
        request=_request("/messages", native, route, version),
        answer=_whole,
        reader=lambda _reply: Observer(),
        chunks=without_chunks,
        relays=True,
    )


def counted(native: Native, route: Route, version: str) -> Described:
    """The client's own question how many tokens a message has."""
    return Described(_request("/messages/count_tokens", native, route, version), _count)


def _count(body: bytes) -> tuple[dict[str, Json], None]:
    answer = loads(body)
    if failure := failure_in(answer):
        raise failure
    base.counted(answer.get("input_tokens"))
    return answer, None


def _request(path: str, native: Native, route: Route, version: str) -> UpstreamRequest:
    body = {**native.body, "model": route.upstream_model}
    data = base.dumped(body)
    if b'"signature":""' in data and isinstance(body.get("messages"), list):
        body["messages"] = [_unsigned(message) for message in body["messages"]]
        data = orjson.dumps(body)
    headers = [("anthropic-version", native.headers.get("anthropic-version", version))]
    if beta := native.headers.get("anthropic-beta"):
        headers.append(("anthropic-beta", beta))
    return UpstreamRequest("POST", path, data, tuple(headers))


def _unsigned(message: Json) -> Json:
    """A turn without thinking that nobody signed: other platforms', which Claude refuses (§7)."""
    if not isinstance(message, dict) or not isinstance(message.get("content"), list):
        return message
    kept = [block for block in message["content"] if not _is_unsigned(block)]
    return {**message, "content": kept}


def _is_unsigned(block: Json) -> bool:
    is_thinking = isinstance(block, dict) and block.get("type") == "thinking"
    return is_thinking and block.get("signature") == ""


def _whole(body: bytes, _reply: Reply) -> Answer:
    message = loads(body)
    if failure := failure_in(message):
        raise failure
    blocks = message.get("content")
    if not isinstance(blocks, list):
        raise Failure("broken", "The platform's answer has no 'content'.")
    length = sum(_text_length(block) for block in blocks)
    return Answer(message, read_usage(message.get("usage")), length, raw=body)


def _text_length(block: dict[str, Json]) -> int:
    length = sum(size(block[name]) for name in _TEXTS if isinstance(block.get(name), str))
    return length + len(orjson.dumps(block["input"])) if block.get("input") else length


class Observer:
    """Looks at a stream that goes by: its usage, and whether it ends whole."""

    def __init__(self) -> None:
        self._reported: Usage | None = None
        self._is_counted = False
        self.finished = False
        self.done = False
        self.text_length = 0
        self.recall: dict[str, Recalled] = {}
        self._usage: dict[str, Json] = {}

    @property
    def usage(self) -> Usage | None:
        """What was reported; before the last event, what came out is estimated from its text."""
        if self._reported is None or self._is_counted:
            return self._reported
        return self._reported.with_text(self.text_length)

    @usage.setter
    def usage(self, usage: Usage | None) -> None:
        self._reported, self._is_counted = usage, True

    def feed(self, data: bytes) -> list[Json]:
        """The event as it came. Raises Failure on an error event."""
        if not data:
            return []
        if data.startswith(b"[DONE]"):  # not Anthropic's, but of others who speak its language
            self.finished = self.done = True
            return []
        event = loads(data)
        if failure := failure_in(event):
            raise failure
        kind = event.get("type")
        if kind == "content_block_delta":
            delta = event["delta"]
            self.text_length += sum(size(delta[name]) for name in _TEXTS if name in delta)
        elif kind in ("message_start", "message_delta"):
            said = event["message"] if kind == "message_start" else event
            given = said.get("usage") or {}
            # Cumulative: what comes later replaces what came before (§3).
            self._usage |= {name: value for name, value in given.items() if value is not None}
            self._reported = read_usage(self._usage)
            self._is_counted = kind == "message_delta" and "output_tokens" in given
        elif kind == "message_stop":
            self.finished = self.done = True
        return [data]

    def end(self, _usage: Usage) -> list[Json]:
        """Nothing: the platform has said everything itself."""
        return []

"""Anthropic's Messages API for clients that speak it themselves: relayed as it is, and observed.

Sources: wire notes anthropic §0-§3, §5 (anthropic 2.12.0 and 1.17.0, Nov 2026).
"""

import orjson
from typing_extensions import override

from gateway.protocols import base
from gateway.protocols.anthropic_stream import failure_in, read_usage
from gateway.protocols.base import loads
from gateway.protocols.observing import Observer, observed
from gateway.shapes import (
    Answer,
    Described,
    Exchange,
    Failure,
    Json,
    Native,
    UpstreamRequest,
)
from gateway.values import size
from platforms.routes import Route

_TEXTS = ("text", "thinking", "partial_json")


def relayed(native: Native, route: Route, version: str) -> Exchange:
    """The client's own message, under the upstream's model name.

    `version`: of the API, where the client names none.
    """
    return observed(_request("/messages", native, route, version), _whole, _Observer)


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


def _whole(body: bytes) -> Answer:
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


class _Observer(Observer):
    done_is_the_end = True

    def __init__(self) -> None:
        super().__init__()
        self._usage: dict[str, Json] = {}

    @override
    def look(self, event: dict[str, Json]) -> None:
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
            # The first one says of what comes out only the first token or so.
            self._is_counted = kind == "message_delta" and "output_tokens" in given
        elif kind == "message_stop":
            self.finished = self.done = True

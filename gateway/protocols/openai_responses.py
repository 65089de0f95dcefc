"""OpenAI's Responses API of platforms that have one: relayed as it is, and observed.

`store` and `previous_response_id` go to the platform, which keeps the state. Source: wire notes
openai-responses §1, §3, §4 (OpenAI's API document, Nov 2026).
"""

import orjson
from typing_extensions import override

from gateway.protocols.base import dumped, loads
from gateway.protocols.observing import Observer, observed
from gateway.protocols.openai_errors import failure_in
from gateway.shapes import (
    Answer,
    Codes,
    Exchange,
    Failure,
    Json,
    Native,
    UpstreamRequest,
    Usage,
)
from gateway.values import as_count, size
from platforms.routes import Route

_CODES: Codes = (
    ("invalid_prompt", "bad_request"),
    ("bio_policy", "content_filter"),
    ("image_content_policy_violation", "content_filter"),
    ("vector_store_timeout", "timeout"),
)
"""Codes of failed responses (§4) that say more than that it failed."""
_TERMINAL = ("response.completed", "response.incomplete", "response.failed")


def relayed(native: Native, route: Route) -> Exchange:
    """The client's own request, under the upstream's model name."""
    body = {**native.body, "model": route.upstream_model}
    return observed(UpstreamRequest("POST", "/responses", dumped(body)), _whole, _Observer)


def read_usage(usage: Json) -> Usage | None:
    """The usage object of a response; None where it is missing or not one."""
    if not isinstance(usage, dict) or "input_tokens" not in usage:
        return None
    given = usage.get("input_tokens_details") or {}
    made = usage.get("output_tokens_details") or {}
    return Usage(
        prompt_tokens=as_count(usage.get("input_tokens")),
        completion_tokens=as_count(usage.get("output_tokens")),
        cached_tokens=as_count(given.get("cached_tokens")),
        cache_write_tokens=as_count(given.get("cache_write_tokens")),
        reasoning_tokens=as_count(made.get("reasoning_tokens")),
        measured=True,
    )


def _whole(body: bytes) -> Answer:
    response = loads(body)
    if "output" not in response:
        if failure := failure_in(response):
            raise failure
        raise Failure("broken", "The platform's answer has no 'output'.")
    length = len(orjson.dumps(response["output"]))
    return Answer(response, read_usage(response.get("usage")), length, raw=body)


class _Observer(Observer):
    @override
    def look(self, event: dict[str, Json]) -> None:
        kind = event.get("type")
        if isinstance(event.get("delta"), str):
            self.text_length += size(event["delta"])
        elif kind in _TERMINAL:
            response = event["response"]
            self.usage = read_usage(response.get("usage"))
            self.done = True
            self.finished = kind != "response.failed"
            if not self.finished:
                self.failure = _failure(response.get("error"))
        elif kind == "error":  # flat, not nested (§4)
            raise _failure({**event, "type": None})


def _failure(error: Json) -> Failure:
    return failure_in({"error": error}, _CODES) or Failure("broken", "The response failed.")

"""The sandbox's chat models: they echo, describe what they are given, call tools and count tokens.

Models: `sandbox-chat`, and with failures by name `sandbox-429`, `-quota`, `-401`, `-500`, `-html`,
`-slow`, `-cut`.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any

import orjson

from gateway.sandbox import replies
from gateway.sandbox.answers import Answer, Asked, error, failed, too_many, unknown_model
from gateway.sandbox.checks import check
from gateway.sandbox.replies import Reply

_FAILURES: dict[str, Callable[[], Answer]] = {
    "sandbox-429": too_many,
    "sandbox-quota": lambda: error(
        429, "No credit left, as this model's name promises.", "insufficient_quota"
    ),
    "sandbox-401": lambda: error(
        401, "Wrong key, as this model's name promises.", "invalid_api_key"
    ),
    "sandbox-500": failed,
    "sandbox-html": lambda: Answer(
        (b"<html><body><h1>502 Bad Gateway</h1></body></html>",), 502, "text/html"
    ),
}
MODELS = ("sandbox-chat", "sandbox-slow", "sandbox-cut", *_FAILURES)


def completions(asked: Asked) -> Answer:
    """`POST /v1/chat/completions`, blocking and streamed. Raises Refused."""
    try:
        chat = check(orjson.loads(asked.request.content))
    except orjson.JSONDecodeError:
        return error(400, "The body is not JSON; a chat request is a JSON object.", "invalid_json")
    model = chat["model"]
    if model in _FAILURES:
        return _FAILURES[model]()
    if model not in MODELS:
        return unknown_model(model)
    answers = [replies.reply(chat)] * (chat.get("n") or 1)
    usage = _usage(chat, answers)
    pieces = _stream(chat, answers, usage) if chat.get("stream") else [_whole(chat, answers, usage)]
    return Answer(
        pieces,
        content_type="text/event-stream" if chat.get("stream") else "application/json",
        slow=model == "sandbox-slow",
        cut=model == "sandbox-cut",
    )


def _usage(chat: dict[str, Any], answers: list[Reply]) -> dict[str, Any]:
    prompt = replies.prompt_tokens(chat)
    completion = sum(answer.tokens for answer in answers)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _head(chat: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-sandbox-{secrets.token_hex(8)}",
        "object": kind,
        "created": time.time_ns() // 1_000_000_000,
        "model": chat["model"],
    }


def _whole(chat: dict[str, Any], answers: list[Reply], usage: dict[str, Any]) -> bytes:
    choices = []
    for index, answer in enumerate(answers):
        message: dict[str, Any] = {
            "role": "assistant",
            "content": "".join(answer.pieces) if not answer.calls else None,
            "refusal": None,
        }
        if answer.calls:
            message["tool_calls"] = [
                _call(name, arguments, number) for number, (name, arguments) in _numbered(answer)
            ]
        choices.append(
            {
                "index": index,
                "message": message,
                "logprobs": None,
                "finish_reason": answer.finish_reason,
            }
        )
    return orjson.dumps({**_head(chat, "chat.completion"), "choices": choices, "usage": usage})


def _stream(chat: dict[str, Any], answers: list[Reply], usage: dict[str, Any]) -> list[bytes]:
    head = _head(chat, "chat.completion.chunk")
    shows_usage = bool((chat.get("stream_options") or {}).get("include_usage"))
    if shows_usage:
        head["usage"] = None
    events = []

    def event(index: int, delta: dict[str, Any], reason: str | None = None) -> None:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
        events.append(_event({**head, "choices": [choice]}))

    for index, answer in enumerate(answers):
        event(index, {"role": "assistant", "content": None if answer.calls else ""})
        for number, (name, arguments) in _numbered(answer):
            call = _call(name, "", number)
            event(index, {"tool_calls": [{"index": number, **call}]})
            for piece in replies.tokens(arguments):
                fragment = {"index": number, "function": {"arguments": piece}}
                event(index, {"tool_calls": [fragment]})
        for piece in answer.pieces if not answer.calls else ():
            event(index, {"content": piece})
        event(index, {}, answer.finish_reason)
    if shows_usage:
        events.append(_event({**head, "choices": [], "usage": usage}))
    return [*events, b"data: [DONE]\n\n"]


def _numbered(answer: Reply) -> list[tuple[int, tuple[str, str]]]:
    return list(enumerate(answer.calls))


def _call(name: str, arguments: str, number: int) -> dict[str, Any]:
    # The same id for the same call, so that a stream adds up to the blocking answer.
    digest = hashlib.sha256(f"{name} {number}".encode()).hexdigest()[:12]
    return {
        "id": f"call_{digest}",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"

"""Tokens where the upstream reported none: a rough count, marked as estimated. Pure."""

from typing import Any

import orjson

from gateway.shapes import Chat, Usage, tokens_in
from gateway.values import size as size_of

_TOKENS_PER_MESSAGE = 4  # role and separators
_TOKENS_PER_FILE = 500  # a picture, document or sound of unknown size


def usage(chat: Chat, completion_bytes: int) -> Usage:
    """What a chat used, when only the request and the length of its answer are known."""
    return Usage(
        prompt_tokens=prompt_tokens(chat),
        completion_tokens=tokens_in(completion_bytes),
        measured=False,
    )


def usage_of_sizes(prompt_bytes: int, completion_bytes: int) -> Usage:
    """The same where of the request only the size is known."""
    return Usage(
        prompt_tokens=tokens_in(prompt_bytes), completion_tokens=tokens_in(completion_bytes)
    )


def embedding_usage(given: Any) -> Usage:
    """What embedding these texts, or lists of tokens, used."""
    if isinstance(given, str):
        return Usage(prompt_tokens=tokens_in(size_of(given)))
    if given and isinstance(given[0], int):
        return Usage(prompt_tokens=len(given))
    return Usage(prompt_tokens=sum(embedding_usage(one).prompt_tokens for one in given))


def prompt_tokens(chat: Chat) -> int:
    """Tokens of a request: its messages, its parts, its tools."""
    size, count = 0, 0
    for message in chat["messages"]:
        count += _TOKENS_PER_MESSAGE
        content = message.get("content")
        if isinstance(content, str):
            size += size_of(content)
        elif isinstance(content, list):
            for part in content:
                part_size, part_count = _part(part)
                size, count = size + part_size, count + part_count
        if message.get("tool_calls"):
            size += len(orjson.dumps(message["tool_calls"]))
    if chat.get("tools"):
        size += len(orjson.dumps(chat["tools"]))
    return count + tokens_in(size)


def _part(part: dict[str, Any]) -> tuple[int, int]:
    text = part.get("text")
    if isinstance(text, str):
        return size_of(text), 0
    return 0, _TOKENS_PER_FILE

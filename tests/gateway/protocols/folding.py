"""A stream's chunks added up as SDKs add them up."""

from typing import Any

import orjson


def meant(choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Choices with the arguments of their calls as objects, however they were spaced."""
    for choice in choices:
        for call in choice["message"].get("tool_calls") or ():
            call["function"]["arguments"] = orjson.loads(call["function"]["arguments"])
    return choices


def folded(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The choices of the whole answer that a stream says."""
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for one in chunk["choices"]:
            choice = choices.setdefault(
                one["index"],
                {"index": one["index"], "message": {}, "logprobs": None, "finish_reason": None},
            )
            assert choice["finish_reason"] is None, "something came after the finish chunk"
            assert choice["message"] or one["delta"].get("role") == "assistant", "role comes first"
            choice["finish_reason"] = one["finish_reason"]
            if one.get("logprobs"):
                choice["logprobs"] = choice["logprobs"] or {"content": [], "refusal": None}
                choice["logprobs"]["content"] += one["logprobs"]["content"]
            _add(choice["message"], one["delta"])
    for choice in choices.values():
        message = choice["message"]
        message.setdefault("refusal", None)
        if not message.get("content"):
            said = {"tool_calls", "images"} & message.keys() or message["refusal"]
            message["content"] = None if said else ""
    return [choice for _, choice in sorted(choices.items())]


def _add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for key, value in delta.items():
        if isinstance(value, list):
            entries = message.setdefault(key, [])
            for entry in value:
                _entry(entries, dict(entry))
        elif isinstance(value, str) and key in message and key != "role":
            message[key] += value
        else:
            message[key] = value


def _entry(entries: list[Any], entry: dict[str, Any]) -> None:
    index = entry.pop("index", len(entries))
    if index == len(entries):
        entries.append(
            {**entry, "function": dict(entry["function"])} if "function" in entry else entry
        )
        return
    assert entry.keys() == {"function"}, "id and type come once"
    entries[index]["function"]["arguments"] += entry["function"]["arguments"]

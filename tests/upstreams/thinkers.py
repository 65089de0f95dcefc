"""Upstreams that think, call two tools at once, and insist on what their platforms insist on.

Each plays a model that in every turn calls `add` and `multiply`, five times, and then says it is
done. Each refuses, as the real ones do, a turn whose reasoning did not come back as it was given,
results that do not stand where they must, and calls that were changed on the way.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.upstreams import Connection, Play, answer, stream

TURNS = 5
TOOLS = ("add", "multiply")
FINAL = "Done: all sums are made."

Usage = dict[str, int]
"""As OpenAI counts: prompt, cached, written, completion, reasoning."""
USED: Usage = {"prompt": 100, "cached": 60, "written": 15, "completion": 40, "reasoning": 25}


class Refused(Exception):
    """The platform's 400."""


@dataclass
class Thinker:
    """One conversation; what was given in each turn, and what was wrong with what came back."""

    respond: Callable[["Thinker", dict[str, Any], str], tuple[Any, list[tuple[str, Any]]]]
    refusals: list[str] = field(default_factory=list)
    turns: int = 0
    bodies: list[bytes] = field(default_factory=list)

    def play(self) -> Play:
        """For `Upstream.default`."""

        async def played(peer: Connection) -> None:
            asked = peer.request.json
            self.bodies.append(peer.request.body)
            try:
                whole, events = self.respond(self, asked, peer.request.path)
            except Refused as refused:
                self.refusals.append(str(refused))
                error = {"type": "invalid_request_error", "message": str(refused), "code": 400}
                await answer({"type": "error", "error": error}, 400)(peer)
                return
            self.turns += 1
            if asked.get("stream") or "streamGenerateContent" in peer.request.path:
                await stream(*(_event(name, data) for name, data in events))(peer)
            else:
                await answer(whole)(peer)

        return played


def _event(name: str, data: Any) -> bytes:
    head = f"event: {name}\n".encode() if name else b""
    body = data if isinstance(data, bytes) else orjson.dumps(data)
    return head + b"data: " + body + b"\n\n"


def _require(fact: bool, what: str) -> None:
    if not fact:
        raise Refused(what)


def _arguments(turn: int) -> dict[str, int]:
    return {"a": turn, "b": 2}


def _signature(turn: int) -> str:
    return base64.b64encode(b"signed %d" % turn).decode("ascii")


# --- Anthropic -----------------------------------------------------------------------------------


def anthropic() -> Thinker:
    """Signed thinking before the calls; all results in the next message, before its text."""
    return Thinker(_anthropic)


def _anthropic(thinker: Thinker, asked: dict[str, Any], path: str) -> tuple[Any, Any]:
    _require(path == "/v1/messages", f"No such path: {path}")
    turn = 0
    messages = asked["messages"]
    for number, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        blocks = message["content"]
        _require(
            blocks[0] == _thought(turn),
            f"messages.{number}: the thinking of turn {turn} must come first, unmodified",
        )
        _require(
            [b for b in blocks if b["type"] == "tool_use"] == _uses(turn),
            f"messages.{number}: other calls than were made",
        )
        results = messages[number + 1]["content"][:2]
        _require(
            [(r.get("type"), r.get("tool_use_id")) for r in results]
            == [("tool_result", use["id"]) for use in _uses(turn)],
            f"messages.{number + 1}: each tool_use must have its tool_result first",
        )
        turn += 1
    _require([t["name"] for t in asked["tools"]] == list(TOOLS), "tools: others, or in other order")
    blocks = [_thought(turn), *_uses(turn)] if turn < TURNS else [{"type": "text", "text": FINAL}]
    message = {
        "id": f"msg_{turn}",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": blocks,
        "stop_reason": "tool_use" if turn < TURNS else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": USED["prompt"] - USED["cached"] - USED["written"],
            "cache_creation_input_tokens": USED["written"],
            "cache_read_input_tokens": USED["cached"],
            "output_tokens": USED["completion"],
            "output_tokens_details": {"thinking_tokens": USED["reasoning"]},
        },
    }
    return message, _anthropic_events(message)


def _thought(turn: int) -> dict[str, Any]:
    return {"type": "thinking", "thinking": f"Turn {turn}, hm.", "signature": _signature(turn)}


def _uses(turn: int) -> list[dict[str, Any]]:
    return [
        {"type": "tool_use", "id": f"toolu_{turn}_{name}", "name": name, "input": _arguments(turn)}
        for name in TOOLS
    ]


def _anthropic_events(message: dict[str, Any]) -> list[tuple[str, Any]]:
    usage = message["usage"]
    start = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(message["content"]):
        empty, deltas = _anthropic_deltas(block)
        place = {"index": index}
        events.append({"type": "content_block_start", **place, "content_block": empty})
        events += [{"type": "content_block_delta", **place, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", **place})
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": end, "usage": usage})
    events.append({"type": "message_stop"})
    return [(event["type"], event) for event in events]


def _anthropic_deltas(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if block["type"] == "thinking":
        thought = block["thinking"]
        return {"type": "thinking", "thinking": "", "signature": ""}, [
            {"type": "thinking_delta", "thinking": thought[:4]},
            {"type": "thinking_delta", "thinking": thought[4:]},
            {"type": "signature_delta", "signature": block["signature"]},
        ]
    if block["type"] == "tool_use":
        text = orjson.dumps(block["input"]).decode()
        pieces = ("", text[:3], text[3:])
        return {**block, "input": {}}, [
            {"type": "input_json_delta", "partial_json": piece} for piece in pieces
        ]
    return {"type": "text", "text": ""}, [{"type": "text_delta", "text": block["text"]}]


# --- Gemini --------------------------------------------------------------------------------------


def gemini() -> Thinker:
    """A thought signature on the first of parallel calls, which must come back with it."""
    return Thinker(_gemini)


def _gemini(thinker: Thinker, asked: dict[str, Any], path: str) -> tuple[Any, Any]:
    _require("/models/gemini-3-flash:" in path, f"No such path: {path}")
    turn = 0
    contents = asked["contents"]
    for number, content in enumerate(contents):
        if content["role"] != "model":
            continue
        calls = [part for part in content["parts"] if "functionCall" in part]
        _require(
            calls == _function_calls(turn),
            f"contents[{number}]: Function call is missing a thought_signature, or was changed",
        )
        answers = [p.get("functionResponse") or {} for p in contents[number + 1]["parts"]][:2]
        _require(
            [one.get("name") for one in answers] == list(TOOLS),
            f"contents[{number + 1}]: one response for each call, in one content",
        )
        turn += 1
    declared = [tool["name"] for tool in asked["tools"][0]["functionDeclarations"]]
    _require(declared == list(TOOLS), "tools: others, or in other order")
    thought = {"text": f"Turn {turn}, hm.", "thought": True}
    parts = [thought, *_function_calls(turn)] if turn < TURNS else [{"text": FINAL}]
    usage = {
        "promptTokenCount": USED["prompt"],
        "cachedContentTokenCount": USED["cached"],
        "candidatesTokenCount": USED["completion"] - USED["reasoning"],
        "thoughtsTokenCount": USED["reasoning"],
        "totalTokenCount": USED["prompt"] + USED["completion"],
    }
    facts = {"usageMetadata": usage, "modelVersion": "gemini-3-flash", "responseId": f"r{turn}"}
    end = {"index": 0, "finishReason": "STOP"}
    whole = {"candidates": [{"content": {"role": "model", "parts": parts}, **end}], **facts}
    events: list[tuple[str, Any]] = [
        ("", {"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}], **facts})
        for part in parts
    ]
    last = {"content": {"role": "model", "parts": [{"text": ""}]}, **end}
    return whole, [*events, ("", {"candidates": [last], **facts})]


def _function_calls(turn: int) -> list[dict[str, Any]]:
    first, second = (
        {"functionCall": {"name": name, "args": _arguments(turn), "id": f"fc_{turn}_{name}"}}
        for name in TOOLS
    )
    return [{**first, "thoughtSignature": _signature(turn)}, second]


# --- OpenAI's dialect of DeepSeek and kin --------------------------------------------------------


def deepseek() -> Thinker:
    """`reasoning_content` must come back with the calls that it led to."""
    return Thinker(_deepseek)


def _deepseek(thinker: Thinker, asked: dict[str, Any], path: str) -> tuple[Any, Any]:
    _require(path.endswith("/chat/completions"), f"No such path: {path}")
    turn = 0
    messages = asked["messages"]
    for number, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        _require(
            message.get("reasoning_content") == f"Turn {turn}, hm.",
            f"messages[{number}]: Missing `reasoning_content` field in the assistant message",
        )
        calls = [(c["id"], c["function"]["name"]) for c in message["tool_calls"]]
        _require(
            calls == [(call["id"], call["function"]["name"]) for call in _tool_calls(turn)],
            f"messages[{number}]: other calls than were made",
        )
        answers = messages[number + 1 : number + 3]
        _require(
            [(a["role"], a.get("tool_call_id")) for a in answers]
            == [("tool", call["id"]) for call in _tool_calls(turn)],
            f"messages[{number + 1}]: each call must be answered at once",
        )
        turn += 1
    _require(
        [tool["function"]["name"] for tool in asked["tools"]] == list(TOOLS),
        "tools: others, or in other order",
    )
    usage = {
        "prompt_tokens": USED["prompt"],
        "completion_tokens": USED["completion"],
        "total_tokens": USED["prompt"] + USED["completion"],
        "prompt_tokens_details": {"cached_tokens": USED["cached"]},
        "completion_tokens_details": {"reasoning_tokens": USED["reasoning"]},
    }
    facts = {"id": f"c{turn}", "created": 1, "model": "deepseek", "object": "chat.completion"}
    said: dict[str, Any] = {"role": "assistant", "content": FINAL}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": FINAL}]
    reason = "stop"
    if turn < TURNS:
        thought, made, reason = f"Turn {turn}, hm.", _tool_calls(turn), "tool_calls"
        said |= {"content": "", "reasoning_content": thought, "tool_calls": made}
        deltas = [{"role": "assistant", "content": None, "reasoning_content": thought[:4]}]
        deltas += [{"reasoning_content": thought[4:]}, *_call_deltas(made)]
    whole = {**facts, "choices": [{"index": 0, "message": said, "finish_reason": reason}]}
    pieces: list[dict[str, Any]] = [
        {"index": 0, "delta": delta, "finish_reason": None} for delta in deltas
    ]
    pieces.append({"index": 0, "delta": {}, "finish_reason": reason})
    events: list[tuple[str, Any]] = [("", {**facts, "choices": [piece]}) for piece in pieces]
    return {**whole, "usage": usage}, [
        *events,
        ("", {**facts, "choices": [], "usage": usage}),
        ("", b"[DONE]"),
    ]


def _tool_calls(turn: int) -> list[dict[str, Any]]:
    arguments = orjson.dumps(_arguments(turn)).decode()
    return [
        {
            "id": f"call_{turn}_{name}",
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        for name in TOOLS
    ]


def _call_deltas(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    deltas = []
    for index, call in enumerate(calls):
        function = call["function"]
        begun = {"index": index, **call, "function": {**function, "arguments": ""}}
        deltas.append({"tool_calls": [begun]})
        for piece in (function["arguments"][:3], function["arguments"][3:]):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    return deltas

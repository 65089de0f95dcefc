"""Slips of OpenAI's dialects in what they answer, put right: reasoning and usage in odd places.

Source: wire notes platforms (Nov 2026). Pure.
"""

from gateway.protocols.thinking import Thinking
from gateway.shapes import Json, Recalled


def reasoning(said: dict[str, Json]) -> None:
    """`reasoning`, as OpenRouter, Groq, Together and vLLM call it, under its usual name."""
    if "reasoning" in said:
        text = said.pop("reasoning")
        if isinstance(text, str) and not said.get("reasoning_content"):
            said["reasoning_content"] = text


def put_right(said: dict[str, Json]) -> None:
    """A message or a delta whose content is a list of typed parts (Mistral), as text."""
    reasoning(said)
    parts = said.get("content")
    if not isinstance(parts, list):
        return
    thought, text = [], []
    for part in parts:
        if isinstance(part, dict) and part.get("type") == "thinking":
            inner = part.get("thinking")
            thought += [inner] if isinstance(inner, str) else [p.get("text") for p in inner or ()]
        elif isinstance(part, dict):
            text.append(part.get("text"))
    said["content"] = "".join(one for one in text if isinstance(one, str))
    if thoughts := "".join(one for one in thought if isinstance(one, str)):
        said["reasoning_content"] = (said.get("reasoning_content") or "") + thoughts


def split(said: dict[str, Json], thinking: Thinking | None = None, *, last: bool = True) -> None:
    """Take `<think>…</think>` out of the content of a message or, piece by piece, of deltas."""
    thinking = thinking or Thinking()
    content = said.get("content")
    thought, text = thinking.feed(content) if isinstance(content, str) else ("", "")
    if last:
        more_thought, more_text = thinking.end()
        thought, text = thought + more_thought, text + more_text
    if isinstance(content, str) or text:
        said["content"] = text
    if thought:
        said["reasoning_content"] = (said.get("reasoning_content") or "") + thought


def recalled(calls: Json, thought: Json) -> dict[str, Recalled]:
    """What must come back with these calls, by their ids."""
    recall = {}
    message = {"reasoning_content": thought} if isinstance(thought, str) and thought else {}
    for call in calls or ():
        extra = call.get("extra_content")
        if isinstance(call.get("id"), str) and (message or extra):
            recall[call["id"]] = Recalled(message, {"extra_content": extra} if extra else {})
    return recall


def inner_usage(body: dict[str, Json]) -> Json:
    """Groq's usage in a stream, which stands within its own object."""
    groq = body.get("x_groq")
    return groq.get("usage") if isinstance(groq, dict) else None

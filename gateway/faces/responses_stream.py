"""Answers in the words of OpenAI's Responses: completions as responses, chunks as events. Pure.

Sources: wire notes openai-responses §3, §4, §6; OpenAI's API document (Aug 2026); openai 3.54.0.
"""

import base64
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson
from typing_extensions import override

from gateway import sse
from gateway.errors import ApiError
from gateway.faces import Face
from gateway.shapes import Json
from gateway.values import as_count, as_object, as_objects, as_text

INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Finish reasons that leave a response incomplete, and why; others complete it."""
ENCRYPTED = "reasoning.encrypted_content"
"""Asked for with `include`: what a platform wants to see again of its reasoning."""
_TERMINAL = ("response.completed", "response.incomplete", "response.failed")
_OURS = "tokens1."  # begins what this gateway wrote into `encrypted_content`
_TIERS = ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")


class _Kind(NamedTuple):
    """What one kind of text is called."""

    item: str  # the type of the item that holds it
    prefix: str  # of that item's id
    event: str
    text: str  # the field of all of it
    also: str = ""  # another field that is told with all of it
    place: str = ""  # the field of a part's number; "": the item is one text and has no parts


_KINDS = {
    "summary_text": _Kind("reasoning", "rs", "reasoning_summary_text", "text", "", "summary_index"),
    "output_text": _Kind("message", "msg", "output_text", "text", "logprobs", "content_index"),
    "refusal": _Kind("message", "msg", "refusal", "refusal", "", "content_index"),
    "function": _Kind("function_call", "fc", "function_call_arguments", "arguments", "name"),
    "custom": _Kind("custom_tool_call", "ctc", "custom_tool_call_input", "input"),
}
_PARTS = {
    "summary_index": ("summary", "reasoning_summary_part"),
    "content_index": ("content", "content_part"),
}
"""Where parts are in their item, and what their events are called."""


@dataclass(slots=True)
class _Item:
    """An item of the output as it comes."""

    kind: _Kind
    """Of the text that is open."""
    said: dict[str, Json]
    """The item itself; the open text is not in it yet."""
    part: dict[str, Json] = field(default_factory=dict)
    """What the open text belongs to: of a call the item itself."""
    at: dict[str, Json] = field(default_factory=dict)
    """Where events say that this is; empty before the item has begun."""
    pieces: list[str] = field(default_factory=list)
    """Of the open text; joined at its end, as adding them up one by one would cost the square."""
    thoughts: list[Json] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        return bool(self.said["status"] != "in_progress")


class ResponsesAnswers(Face):
    """The half of the Responses face that answers; see `Face`.

    A whole answer is read as if it were one chunk, so that a stream, folded, is the answer.
    Reasoning and text end when something else begins; calls stay open to the end, as their
    fragments may alternate.
    """

    wire = "responses"

    def __init__(self) -> None:
        super().__init__()
        self.request: dict[str, Json] = {}
        """As the client sent it: a response repeats some of it. Empty before it is translated."""
        self.namespaces: dict[str, str] = {}
        """The groups that functions were given in, by the functions' names."""
        self._id = ""  # of the answer; "": nothing has come
        self._head: dict[str, Json] = {}  # what is the same in all states of the response
        self._items: list[_Item] = []  # by their output_index
        self._calls: dict[int, _Item] = {}  # by their index in chunks
        self._seals = False  # the client wants to bring back what was thought
        self._has_reasoning = False  # thoughts say the same again
        self._reason: Json = None
        self._usage: Json = None
        self._closed = False  # the terminal event is out
        self._events: list[bytes] = []  # that wait to be sent
        self._sequence = 0
        self._created = self._newest = b""  # of relayed events

    @override
    def answer(self, completion: dict[str, Json]) -> bytes:
        choice = completion["choices"][0]
        calls = enumerate(as_objects(choice["message"].get("tool_calls")))
        numbered = [{**call, "index": number} for number, call in calls]
        self._begin(completion)
        self._read({**choice["message"], "tool_calls": numbered}, choice.get("logprobs"))
        self._reason, self._usage = choice["finish_reason"], completion.get("usage")
        return orjson.dumps(self._finish())

    @override
    def chunk(self, chunk: dict[str, Json]) -> bytes:
        if self._closed:
            return b""
        if not self._id:
            self._begin(chunk)
        for choice in chunk["choices"]:
            if choice["index"] == 0:
                self._read(choice.get("delta") or {}, choice.get("logprobs"))
                self._reason = choice.get("finish_reason") or self._reason
        self._usage = chunk.get("usage") or self._usage
        if self._usage and not chunk["choices"]:
            self._finish()
        return self._sent()

    @override
    def relayed(self, data: bytes) -> bytes:
        self._newest = data  # read only where an error must follow it
        name = sse.type_of(data)
        if name == b"response.created":
            self._created = data
        return sse.named(name, sse.one_line(data))

    @override
    def end(self) -> bytes:
        if self._id and not self._closed:
            self._finish()
        return self._sent()

    @override
    def error(self, error: ApiError) -> bytes:
        return orjson.dumps(error.body())

    @override
    def error_event(self, error: ApiError) -> bytes:
        """`response.failed`, or `error` where no response has begun; nothing after the end."""
        response = self._response("failed") if self._id else {}
        if self._newest:
            newest = orjson.loads(self._newest)
            self._closed = newest.get("type") in _TERMINAL
            self._sequence = as_count(newest.get("sequence_number")) + 1
            response = orjson.loads(self._created or b"{}").get("response") or {}
        if self._closed:
            return b""
        self._closed = True
        if response:
            code = "rate_limit_exceeded" if error.status == 429 else "server_error"
            failed = {"status": "failed", "error": {"code": code, "message": error.message}}
            self._say("response.failed", response={**response, **failed})
        else:
            self._say("error", code=error.code, message=error.message, param=error.param)
        return self._sent()

    def _begin(self, said: dict[str, Json]) -> None:
        """The response as it begins, under a completion's id without its prefix."""
        self._id = said["id"].partition("-")[2] or said["id"]
        self._seals = ENCRYPTED in (self.request.get("include") or ())
        names = {"id": f"resp_{self._id}", "object": "response", "created_at": said["created"]}
        self._head = {**names, "model": said["model"], **_repeated(self.request)}
        if said.get("service_tier") in _TIERS:
            self._head["service_tier"] = said["service_tier"]
        for name in ("created", "in_progress"):
            self._say(f"response.{name}", response=self._response("in_progress"))

    def _response(self, status: str) -> dict[str, Json]:
        """The response with the items that are whole by now."""
        reason = INCOMPLETE[self._reason] if status == "incomplete" else None
        return {
            **self._head,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": reason} if reason else None,
            "output": [item.said for item in self._items if item.is_done],
            **({"usage": usage_object(self._usage)} if self._usage else {}),
        }

    def _finish(self) -> dict[str, Json]:
        """Close what is open, and say how all ended."""
        status = "incomplete" if self._reason in INCOMPLETE else "completed"
        for call in self._calls.values():
            if not call.at:  # its name never came
                self._open(call)
        for item in self._items:
            self._close(item, status if item is self._items[-1] else "completed")
        self._closed = True
        response = self._response(status)
        self._say(f"response.{status}", response=response)
        return response

    def _read(self, delta: dict[str, Json], logprobs: Json) -> None:
        """Put what a delta or a message says into the items that it belongs to."""
        thoughts = as_objects(delta.get("thinking_blocks"))
        thinking = as_text(delta.get("reasoning_content")) or as_text(delta.get("reasoning"))
        self._has_reasoning = self._has_reasoning or bool(thinking)
        if not self._has_reasoning:
            thinking = "".join(as_text(thought.get("thinking")) for thought in thoughts)
        if thinking:
            self._add(self._at("summary_text"), thinking)
        if thoughts and self._seals:
            self._taking("summary_text").thoughts += thoughts
        if text := as_text(delta.get("content")):
            tokens = _tokens(as_object(logprobs).get("content"))
            self._add(self._at("output_text"), text, tokens)
        if text := as_text(delta.get("refusal")):
            self._add(self._at("refusal"), text)
        for note in as_objects(delta.get("annotations")):
            self._note(as_object(note.get("url_citation")))
        for position, fragment in enumerate(as_objects(delta.get("tool_calls"))):
            self._call(fragment, fragment.get("index", position))

    def _call(self, fragment: dict[str, Json], index: int) -> None:
        type = "custom" if "custom" in fragment else "function"
        call, function = self._calls.get(index), as_object(fragment.get(type))
        if call is None:
            # Some platforms give a call no id; its output could not name it.
            id = as_text(fragment.get("id")) or f"call_{self._id}_{index}"
            call = self._calls[index] = _Item(_KINDS[type], {"call_id": id, "name": ""})
        call.said["name"] = call.said["name"] or as_text(function.get("name"))
        self._add(call, as_text(function.get(call.kind.text)))
        if group := self.namespaces.get(call.said["name"]):
            call.said["namespace"] = group
        if not call.at and call.said["name"]:
            self._open(call)

    def _note(self, citation: dict[str, Json]) -> None:
        """A pointer to where a text has something from."""
        if not isinstance(citation.get("url"), str):
            return
        item = self._at("output_text")
        note = {name: as_text(citation.get(name)) for name in ("url", "title")}
        places = {name: as_count(citation.get(name)) for name in ("start_index", "end_index")}
        notes = item.part["annotations"]
        notes.append({"type": "url_citation", **note, **places})
        more = {"annotation_index": len(notes) - 1, "annotation": notes[-1]}
        self._say("response.output_text.annotation.added", **item.at, **more)

    def _add(self, item: _Item, text: str, tokens: list[Json] | None = None) -> None:
        """More of the open text; it waits if its item has not begun."""
        item.pieces.append(text)
        if not item.at or not text:
            return
        listed = {}
        if tokens is not None:
            item.part["logprobs"] += tokens
            listed = {"logprobs": tokens}
        self._say(f"response.{item.kind.event}.delta", **item.at, delta=text, **listed)

    def _at(self, type: str) -> _Item:
        """The item whose open text is of this type."""
        item, kind = self._taking(type), _KINDS[type]
        if item.part.get("type") != type:
            self._close_part(item)
            item.kind, item.pieces, item.part = kind, [], {"type": type, kind.text: ""}
            if type == "output_text":
                item.part |= {"annotations": [], "logprobs": []}
            parts, event = _PARTS[kind.place]
            item.at[kind.place] = len(item.said[parts])
            item.said[parts].append(item.part)
            self._say(f"response.{event}.added", **item.at, part=item.part)
        return item

    def _taking(self, type: str) -> _Item:
        """The newest item if it takes such a text, else a new one."""
        kind = _KINDS[type]
        if self._items and self._items[-1].kind.item == kind.item:  # which is still open
            return self._items[-1]
        empty: dict[str, Json] = {"role": "assistant", "content": []}
        item = _Item(kind, empty if kind.item == "message" else {"summary": []})
        self._open(item)
        return item

    def _open(self, item: _Item) -> None:
        newest, kind, index = self._items[-1:], item.kind, len(self._items)
        if newest and newest[0].kind.place:
            self._close(newest[0], "completed")
        id = f"{kind.prefix}_{self._id}_{index}"
        item.said = {"id": id, "type": kind.item, "status": "in_progress", **item.said}
        item.at = {"item_id": id, "output_index": index}
        self._items.append(item)
        if not kind.place:
            item.part = item.said
            item.said[kind.text] = ""
        self._say("response.output_item.added", output_index=index, item=item.said)
        waiting, item.pieces = item.pieces, []  # arguments that came before their call's name
        self._add(item, "".join(waiting))

    def _close(self, item: _Item, status: str) -> None:
        if item.is_done:
            return
        if item.kind.text == "arguments" and status == "completed" and not any(item.pieces):
            self._add(item, "{}")  # an empty string is no JSON
        self._close_part(item)
        item.said["status"] = status
        if item.kind.item == "reasoning" and self._seals:
            item.said["encrypted_content"] = sealed(item.thoughts)
        index = item.at["output_index"]
        self._say("response.output_item.done", output_index=index, item=item.said)

    def _close_part(self, item: _Item) -> None:
        kind, part = item.kind, item.part
        if not part:
            return
        part[kind.text] = "".join(item.pieces)
        more = {name: part[name] for name in (kind.text, kind.also) if name}
        self._say(f"response.{kind.event}.done", **item.at, **more)
        if kind.place:
            self._say(f"response.{_PARTS[kind.place][1]}.done", **item.at, part=part)

    def _say(self, type: str, **fields: Json) -> None:
        event = orjson.dumps({"type": type, "sequence_number": self._sequence, **fields})
        self._events.append(sse.named(type.encode(), event))
        self._sequence += 1

    def _sent(self) -> bytes:
        events = b"".join(self._events)
        self._events.clear()
        return events


def sealed(thoughts: list[Json]) -> str | None:
    """Signed thoughts for `encrypted_content`; None: there are none."""
    kept = _signed(thoughts)
    if not kept:
        return None
    return _OURS + base64.b64encode(orjson.dumps({"thinking_blocks": kept})).decode()


def unsealed(encrypted: str) -> list[Json]:
    """The thoughts that `sealed` wrote; none in what others wrote, or in what is broken."""
    if not encrypted.startswith(_OURS):
        return []
    try:
        said = orjson.loads(base64.b64decode(encrypted.removeprefix(_OURS), validate=True))
    except ValueError:
        return []
    return _signed(as_object(said).get("thinking_blocks"))


def _signed(thoughts: Json) -> list[Json]:
    """Thoughts that their platform takes back: signed or hidden ones. Pieces of one become one."""
    kept: list[Json] = []
    text = ""
    for thought in as_objects(thoughts):
        said, signature = as_text(thought.get("thinking")), as_text(thought.get("signature"))
        text = said if signature and said.startswith(text) else text + said
        if signature:
            kept.append({"type": "thinking", "thinking": text, "signature": signature})
            text = ""
        elif data := as_text(thought.get("data")):
            kept.append({"type": "redacted_thinking", "data": data})
    return kept


def usage_object(usage: dict[str, Json]) -> dict[str, Json]:
    """OpenAI's usage of a chat in the words of a response (§3)."""
    prompt, output = as_count(usage.get("prompt_tokens")), as_count(usage.get("completion_tokens"))
    details = as_object(usage.get("prompt_tokens_details"))
    given = {name: as_count(details.get(name)) for name in ("cached_tokens", "cache_write_tokens")}
    details = as_object(usage.get("completion_tokens_details"))
    return {
        "input_tokens": prompt,
        "input_tokens_details": given,
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": as_count(details.get("reasoning_tokens"))},
        "total_tokens": prompt + output,
    }


def _repeated(request: dict[str, Json]) -> dict[str, Json]:
    """What a response repeats of its request; null where only the platform knows its default."""
    said = {name: value for name, value in request.items() if value is not None}
    nullable = ("instructions", "max_output_tokens", "temperature", "top_logprobs", "top_p")
    optional = ("prompt_cache_key", "safety_identifier", "service_tier", "user")
    text = {name: value for name, value in said.get("text", {}).items() if value is not None}
    defaults = {"parameters": None, "strict": None}  # OpenAI says both of a function
    return {
        **{name: said.get(name) for name in nullable},
        **{name: said[name] for name in optional if name in said},
        "background": False,
        "metadata": said.get("metadata", {}),
        "parallel_tool_calls": said.get("parallel_tool_calls", True),
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None, **said.get("reasoning", {})},
        "store": False,
        "text": {"format": {"type": "text"}, **text},
        "tool_choice": said.get("tool_choice", "auto"),
        "tools": [
            {**defaults, **tool} if tool.get("type") == "function" else tool
            for tool in said.get("tools", [])
        ],
        "truncation": "disabled",
    }


def _tokens(logprobs: Json) -> list[Json]:
    """Tokens as they are there, where `bytes` and `top_logprobs` are never null."""
    tokens: list[Json] = []
    for token in as_objects(logprobs):
        likely = as_objects(token.get("top_logprobs"))
        top = [{**one, "bytes": one.get("bytes") or []} for one in likely]
        tokens.append({**token, "bytes": token.get("bytes") or [], "top_logprobs": top})
    return tokens

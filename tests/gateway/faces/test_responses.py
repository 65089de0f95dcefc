"""Responses clients: what their requests become as chats, and the answers in their shape."""

import base64
import contextlib
import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import openai
import orjson
import pytest
from hypothesis import given, strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from gateway import sse
from gateway.errors import ApiError, BadRequest
from gateway.faces.openai import read_chat
from gateway.faces.responses import DROPPED, REFUSED, ResponsesFace
from gateway.faces.responses_stream import INCOMPLETE, sealed, unsealed
from gateway.protocols.openai_stream import FINISH_REASONS, as_chunks
from gateway.shapes import Answer, Reply
from tests import openai_schema

REPLY = Reply("foaicmpl-0123456789abcdef", "public-model", 1790000000)
SDK_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
DOCUMENT = orjson.loads((Path(openai_schema.__file__).parent / "openai-subset.json").read_bytes())
EVENT_SCHEMAS = {
    schema["properties"]["type"]["enum"][0]: name
    for name, schema in DOCUMENT["components"]["schemas"].items()
    if name.startswith("Response") and name.endswith("Event") and "properties" in schema
}
PNG, PDF = "iVBORw0KGgo=", "JVBERi0xLjQ="
DATA_URL = f"data:image/png;base64,{PNG}"
PDF_URL = f"data:application/pdf;base64,{PDF}"
ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
HIDDEN = {"type": "redacted_thinking", "data": "xyz"}
SEALED = sealed([SIGNED, HIDDEN]) or ""


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


def model(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def text(words: str, kind: str = "input_text", **more: Any) -> dict[str, Any]:
    return {"type": kind, "text": words, **more}


def output(*parts: Any, **more: Any) -> dict[str, Any]:
    """A message of the model, as it was answered."""
    head = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    return {**head, "content": list(parts), **more}


def said(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "output_text", "text": words, "annotations": [], "logprobs": [], **more}


def calls(id: str, arguments: str = "{}", name: str = "f", **more: Any) -> dict[str, Any]:
    return {
        "type": "function_call",
        "call_id": id,
        "name": name,
        "arguments": arguments,
        "id": f"fc_{id}",
        "status": "completed",
        **more,
    }


def gave(id: str, result: Any, kind: str = "function", **more: Any) -> dict[str, Any]:
    return {"type": f"{kind}_call_output", "call_id": id, "output": result, **more}


def custom(id: str, input: str, name: str = "c") -> dict[str, Any]:
    return {"type": "custom_tool_call", "call_id": id, "name": name, "input": input}


def reasoning(*summary: str, **more: Any) -> dict[str, Any]:
    parts = [{"type": "summary_text", "text": words} for words in summary]
    return {"type": "reasoning", "id": "rs_1", "summary": parts, **more}


def forged(said: bytes) -> str:
    return f"tokens1.{base64.b64encode(said).decode()}"


def call(id: str, arguments: str = "{}", name: str = "f") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def custom_call(id: str, input: str, name: str = "c") -> dict[str, Any]:
    return {"id": id, "type": "custom", "custom": {"name": name, "input": input}}


def tool(id: str, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": content}


def picture(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def file(data: str, name: str | None = None) -> dict[str, Any]:
    named = {} if name is None else {"filename": name}
    return {"type": "file", "file": {**named, "file_data": data}}


def function(name: str = "f", **more: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": PARAMETERS, **more}


def request(**fields: Any) -> dict[str, Any]:
    """A request that says Hello where it says nothing else."""
    return {"model": "m", "input": "Hello", **fields}


def translated(face: ResponsesFace, **fields: Any) -> dict[str, Any]:
    body = orjson.dumps(request(**fields))
    asked = face.read(body)
    chat = face.chat(asked)
    assert asked.body == orjson.loads(body), "the client's own JSON was changed"
    assert read_chat(orjson.dumps(chat)) == chat  # what OpenAI's own face would pass on unchanged
    dropped = list(face.dropped)
    assert (face.chat(asked), face.dropped) == (chat, dropped)  # as often as it is translated
    return chat


def became(**fields: Any) -> dict[str, Any]:
    """What a request's fields become, beside those that every chat has."""
    chat = translated(ResponsesFace(), **fields)
    return {name: value for name, value in chat.items() if name not in ("model", "messages")}


def messages(*items: Any, **fields: Any) -> Any:
    return translated(ResponsesFace(), input=list(items), **fields)["messages"]


# --- requests: read ------------------------------------------------------------------------------


@dataclass
class Refused:
    id: str
    body: Any
    param: str | None
    says: str
    code: str | None = None


UNREADABLE = [
    Refused("empty", b"", None, "it is empty", "invalid_json"),
    Refused("half", b'{"model": "m"', None, "line 1, column", "invalid_json"),
    Refused("a list", [1], None, "must be a JSON object", "invalid_type"),
    Refused("no model", {"input": "x"}, "model", "missing", "missing_required_parameter"),
    Refused("model number", request(model=1), "model", "a number; it must be a string"),
    Refused("model blank", request(model=" "), "model", "is empty"),
    Refused("no input", {"model": "m"}, "input", "missing", "missing_required_parameter"),
    Refused("input null", request(input=None), "input", "missing; it must be a string, or an"),
    Refused("input empty", request(input=[]), "input", "empty; it must be a string, or an"),
    Refused("input object", request(input={}), "input", "neither text nor items; it must be"),
    Refused("stream text", request(stream="yes"), "stream", "must be a boolean"),
]


@pytest.mark.parametrize("case", UNREADABLE, ids=lambda case: case.id)
def test_an_unreadable_request_is_refused_with_field_and_reason(case: Refused) -> None:
    body = case.body if isinstance(case.body, bytes) else orjson.dumps(case.body)

    with pytest.raises(BadRequest) as caught:
        ResponsesFace().read(body)

    assert caught.value.param == case.param
    assert case.says in caught.value.message
    assert case.code in (None, caught.value.code)


def test_a_request_is_read_as_it_came() -> None:
    body = request(zeta=1, stream=True, previous_response_id="resp_1", alpha={"b": 1, "a": 2})

    asked = ResponsesFace().read(orjson.dumps(body))

    assert (asked.model, asked.stream) == ("m", True)
    assert orjson.dumps(asked.body) == orjson.dumps(body)


# --- requests: items -----------------------------------------------------------------------------

ITEMS: list[tuple[str, list[Any], list[Any]]] = [
    ("easy message", [user("Hi")], [user("Hi")]),
    ("message", [user([text("Hi")], type="message", status="completed")], [user("Hi")]),
    (
        "roles",
        [{"role": role, "content": "A"} for role in ("system", "developer", "user")],
        [{"role": role, "content": "A"} for role in ("system", "developer", "user")],
    ),
    (
        "texts stay apart",
        [user([text("A"), text("B", "text")])],
        [user([text("A", "text"), text("B", "text")])],
    ),
    ("answer", [output(said("A"), said("B"))], [model("AB")]),
    (
        "answer with what was found and how likely it was",
        [output(said("A", annotations=[{"type": "url_citation"}], logprobs=[{"token": "A"}]))],
        [model("A")],
    ),
    ("refusal", [output({"type": "refusal", "refusal": "No."})], [model("No.")]),
    ("answer easily said", [model("A"), model([text("B")])], [model("A"), model("B")]),
    ("empty answer", [output()], [model("")]),
    (
        "calls are one message with the text before them",
        [user("Add."), output(said("I will.")), calls("a", '{"x":1}'), calls("b", name="g")],
        [user("Add."), model("I will.", tool_calls=[call("a", '{"x":1}'), call("b", name="g")])],
    ),
    (
        "calls alone have null for text",
        [calls("a"), gave("a", "1"), user("?")],
        [model(None, tool_calls=[call("a")]), tool("a", "1"), user("?")],
    ),
    (
        "an empty text before a call is none",
        [output(said("")), calls("a")],
        [model(None, tool_calls=[call("a")])],
    ),
    (
        "turns of calls stay apart",
        [calls("a"), gave("a", "1"), calls("b"), gave("b", "2"), output(said("3"))],
        [
            model(None, tool_calls=[call("a")]),
            tool("a", "1"),
            model(None, tool_calls=[call("b")]),
            tool("b", "2"),
            model("3"),
        ],
    ),
    (
        "a text between calls and their outputs is of the same message",
        [output(said("A")), calls("a"), output(said("B")), calls("b"), gave("a", "1")],
        [model("A\n\nB", tool_calls=[call("a"), call("b")]), tool("a", "1")],
    ),
    (
        "custom tools",
        [custom("a", "x = 1"), gave("a", "done", "custom_tool")],
        [model(None, tool_calls=[custom_call("a", "x = 1")]), tool("a", "done")],
    ),
    (
        "outputs in parts",
        [calls("a"), gave("a", [text("1"), text("2")]), gave("b", [])],
        [model(None, tool_calls=[call("a")]), tool("a", "1\n\n2"), tool("b", "")],
    ),
    (
        "files of outputs follow the last of them",
        [
            calls("a"),
            calls("b"),
            gave("a", [{"type": "input_image", "image_url": DATA_URL}]),
            gave("b", [text("See:"), {"type": "input_file", "file_data": PDF, "filename": "a"}]),
            calls("c"),
        ],
        [
            model(None, tool_calls=[call("a"), call("b")]),
            tool("a", "(The output follows as a file.)"),
            tool("b", "See:"),
            user([picture(DATA_URL), file(PDF_URL, "a")]),
            model(None, tool_calls=[call("c")]),
        ],
    ),
    (
        "files of outputs stand before what the user says",
        [calls("a"), gave("a", [{"type": "input_image", "image_url": DATA_URL}]), user("Go on.")],
        [
            model(None, tool_calls=[call("a")]),
            tool("a", "(The output follows as a file.)"),
            user([picture(DATA_URL)]),
            user("Go on."),
        ],
    ),
    (
        "reasoning belongs to what follows it",
        [reasoning("A", "B"), output(said("Hi")), reasoning("C"), output(said("Ho"))],
        [model("Hi", reasoning_content="A\n\nB"), model("Ho", reasoning_content="C")],
    ),
    (
        "reasoning before calls",
        [user("?"), reasoning("A"), calls("a"), gave("a", "1"), reasoning("B"), calls("b")],
        [
            user("?"),
            model(None, reasoning_content="A", tool_calls=[call("a")]),
            tool("a", "1"),
            model(None, reasoning_content="B", tool_calls=[call("b")]),
        ],
    ),
    (
        "reasoning between a text and its calls",
        [reasoning("A"), output(said("Hi")), reasoning("B"), calls("a")],
        [model("Hi", reasoning_content="A\n\nB", tool_calls=[call("a")])],
    ),
    (
        "reasoning after the calls of a turn",
        [calls("a"), reasoning("A"), gave("a", "1")],
        [model(None, reasoning_content="A", tool_calls=[call("a")]), tool("a", "1")],
    ),
    (
        "reasoning itself goes before its summary",
        [reasoning("A", content=[{"type": "reasoning_text", "text": "B"}]), output(said("Hi"))],
        [model("Hi", reasoning_content="B")],
    ),
    (
        "reasoning that this gateway has sealed",
        [reasoning("Hm.", encrypted_content=SEALED), calls("a")],
        [
            model(
                None,
                reasoning_content="Hm.",
                thinking_blocks=[SIGNED, HIDDEN],
                tool_calls=[call("a")],
            )
        ],
    ),
    (
        "reasoning that is sealed alone",
        [reasoning(encrypted_content=SEALED), output(said("Hi"))],
        [model("Hi", thinking_blocks=[SIGNED, HIDDEN])],
    ),
    *(
        (
            f"reasoning sealed {how}",
            [reasoning("A", encrypted_content=value), output(said("Hi"))],
            [model("Hi", reasoning_content="A")],
        )
        for how, value in {
            "by others": "gAAAAABo",
            "by nobody": "",
            "by null": None,
            "in no base64": "tokens1.§",
            "in cut base64": "tokens1.eyJ",
            "in changed base64": f"{SEALED[:12]}!{SEALED[12:]}",
            "in no JSON": forged(b"{"),
            "in other JSON": forged(b"[1]"),
            "in other fields": forged(b'{"a": 1}'),
            "in other types": forged(b'{"thinking_blocks": [1, {"signature": 1}]}'),
        }.items()
    ),
]


@pytest.mark.parametrize(
    ("items", "expected"), [case[1:] for case in ITEMS], ids=[case[0] for case in ITEMS]
)
def test_items_become_these_messages(items: list[Any], expected: list[Any]) -> None:
    assert messages(*items) == expected


def test_instructions_are_the_systems_first_message() -> None:
    assert messages(user("Hi"), instructions="Be brief.")[0] == {
        "role": "system",
        "content": "Be brief.",
    }
    for nothing in ("", None):
        assert messages(user("Hi"), instructions=nothing) == [user("Hi")]


def test_a_string_is_what_the_user_says() -> None:
    assert translated(ResponsesFace())["messages"] == [user("Hello")]


PARTS: list[tuple[str, Any, Any]] = [
    ("text", text("Hi"), text("Hi", "text")),
    (
        "image",
        {"type": "input_image", "detail": "auto", "image_url": "https://a.example/b"},
        picture("https://a.example/b", detail="auto"),
    ),
    (
        "image in full",
        {"type": "input_image", "detail": "original", "image_url": DATA_URL, "file_id": None},
        picture(DATA_URL, detail="high"),
    ),
    ("image of no detail", {"type": "input_image", "image_url": DATA_URL}, picture(DATA_URL)),
    ("bare base64", {"type": "input_image", "image_url": PNG}, picture(DATA_URL)),
    (
        "file",
        {"type": "input_file", "filename": "a.pdf", "file_data": PDF_URL},
        file(PDF_URL, "a.pdf"),
    ),
    ("file of no name", {"type": "input_file", "file_data": PDF}, file(PDF_URL, "file.pdf")),
    (
        "file by address",
        {"type": "input_file", "file_url": "https://a.example/b.pdf"},
        file("https://a.example/b.pdf"),
    ),
    (
        "file by address with a name",
        {"type": "input_file", "file_url": "https://a.example/b", "filename": "b.pdf"},
        file("https://a.example/b", "b.pdf"),
    ),
    (
        "sound",
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ),
]


@pytest.mark.parametrize(
    ("part", "expected"), [case[1:] for case in PARTS], ids=[case[0] for case in PARTS]
)
def test_a_part_becomes_this_part(part: Any, expected: Any) -> None:
    assert messages(user([text("See:"), part])) == [user([text("See:", "text"), expected])]


# --- requests: fields ----------------------------------------------------------------------------

PARAMETERS = {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "number"}}}
NESTED = {"type": "function", "function": {"name": "f", "parameters": PARAMETERS}}
SCHEMA = {"type": "json_schema", "name": "out", "schema": PARAMETERS}
GRAMMAR = {"syntax": "lark", "definition": "start: /x/"}

FIELDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"temperature": 0, "top_p": 0.5}, {"temperature": 0, "top_p": 0.5}),
    ({"temperature": None, "tools": None, "text": None, "reasoning": None, "include": None}, {}),
    ({"max_output_tokens": 16}, {"max_completion_tokens": 16}),
    ({"user": "ada", "metadata": {"a": "b"}}, {"user": "ada", "metadata": {"a": "b"}}),
    ({"service_tier": "flex"}, {"service_tier": "flex"}),
    ({"prompt_cache_key": "k"}, {"prompt_cache_key": "k"}),
    ({"safety_identifier": "s"}, {"safety_identifier": "s"}),
    ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
    (
        {"stream": True, "stream_options": {"include_obfuscation": False}},
        {"stream": True, "stream_options": {"include_usage": True}},
    ),
    ({"stream": False, "background": False, "store": False, "truncation": "disabled"}, {}),
    ({"reasoning": {"effort": "high", "summary": "auto"}}, {"reasoning_effort": "high"}),
    ({"reasoning": {"effort": None, "generate_summary": "concise"}}, {}),
    ({"text": {"verbosity": "low", "format": {"type": "text"}}}, {"verbosity": "low"}),
    ({"text": {"format": None}}, {}),
    (
        {"text": {"format": {"type": "json_object"}}},
        {"response_format": {"type": "json_object"}},
    ),
    (
        {"text": {"format": SCHEMA}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "out", "schema": PARAMETERS},
            }
        },
    ),
    (
        {"text": {"format": {**SCHEMA, "strict": True, "description": "O."}}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "out",
                    "schema": PARAMETERS,
                    "strict": True,
                    "description": "O.",
                },
            }
        },
    ),
    ({"top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
    ({"include": [LOGPROBS]}, {"logprobs": True}),
    ({"include": [ENCRYPTED]}, {}),
    ({"tools": []}, {}),
    ({"tools": [], "tool_choice": "auto", "parallel_tool_calls": False}, {}),
    ({"tools": [function()]}, {"tools": [NESTED]}),
    (
        {"tools": [function(strict=False, description="F.")]},
        {
            "tools": [
                {
                    "type": "function",
                    "function": {**NESTED["function"], "strict": False, "description": "F."},  # type: ignore[dict-item]
                }
            ]
        },
    ),
    (
        {"tools": [{"type": "function", "name": "f", "parameters": None, "strict": None}]},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
    ),
    (
        {"tools": [{"type": "custom", "name": "c", "description": "C."}]},
        {"tools": [{"type": "custom", "custom": {"name": "c", "description": "C."}}]},
    ),
    (
        {"tools": [{"type": "custom", "name": "c", "format": {"type": "text"}}]},
        {"tools": [{"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}}]},
    ),
    (
        {"tools": [{"type": "custom", "name": "c", "format": {"type": "grammar", **GRAMMAR}}]},
        {
            "tools": [
                {
                    "type": "custom",
                    "custom": {"name": "c", "format": {"type": "grammar", "grammar": GRAMMAR}},
                }
            ]
        },
    ),
    *(
        ({"tools": [function()], "tool_choice": word}, {"tools": [NESTED], "tool_choice": word})
        for word in ("none", "auto", "required")
    ),
    (
        {"tools": [function()], "tool_choice": {"type": "function", "name": "f"}},
        {"tools": [NESTED], "tool_choice": {"type": "function", "function": {"name": "f"}}},
    ),
    (
        {"tools": [function()], "tool_choice": {"type": "custom", "name": "c"}},
        {"tools": [NESTED], "tool_choice": {"type": "custom", "custom": {"name": "c"}}},
    ),
    (
        {
            "tools": [function()],
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "f"}],
            },
        },
        {
            "tools": [NESTED],
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            },
        },
    ),
    (
        {"tools": [function()], "parallel_tool_calls": False},
        {"tools": [NESTED], "parallel_tool_calls": False},
    ),
    (
        {"tools": [function()], "parallel_tool_calls": True},
        {"tools": [NESTED], "parallel_tool_calls": True},
    ),
]


@pytest.mark.parametrize(("fields", "expected"), FIELDS, ids=lambda case: str(case)[:60])
def test_a_field_becomes_these(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert became(**fields) == expected


def test_functions_of_a_group_are_offered_one_by_one_and_called_by_their_group() -> None:
    group = {"type": "namespace", "name": "agents", "description": "d", "tools": [function("g")]}
    face = ResponsesFace()

    chat = translated(face, tools=[function("f"), group], input=[calls("a", namespace="agents")])
    message = {"role": "assistant", "content": None, "tool_calls": [call("1", name="g")]}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls"}
    used = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    answer = orjson.loads(
        face.answer({"id": "c-1", "created": 1, "model": "m", "choices": [choice], "usage": used})
    )

    assert [one["function"]["name"] for one in chat["tools"]] == ["f", "g"]
    assert face.dropped == []
    assert answer["output"][0]["namespace"] == "agents"
    assert valid(answer)


def test_the_order_of_a_schemas_keys_is_kept() -> None:
    chat = became(tools=[function()])

    assert orjson.dumps(chat["tools"][0]["function"]["parameters"]) == orjson.dumps(PARAMETERS)


WEB = {"type": "web_search"}
UNSAID: list[tuple[str, dict[str, Any]]] = [
    ("truncation", {"truncation": "auto"}),
    ("context_management", {"context_management": [{"type": "compaction"}]}),
    ("max_tool_calls", {"max_tool_calls": 3}),
    ("include.web_search_call.results", {"include": [LOGPROBS, "web_search_call.results"]}),
    ("moderation", {"moderation": {"model": "omni"}}),
    ("prompt_cache_options", {"prompt_cache_options": {"mode": "explicit"}}),
    ("prompt_cache_retention", {"prompt_cache_retention": "24h"}),
    ("reasoning.context", {"reasoning": {"effort": "low", "context": "all_turns"}}),
    ("reasoning.mode", {"reasoning": {"mode": "pro"}}),
    ("stream_options.include_obfuscation", {"stream_options": {"include_obfuscation": True}}),
    ("client_metadata", {"client_metadata": {"a": "b"}}),
    ("tools.web_search", {"tools": [function(), WEB]}),
    ("tools.tool_search", {"tools": [function(), {"type": "tool_search"}]}),
    ("tools.web_search", {"tools": [WEB, {**WEB, "search_context_size": "low"}]}),
    ("tools.web_search", {"tools": [WEB], "tool_choice": "auto"}),
    ("tools.web_search_preview", {"tools": [{"type": "web_search_preview"}]}),
    ("tools.defer_loading", {"tools": [function(defer_loading=True)]}),
    (
        "tools.format.more",
        {
            "tools": [
                {"type": "custom", "name": "c", "format": {**GRAMMAR, "type": "grammar", "more": 1}}
            ]
        },
    ),
    ("input.phase", {"input": [output(said("A"), phase="commentary")]}),
    (
        "input.content.detail",
        {"input": [user([{"type": "input_file", "file_data": PDF, "detail": "low"}])]},
    ),
    (
        "input.content.prompt_cache_breakpoint",
        {"input": [user([text("A", prompt_cache_breakpoint={"mode": "explicit"})])]},
    ),
    ("input.reasoning", {"input": [user("?"), reasoning("A"), user("??")]}),
    ("input.reasoning", {"input": [user("?"), reasoning("A")]}),
    (
        "input.web_search_call",
        {
            "input": [
                user("?"),
                {
                    "type": "web_search_call",
                    "id": "ws_1",
                    "status": "completed",
                    "action": {"type": "search"},
                },
                output(said("A")),
            ]
        },
    ),
]


@pytest.mark.parametrize(("name", "fields"), UNSAID, ids=[name for name, _ in UNSAID])
def test_what_a_chat_cannot_say_is_dropped_by_name(name: str, fields: dict[str, Any]) -> None:
    face = ResponsesFace()

    chat = translated(face, **fields)

    assert face.dropped == [name]
    assert f'"{name.rpartition(".")[2]}"'.encode() not in orjson.dumps(chat)


def test_every_documented_drop_is_one() -> None:
    assert set(DROPPED) <= {name for name, _ in UNSAID} | {"include"}


def test_what_says_nothing_is_not_dropped() -> None:
    face = ResponsesFace()

    translated(
        face,
        previous_response_id=None,
        max_tool_calls=None,
        context_management=[],
        stream_options={},
        tools=[function(defer_loading=False, output_schema=None)],
        input=[output(said("A"), phase=None), reasoning("B", status=None), calls("a")],
    )

    assert face.dropped == []


def part_of(**part: Any) -> dict[str, Any]:
    return {"input": [user("A"), user("B"), user([part])]}


PART = "input[2].content[0]"
CHOICE = {
    "type": "allowed_tools",
    "mode": "auto",
    "tools": [{"type": "function", "name": "f"}, WEB],
}
UNSUPPORTED = "unsupported_parameter"
UNSAYABLE = [
    *(
        Refused(f"{name} {value!r}", {name: value}, name, words, UNSUPPORTED)
        for name, value, words in (
            ("previous_response_id", "resp_1", "keeps no state; send the whole conversation"),
            ("conversation", "conv_1", "keeps no state; send the whole conversation"),
            ("conversation", {"id": "conv_1"}, "keeps no state; send the whole conversation"),
            ("background", True, "keeps no state"),
            ("prompt", {"id": "pmpt_1"}, "keeps no prompts; send 'instructions'"),
            ("store", True, "nothing is stored, so a later reference would fail; send false"),
        )
    ),
    Refused(
        "reference",
        {"input": [user("A"), {"type": "item_reference", "id": "msg_1"}]},
        "input[1].type",
        "keeps no state; send the whole conversation",
        UNSUPPORTED,
    ),
    *(
        Refused(
            kind,
            {"input": [{"type": kind, "id": "x", "role": "user"}]},
            "input[0].type",
            f"is '{kind}', which is not for this platform",
            UNSUPPORTED,
        )
        for kind in ("computer_call", "local_shell_call", "compaction", "mcp_list_tools", "zeta")
    ),
    *(
        Refused(
            f"tool {kind}",
            {"tools": [function(), {"type": kind}]},
            "tools[1].type",
            f"is '{kind}', a tool of OpenAI's own; send one of the type 'function'",
            UNSUPPORTED,
        )
        for kind in ("local_shell", "file_search", "code_interpreter", "mcp")
    ),
    Refused("tool without type", {"tools": [{"name": "f"}]}, "tools[0].type", "missing"),
    Refused("tool without name", {"tools": [{"type": "function"}]}, "tools[0].name", "missing"),
    Refused("tools text", {"tools": "f"}, "tools", "must be an array"),
    Refused("tool text", {"tools": ["f"]}, "tools[0]", "must be an object"),
    Refused(
        "name in a group",
        {"tools": [{"type": "namespace", "name": "n", "tools": [{**function(), "name": [1]}]}]},
        "tools[0].tools[0].name",
        "is an array; it must be a string",
    ),
    Refused("strict", {"tools": [function(strict="yes")]}, "tools[0].strict", "a boolean"),
    Refused(
        "syntax",
        {"tools": [{"type": "custom", "name": "c", "format": {"type": "bnf"}}]},
        "tools[0].format.type",
        "text, grammar",
    ),
    Refused(
        "grammar",
        {"tools": [{"type": "custom", "name": "c", "format": {"type": "grammar"}}]},
        "tools[0].format.syntax",
        "missing",
    ),
    Refused("choice word", {"tool_choice": "any"}, "tool_choice", "none, auto, required"),
    Refused("choice list", {"tool_choice": []}, "tool_choice", "must be an object"),
    Refused("choice of nothing", {"tool_choice": "required"}, "tool_choice", "demands a tool"),
    Refused(
        "choice of what was dropped",
        {"tools": [WEB], "tool_choice": "required"},
        "tool_choice",
        "demands a tool; 'tools' has none",
    ),
    Refused(
        "choice of a search",
        {"tools": [function(), WEB], "tool_choice": WEB},
        "tool_choice.type",
        "is 'web_search', which is not for this platform",
        UNSUPPORTED,
    ),
    Refused(
        "choice among searches",
        {"tools": [function(), WEB], "tool_choice": CHOICE},
        "tool_choice.tools[1].type",
        "is 'web_search', which is not for this platform",
        UNSUPPORTED,
    ),
    Refused(
        "choice without name",
        {"tools": [function()], "tool_choice": {"type": "function"}},
        "tool_choice.name",
        "missing",
    ),
    Refused("instructions", {"instructions": ["A"]}, "instructions", "must be a string"),
    Refused("item", {"input": ["A"]}, "input[0]", "must be an object"),
    Refused("item without type", {"input": [{"id": "A"}]}, "input[0].type", "missing"),
    Refused("role", {"input": [{"role": "tool", "content": "A"}]}, "input[0].role", "user, assi"),
    Refused("no content", {"input": [{"role": "user"}]}, "input[0].content", "missing"),
    Refused("content", {"input": [user(5)]}, "input[0].content", "must be an array"),
    Refused("part", {"input": [user(["A"])]}, "input[0].content[0]", "must be an object"),
    Refused("kind of part", part_of(type="video"), f"{PART}.type", "is 'video'; here it must be"),
    Refused(
        "picture of the model",
        {"input": [model([{"type": "input_image", "image_url": PNG}])]},
        "input[0].content[0].type",
        "is 'input_image'; here it must be output_text",
    ),
    Refused("no text", part_of(type="input_text"), f"{PART}.text", "missing"),
    Refused("no image", part_of(type="input_image"), f"{PART}.image_url", "missing"),
    Refused(
        "image object",
        part_of(type="input_image", image_url={"url": PNG}),
        f"{PART}.image_url",
        "is an object; it must be a string",
    ),
    Refused(
        "image words",
        part_of(type="input_image", image_url="a cat!"),
        f"{PART}.image_url",
        "neither an https URL, nor a data URL, nor base64 of an image",
    ),
    Refused(
        "image detail",
        part_of(type="input_image", image_url=PNG, detail="best"),
        f"{PART}.detail",
        "is 'best'; here it must be auto, low, high, original",
    ),
    *(
        Refused(
            f"{kind} by id",
            part_of(type=kind, file_id="file_1"),
            f"{PART}.file_id",
            "is not known here; send",
            UNSUPPORTED,
        )
        for kind in ("input_image", "input_file")
    ),
    Refused("no file", part_of(type="input_file"), f"{PART}.file_url", "missing"),
    Refused(
        "file words",
        part_of(type="input_file", file_data="a b!"),
        f"{PART}.file_data",
        "nor base64 of a file",
    ),
    Refused(
        "file path",
        part_of(type="input_file", file_url="/etc/passwd"),
        f"{PART}.file_url",
        "is no address; it must begin with https://",
    ),
    Refused("no sound", part_of(type="input_audio"), f"{PART}.input_audio", "missing"),
    Refused(
        "sound without format",
        part_of(type="input_audio", input_audio={"data": "x"}),
        f"{PART}.input_audio.format",
        "missing",
    ),
    Refused(
        "call without id",
        {"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]},
        "input[0].call_id",
        "missing",
    ),
    Refused("arguments", {"input": [calls("a", {})]}, "input[0].arguments", "must be a string"),  # type: ignore[arg-type]
    Refused("no output", {"input": [gave("a", None)]}, "input[0].output", "missing"),
    Refused(
        "output",
        {"input": [gave("a", [{"type": "refusal", "refusal": "No."}])]},
        "input[0].output[0].type",
        "is 'refusal'",
    ),
    Refused("summary", {"input": [reasoning(5)]}, "input[0].summary[0].text", "a string"),  # type: ignore[arg-type]
    Refused("effort", {"reasoning": {"effort": 3}}, "reasoning.effort", "must be a string"),
    Refused("reasoning", {"reasoning": "high"}, "reasoning", "must be an object"),
    Refused("format", {"text": {"format": {"type": "xml"}}}, "text.format.type", "text, json_o"),
    Refused(
        "format without schema",
        {"text": {"format": {"type": "json_schema", "name": "a"}}},
        "text.format.schema",
        "missing",
    ),
    Refused("temperature", {"temperature": "hot"}, "temperature", "is 'hot'; it must be a number"),
    Refused("tokens", {"max_output_tokens": 1.5}, "max_output_tokens", "must be a whole number"),
    Refused("logprobs", {"top_logprobs": True}, "top_logprobs", "must be a whole number"),
    Refused("include", {"include": [1]}, "include[0]", "must be a string"),
    Refused("parallel", {"parallel_tool_calls": "yes"}, "parallel_tool_calls", "a boolean"),
    Refused("metadata", {"metadata": "a"}, "metadata", "must be an object"),
    Refused("user", {"user": 5}, "user", "must be a string"),
]


@pytest.mark.parametrize("case", UNSAYABLE, ids=lambda case: case.id)
def test_what_cannot_be_said_is_refused_in_the_clients_own_words(case: Refused) -> None:
    face = ResponsesFace()
    asked = face.read(orjson.dumps(request(**case.body)))

    with pytest.raises(BadRequest) as caught:
        face.chat(asked)

    assert caught.value.param == case.param
    assert case.says in caught.value.message
    assert f"'{case.param}'" in caught.value.message
    assert case.code in (None, caught.value.code)


def test_every_documented_refusal_is_one() -> None:
    assert set(REFUSED) <= {case.param for case in UNSAYABLE}


WORDS = [
    "model",
    "input",
    "instructions",
    "role",
    "content",
    "type",
    "text",
    "message",
    "function_call",
    "call_id",
    "name",
    "id",
    "function_call_output",
    "output",
    "reasoning",
    "summary",
    "summary_text",
    "encrypted_content",
    "input_text",
    "arguments",
    "input_image",
    "image_url",
    "input_file",
    "file_data",
    "file_url",
    "input_audio",
    "data",
    "format",
    "user",
    "assistant",
    "tools",
    "function",
    "parameters",
    "tool_choice",
    "allowed_tools",
    "custom",
    "include",
    "web_search",
    "namespace",
    "json_schema",
]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(WORDS),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
        ),
        max_leaves=25,
    )
)
def test_any_json_is_translated_or_refused(body: Any) -> None:
    bodies = [request(input=[user(body)]), request(input=[body]), request(tools=[body])]
    if isinstance(body, dict):
        bodies.append({**request(), **body})
    for one in bodies:
        face, chat = ResponsesFace(), None

        with contextlib.suppress(BadRequest):  # anything else would be an unhandled 500
            chat = face.chat(face.read(orjson.dumps(one)))

        assert chat is None or read_chat(orjson.dumps(chat)) == chat
        if chat is not None:
            face.answer(completion({"content": "Hi"}))  # repeats the request


# --- answers -------------------------------------------------------------------------------------


USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
COUNTS = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 4,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 13,
}


@dataclass
class Said:
    """One answer: OpenAI's message and the items of the response."""

    id: str
    message: dict[str, Any]
    output: list[Any]
    finish: str = "stop"
    status: str = "completed"
    fields: dict[str, Any] = field(default_factory=dict)
    """Of the request."""
    logprobs: Any = None
    usage: dict[str, Any] = field(default_factory=lambda: USAGE)
    counts: dict[str, Any] = field(default_factory=lambda: COUNTS)


SEALING = {"include": [ENCRYPTED]}
CITATION = {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 2}
TOKEN = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}
TOP = {"token": "Ho", "logprob": -1.5, "bytes": None}


def thought(index: int, *words: str, status: str = "completed", **more: Any) -> dict[str, Any]:
    item = reasoning(*words, status=status, **more)
    return {**item, "id": f"rs_0123456789abcdef_{index}"}


def spoken(index: int, *parts: Any, status: str = "completed") -> dict[str, Any]:
    return {**output(*parts, status=status), "id": f"msg_0123456789abcdef_{index}"}


def called(index: int, id: str, arguments: str = "{}", name: str = "f", **more: Any) -> Any:
    return {**calls(id, arguments, name), "id": f"fc_0123456789abcdef_{index}", **more}


ANSWERS = [
    Said("text", {"content": "Hi"}, [spoken(0, said("Hi"))]),
    Said("nothing", {"content": None}, []),
    Said("empty", {"content": ""}, []),
    Said(
        "length",
        {"content": "Hi"},
        [spoken(0, said("Hi"), status="incomplete")],
        "length",
        "incomplete",
    ),
    Said(
        "length of calls",
        {"content": "Hi", "tool_calls": [call("a"), call("b", '{"x":')]},
        [
            spoken(0, said("Hi")),
            called(1, "a"),
            called(2, "b", '{"x":', status="incomplete"),
        ],
        "length",
        "incomplete",
    ),
    Said(
        "length of thoughts",
        {"content": None, "reasoning_content": "Hm"},
        [thought(0, "Hm", status="incomplete")],
        "length",
        "incomplete",
    ),
    Said(
        "filtered",
        {"content": "Hi"},
        [spoken(0, said("Hi"), status="incomplete")],
        "content_filter",
        "incomplete",
    ),
    Said("filtered at once", {"content": None}, [], "content_filter", "incomplete"),
    Said(
        "refusal",
        {"content": None, "refusal": "No."},
        [spoken(0, {"type": "refusal", "refusal": "No."})],
    ),
    Said(
        "text and refusal",
        {"content": "Hi", "refusal": "No."},
        [spoken(0, said("Hi"), {"type": "refusal", "refusal": "No."})],
    ),
    Said(
        "reasoning",
        {"content": "Hi", "reasoning_content": "Hm."},
        [thought(0, "Hm."), spoken(1, said("Hi"))],
    ),
    Said(
        "reasoning by another name",
        {"content": "Hi", "reasoning": "Hm."},
        [thought(0, "Hm."), spoken(1, said("Hi"))],
    ),
    Said(
        "both names",
        {"content": "Hi", "reasoning": "Hm.", "reasoning_content": "Hm."},
        [thought(0, "Hm."), spoken(1, said("Hi"))],
    ),
    Said(
        "signed, not asked for",
        {"content": "Hi", "reasoning_content": "Hm.", "thinking_blocks": [SIGNED, HIDDEN]},
        [thought(0, "Hm."), spoken(1, said("Hi"))],
    ),
    Said(
        "signed",
        {"content": "Hi", "reasoning_content": "Hm.", "thinking_blocks": [SIGNED, HIDDEN]},
        [thought(0, "Hm.", encrypted_content=SEALED), spoken(1, said("Hi"))],
        fields=SEALING,
    ),
    Said(
        "signed alone",
        {"content": None, "thinking_blocks": [SIGNED, HIDDEN], "tool_calls": [call("a")]},
        [thought(0, "Hm.", encrypted_content=SEALED), called(1, "a")],
        "tool_calls",
        fields=SEALING,
    ),
    Said(
        "hidden alone",
        {"content": "Hi", "thinking_blocks": [HIDDEN]},
        [thought(0, encrypted_content=sealed([HIDDEN])), spoken(1, said("Hi"))],
        fields=SEALING,
    ),
    Said(
        "not signed, though asked for",
        {"content": "Hi", "reasoning_content": "Hm."},
        [thought(0, "Hm.", encrypted_content=None), spoken(1, said("Hi"))],
        fields=SEALING,
    ),
    Said(
        "calls",
        {
            "content": "I will.",
            "reasoning_content": "Hm.",
            "tool_calls": [call("a", '{"x": [1]}'), call("b", name="g")],
        },
        [
            thought(0, "Hm."),
            spoken(1, said("I will.")),
            called(2, "a", '{"x": [1]}'),
            called(3, "b", name="g"),
        ],
        "tool_calls",
    ),
    Said(
        "custom call",
        {"content": None, "tool_calls": [custom_call("a", "x = 1"), custom_call("b", "")]},
        [
            {**custom("a", "x = 1"), "id": "ctc_0123456789abcdef_0", "status": "completed"},
            {**custom("b", ""), "id": "ctc_0123456789abcdef_1", "status": "completed"},
        ],
        "tool_calls",
    ),
    Said(
        "call of no arguments",
        {"content": None, "tool_calls": [call("a", "")]},
        [called(0, "a", "{}")],
        "tool_calls",
    ),
    Said(
        "call cut before its arguments",
        {"content": None, "tool_calls": [call("a", "")]},
        [called(0, "a", "", status="incomplete")],
        "length",
        "incomplete",
    ),
    Said(
        "call without id",
        {"content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
        [called(0, "call_0123456789abcdef_0")],
        "tool_calls",
    ),
    Said(
        "call without name",
        {"content": None, "tool_calls": [{"id": "a", "function": {"arguments": "{}"}}]},
        [called(0, "a", name="")],
        "tool_calls",
    ),
    Said(
        "call of nothing",
        {"content": None, "tool_calls": [{"id": "a", "function": None}]},
        [called(0, "a", name="")],
        "tool_calls",
    ),
    Said(
        "citations",
        {
            "content": "Hi",
            "annotations": [
                {"type": "url_citation", "url_citation": CITATION},
                {"type": "url_citation", "url_citation": {"url": "https://b.example"}},
                {"type": "url_citation", "url_citation": {}},
                {"type": "file_citation"},
            ],
        },
        [
            spoken(
                0,
                said(
                    "Hi",
                    annotations=[
                        {"type": "url_citation", **CITATION},
                        {
                            "type": "url_citation",
                            "url": "https://b.example",
                            "title": "",
                            "start_index": 0,
                            "end_index": 0,
                        },
                    ],
                ),
            )
        ],
    ),
    Said(
        "logprobs",
        {"content": "Hi"},
        [
            spoken(
                0,
                said(
                    "Hi",
                    logprobs=[
                        {**TOKEN, "top_logprobs": [{**TOP, "bytes": []}]},
                        {**TOKEN, "bytes": []},
                    ],
                ),
            )
        ],
        logprobs={
            "content": [{**TOKEN, "top_logprobs": [TOP]}, {**TOKEN, "bytes": None}],
            "refusal": None,
        },
    ),
    Said(
        "details",
        {"content": "Hi"},
        [spoken(0, said("Hi"))],
        usage={
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 15},
            "completion_tokens_details": {"reasoning_tokens": 30},
        },
        counts={
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 15},
            "output_tokens": 50,
            "output_tokens_details": {"reasoning_tokens": 30},
            "total_tokens": 150,
        },
    ),
    Said(
        "details null",
        {"content": "Hi"},
        [spoken(0, said("Hi"))],
        usage={**USAGE, "prompt_tokens_details": None, "completion_tokens_details": None},
    ),
]


def completion(
    message: dict[str, Any], finish: str = "stop", usage: Any = USAGE, logprobs: Any = None
) -> dict[str, Any]:
    message = {"role": "assistant", "content": None, "refusal": None, **message}
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish}
    head = {"id": REPLY.id, "object": "chat.completion", "created": 1, "model": REPLY.model}
    return {**head, "created": REPLY.created, "choices": [choice], "usage": usage}


def whole_of(case: Said) -> dict[str, Any]:
    return completion(case.message, case.finish, case.usage, case.logprobs)


def asking(**fields: Any) -> ResponsesFace:
    """A face that was asked this."""
    face = ResponsesFace()
    face.chat(face.read(orjson.dumps(request(**fields))))
    return face


def answered(whole: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer: dict[str, Any] = orjson.loads(asking(**fields).answer(copy.deepcopy(whole)))
    return valid(answer)


def valid(response: dict[str, Any]) -> dict[str, Any]:
    """The response, if OpenAI's schema and its SDK take it as it is."""
    openai_schema.validate(response, "Response")
    read = Response.model_validate(response, strict=True)
    assert read.to_dict(mode="json", exclude_unset=True) == response
    return response


def chunks(whole: dict[str, Any]) -> list[dict[str, Any]]:
    """The chunks of a completion, the usage last."""
    reply = Reply(whole["id"], whole["model"], whole["created"])
    made = as_chunks(Answer(copy.deepcopy(whole), None, 0), reply)
    return [*made, {**made[0], "choices": [], "usage": whole["usage"]}]


def streamed(given_chunks: list[dict[str, Any]], **fields: Any) -> bytes:
    face = asking(**fields)
    return b"".join(map(face.chunk, copy.deepcopy(given_chunks))) + face.end()


def events(stream: bytes, first: int = 0) -> list[dict[str, Any]]:
    """The events of a stream, each named as its data says, numbered, and of OpenAI's shape."""
    found = sse.Decoder().feed(stream)
    made = [orjson.loads(event.data) for event in found]
    assert [event.name.decode() for event in found] == [one["type"] for one in made]
    assert [one["sequence_number"] for one in made] == [*range(first, first + len(made))]
    for event in made:
        SDK_EVENT.validate_python(event, strict=True)
        openai_schema.validate(event, EVENT_SCHEMAS[event["type"]])
    return made


class Folding:
    """What a client makes of the events; fails where their grammar is not kept (§4)."""

    def __init__(self) -> None:
        self.items: dict[int, Any] = {}  # that have begun
        self.done: dict[int, Any] = {}
        self.part: dict[int, dict[str, Any]] = {}  # the open ones, by their item

    def take(self, event: dict[str, Any]) -> None:
        kind, index = event["type"].removeprefix("response."), event["output_index"]
        if kind == "output_item.added":
            assert index == len(self.items)
            item = self.items[index] = event["item"]
            assert item["status"] == "in_progress"
            assert not any(item.get(name) for name in ("content", "summary", "arguments"))
            return
        assert index not in self.done
        item = self.items[index]
        if kind == "output_item.done":
            assert index not in self.part
            self.done[index] = event["item"]
            ending = ("status", "encrypted_content")  # what is told in the end alone
            told = {name: event["item"][name] for name in ending if name in event["item"]}
            assert event["item"] == {**item, **told}
            return
        assert event["item_id"] == item["id"]
        if kind.endswith("part.added"):
            parts = item["summary" if item["type"] == "reasoning" else "content"]
            assert index not in self.part
            assert event.get("content_index", event.get("summary_index")) == len(parts)
            parts.append(event["part"])
            self.part[index] = event["part"]
        elif kind.endswith("part.done"):
            assert self.part.pop(index) == event["part"]
        else:
            self.text(kind, event, item, self.part.get(index))

    def text(self, kind: str, event: dict[str, Any], item: Any, part: Any) -> None:
        names = {
            "function_call_arguments": (item, "arguments"),
            "custom_tool_call_input": (item, "input"),
            "output_text": (part, "text"),
            "reasoning_summary_text": (part, "text"),
            "refusal": (part, "refusal"),
        }
        stem, _, what = kind.rpartition(".")
        if kind == "output_text.annotation.added":
            assert event["annotation_index"] == len(part["annotations"])
            part["annotations"].append(event["annotation"])
            return
        where, name = names[stem]
        if what == "delta":
            assert event["delta"]
            where[name] += event["delta"]
            if stem == "output_text":
                where["logprobs"] += event["logprobs"]
        else:
            assert what == "done"
            assert event[name] == where[name]
            assert event.get("name", item.get("name")) == item.get("name")
            assert event.get("logprobs", []) == where.get("logprobs", [])


def folded(stream: bytes) -> dict[str, Any]:
    """The last response of a stream, which what came before adds up to."""
    created, begun, *middle, last = events(stream)
    assert (created["type"], begun["type"]) == ("response.created", "response.in_progress")
    assert created["response"] == begun["response"]
    folding = Folding()
    for event in middle:
        folding.take(event)
    response: dict[str, Any] = last["response"]
    assert last["type"] == f"response.{response['status']}"
    assert response["output"] == [folding.done[index] for index in range(len(folding.items))]
    begins: dict[str, Any] = {"status": "in_progress", "incomplete_details": None, "output": []}
    first = {name: value for name, value in response.items() if name != "usage"}
    assert created["response"] == valid({**first, **begins})
    return response


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.id)
def test_an_answer_becomes_this_response(case: Said) -> None:
    response = answered(whole_of(case), **case.fields)

    assert response["output"] == case.output
    assert (response["status"], response["usage"]) == (case.status, case.counts)
    reason = INCOMPLETE.get(case.finish)
    assert response["incomplete_details"] == (reason and {"reason": reason})


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.id)
def test_a_stream_adds_up_to_the_answer_of_the_same_content(case: Said) -> None:
    whole = whole_of(case)

    stream = streamed(chunks(whole), **case.fields)

    assert folded(stream) == answered(whole, **case.fields)


def test_a_response_has_all_its_fields() -> None:
    assert answered(completion({"content": "Hi"})) == {
        "id": "resp_0123456789abcdef",
        "object": "response",
        "created_at": 1790000000,
        "model": "public-model",
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "output": [spoken(0, said("Hi"))],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": None,
        "top_p": None,
        "truncation": "disabled",
        "usage": COUNTS,
    }


def test_a_response_repeats_its_request() -> None:
    fields = {
        "instructions": "Be brief.",
        "max_output_tokens": 99,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "prompt_cache_key": "k",
        "reasoning": {"effort": "low", "summary": "auto"},
        "safety_identifier": "s",
        "service_tier": "flex",
        "temperature": 0.5,
        "text": {"format": {**SCHEMA, "strict": True}, "verbosity": "low"},
        "tool_choice": {"type": "function", "name": "f"},
        "tools": [function(strict=True), {"type": "custom", "name": "c"}, WEB],
        "top_logprobs": 2,
        "top_p": 1,
        "user": "ada",
    }

    response = answered(completion({"content": "Hi"}), **fields)

    assert {name: response[name] for name in fields} == fields


def test_a_function_is_repeated_with_all_that_openai_says_of_one() -> None:
    tool = {"type": "function", "name": "f"}

    response = answered(completion({"content": "Hi"}), tools=[tool])

    assert response["tools"] == [{**tool, "parameters": None, "strict": None}]


@pytest.mark.parametrize(
    ("asked", "served", "told"),
    [
        ("auto", "flex", "flex"),
        ("auto", None, "auto"),
        ("auto", "on_demand", "auto"),  # no word of OpenAI's
        (None, "default", "default"),
        (None, None, None),
    ],
)
def test_the_tier_that_served_is_told(asked: Any, served: Any, told: Any) -> None:
    whole = {**completion({"content": "Hi"}), "service_tier": served}

    assert answered(whole, service_tier=asked).get("service_tier") == told


# --- streams -------------------------------------------------------------------------------------


def split(whole: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    """The chunks of a completion whose message comes in these deltas."""
    first, finish, usage = chunks(whole)
    choice = first["choices"][0]
    middle = [{**first, "choices": [{**choice, "delta": delta}]} for delta in deltas]
    return [*middle, finish, usage]


def fragment(
    index: int, words: str, id: str = "", name: str = "f", kind: str = "function"
) -> dict[str, Any]:
    text = "input" if kind == "custom" else "arguments"
    head = {"id": id, "type": kind} if id else {}
    said = {"name": name, text: words} if id else {text: words}
    return {"tool_calls": [{"index": index, **head, kind: said}]}


TWO_CALLS = {"tool_calls": [call("a", '{"x":1}'), call("b", '{"y":2}', "g")]}
ORDERS: list[tuple[str, dict[str, Any], list[dict[str, Any]]]] = [
    (
        "one after the other",
        TWO_CALLS,
        [
            fragment(0, "", "a"),
            fragment(0, '{"x"'),
            fragment(0, ":1}"),
            fragment(1, '{"y"', "b", "g"),
            fragment(1, ":2}"),
        ],
    ),
    (
        "alternating",
        TWO_CALLS,
        [
            fragment(0, "", "a"),
            fragment(1, "", "b", "g"),
            fragment(0, '{"x"'),
            fragment(1, '{"y"'),
            fragment(0, ":1}"),
            fragment(1, ":2}"),
        ],
    ),
    (
        "names late",
        TWO_CALLS,
        [
            fragment(0, "{", "a", ""),
            {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": '"x":1}'}}]},
            fragment(1, '{"y":2}', "b", "g"),
        ],
    ),
    (
        "a custom call among others",
        {"tool_calls": [custom_call("a", "x = 1"), call("b", "{}")]},
        [
            fragment(0, "x ", "a", "c", "custom"),
            fragment(1, "{", "b"),
            fragment(0, "= 1", kind="custom"),
            fragment(1, "}"),
        ],
    ),
    (
        "text after an unfinished call",
        {"content": "Hi", "tool_calls": [call("a", '{"x":1}')]},
        [fragment(0, '{"x"', "a"), {"content": "Hi"}, fragment(0, ":1}")],
    ),
    (
        "signed late, as the gateway's own protocol says it",
        {
            "content": "Hi",
            "reasoning_content": "Hm.One.",
            "thinking_blocks": [SIGNED, HIDDEN, {**SIGNED, "thinking": "One."}],
        },
        [
            {"reasoning_content": "Hm"},
            {"reasoning_content": "."},
            {"thinking_blocks": [SIGNED]},
            {"thinking_blocks": [HIDDEN]},
            {"reasoning_content": "One."},
            {"thinking_blocks": [{**SIGNED, "thinking": "One."}]},
            {"content": "Hi"},
        ],
    ),
    (
        "signed piece by piece, as other gateways say it",
        {
            "content": "Hi",
            "reasoning_content": "Hm, hm.",
            "thinking_blocks": [{**SIGNED, "thinking": "Hm, hm."}],
        },
        [
            {
                "reasoning_content": "Hm,",
                "thinking_blocks": [{**SIGNED, "thinking": "Hm,", "signature": ""}],
            },
            {
                "reasoning_content": " hm.",
                "thinking_blocks": [{**SIGNED, "thinking": " hm.", "signature": None}],
            },
            {"reasoning_content": "", "thinking_blocks": [{**SIGNED, "thinking": ""}]},
            {"content": "Hi"},
        ],
    ),
    (
        "signed in the end, with all of it again",
        {"content": "Hi", "reasoning_content": "Hm.", "thinking_blocks": [SIGNED]},
        [
            {
                "reasoning_content": "Hm",
                "thinking_blocks": [{**SIGNED, "thinking": "Hm", "signature": ""}],
            },
            {
                "reasoning_content": ".",
                "thinking_blocks": [{**SIGNED, "thinking": ".", "signature": ""}],
            },
            {"thinking_blocks": [SIGNED]},
            {"content": "Hi"},
        ],
    ),
    (
        "thoughts alone",
        {"content": "Hi", "thinking_blocks": [SIGNED]},
        [
            {"thinking_blocks": [{**SIGNED, "thinking": "Hm", "signature": None}]},
            {"thinking_blocks": [{**SIGNED, "thinking": "."}]},
            {"content": "Hi"},
        ],
    ),
]


def in_order(response: dict[str, Any]) -> list[Any]:
    """Items as a whole answer has them: reasoning, message, calls; without ids."""
    rank = {"reasoning": 0, "message": 1, "function_call": 2, "custom_tool_call": 2}
    items = sorted(response["output"], key=lambda item: rank[item["type"]])
    return [{**item, "id": None} for item in items]


@pytest.mark.parametrize(
    ("message", "deltas"), [case[1:] for case in ORDERS], ids=[case[0] for case in ORDERS]
)
def test_a_stream_in_any_order_says_what_the_answer_says(
    message: dict[str, Any], deltas: list[dict[str, Any]]
) -> None:
    whole = completion(message, "tool_calls" if "tool_calls" in message else "stop")

    response = folded(streamed(split(whole, *deltas), **SEALING))

    assert in_order(response) == in_order(answered(whole, **SEALING))


def test_what_comes_goes_out_at_once_and_in_openais_order() -> None:
    face = asking()
    whole = completion({"content": "Hi!", "reasoning_content": "Hm.", **TWO_CALLS}, "tool_calls")
    deltas = {"reasoning_content": "Hm."}, {"content": "Hi"}, {"content": "!"}, *ORDERS[1][2]

    sent = [face.chunk(chunk) for chunk in split(whole, *deltas)]

    events(b"".join(sent))
    types = [
        [event.name.decode().removeprefix("response.") for event in sse.Decoder().feed(one)]
        for one in sent
    ]
    item, part, call = "output_item.added", "content_part.added", "function_call_arguments"
    assert types == [
        [
            "created",
            "in_progress",
            item,
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
        ],
        [
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            item,
            part,
            "output_text.delta",
        ],
        ["output_text.delta"],
        ["output_text.done", "content_part.done", "output_item.done", item],
        [item],
        *[[f"{call}.delta"]] * 4,
        [],
        [*[f"{call}.done", "output_item.done"] * 2, "completed"],
    ]
    assert face.end() == b""


def test_a_part_of_another_kind_ends_the_one_before_it() -> None:
    deltas = {"content": "Hi"}, {"refusal": "No."}, {"content": "!"}

    stream = streamed(split(completion({}), *deltas))

    refusal = {"type": "refusal", "refusal": "No."}
    assert folded(stream)["output"] == [spoken(0, said("Hi"), refusal, said("!"))]


def test_what_comes_again_after_something_else_is_an_item_of_its_own() -> None:
    deltas = (
        {"reasoning_content": "A"},
        {"content": "B"},
        {"reasoning_content": "C"},
        fragment(0, "{}", "a"),
        {"content": "D"},
    )

    stream = streamed(split(completion({}, "tool_calls"), *deltas))

    assert folded(stream)["output"] == [
        thought(0, "A"),
        spoken(1, said("B")),
        thought(2, "C"),
        called(3, "a"),
        spoken(4, said("D")),
    ]


def test_the_last_events_come_without_usage_and_finish_reason_too() -> None:
    face = asking()
    first = chunks(completion({"content": "Hi"}))[0]

    response = folded(face.chunk(first) + face.end())

    assert response["output"] == [spoken(0, said("Hi"))]
    assert "usage" not in response


def test_usage_before_the_end_is_not_the_end() -> None:
    first, *rest = split(completion({}), {"content": "Hi"}, {"content": "!"})

    response = folded(streamed([{**first, "usage": {"prompt_tokens": 1}}, *rest]))

    assert (response["output"], response["usage"]) == ([spoken(0, said("Hi!"))], COUNTS)


def test_after_the_terminal_event_comes_nothing() -> None:
    face = asking()
    given_chunks = chunks(completion({"content": "Hi"}))
    folded(b"".join(map(face.chunk, given_chunks)))

    assert face.chunk(given_chunks[0]) == face.end() == face.error_event(ApiError(500, "")) == b""


def test_only_the_first_choice_is_told() -> None:
    whole = completion({"content": "Hi"})
    other = {**whole["choices"][0], "index": 1, "message": {"role": "assistant", "content": "No"}}
    both = {**whole, "choices": [*whole["choices"], other]}

    assert folded(streamed(chunks(both))) == answered(both) == answered(whole)


def test_every_finish_reason_of_the_gateway_completes_or_has_a_word() -> None:
    assert set(INCOMPLETE) == FINISH_REASONS - {"stop", "tool_calls", "function_call"}


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"), [(429, "rate_limit_exceeded"), (400, "server_error"), (503, "server_error")]
)
def test_an_error_in_the_middle_fails_the_response(status: int, code: str) -> None:
    face = asking()
    whole = completion({"reasoning_content": "Hm.", "content": "Hi"})
    begun = b"".join(face.ping + face.chunk(chunk) for chunk in chunks(whole)[:1])

    failed = events(begun + face.error_event(ApiError(status, "It broke.")))[-1]

    assert failed["type"] == "response.failed"
    response = valid(failed["response"])
    assert (response["id"], response["status"]) == ("resp_0123456789abcdef", "failed")
    assert response["error"] == {"code": code, "message": "It broke."}
    assert response["output"] == [thought(0, "Hm.")]  # what was whole by then
    assert face.end() == b""


def test_an_error_before_anything_is_flat() -> None:
    (event,) = events(asking().error_event(ApiError(429, "Slow down.", code="c", param="p")))

    assert event == {
        "type": "error",
        "sequence_number": 0,
        "code": "c",
        "message": "Slow down.",
        "param": "p",
    }


def test_an_error_answer_is_openais() -> None:
    error = ApiError(429, "Slow down.", type="t", code="c")

    assert orjson.loads(ResponsesFace().error(error)) == error.body()


# --- relayed -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "framed"),
    [
        (
            b'{"type":"response.created"}',
            b'event: response.created\ndata: {"type":"response.created"}\n\n',
        ),
        (b'{ "type" : "error" }', b'event: error\ndata: { "type" : "error" }\n\n'),
        (
            b'{"item":{"type":"message"},"type":"response.output_item.added"}',
            b"event: response.output_item.added\n"
            b'data: {"item":{"type":"message"},"type":"response.output_item.added"}\n\n',
        ),
        (b'{"type":"error",\n"a":1}', b'event: error\ndata: {"type":"error", "a":1}\n\n'),
        (b'{"a":1}', b'event: \ndata: {"a":1}\n\n'),
    ],
    ids=["plain", "spaces", "type last", "two lines", "no type"],
)
def test_a_relayed_event_is_named_by_its_type(data: bytes, framed: bytes) -> None:
    assert ResponsesFace().relayed(data) == framed


def relaying(*types: str) -> ResponsesFace:
    """A face that has relayed the first events of a response."""
    face = ResponsesFace()
    response = {**answered(completion({})), "id": "resp_theirs", "status": "in_progress"}
    for number, type in enumerate(types):
        event = {"type": type, "sequence_number": number, "response": response}
        face.relayed(orjson.dumps(event))
    return face


def test_an_error_after_relayed_events_fails_their_response_under_the_next_number() -> None:
    face = relaying("response.created", "response.in_progress", "response.output_item.added")

    (failed,) = events(face.error_event(ApiError(503, "It broke.")), first=3)

    response = valid(failed["response"])
    assert (failed["type"], response["id"]) == ("response.failed", "resp_theirs")
    assert (response["status"], response["error"]["code"]) == ("failed", "server_error")


def test_an_error_after_events_of_no_response_is_flat() -> None:
    (event,) = events(relaying("response.queued").error_event(ApiError(503, "It broke.")), first=1)

    assert (event["type"], event["message"]) == ("error", "It broke.")


def test_an_error_after_a_relayed_end_is_none() -> None:
    assert relaying("response.created", "response.completed").error_event(ApiError(500, "")) == b""


def test_nothing_is_owed_where_nothing_was_translated() -> None:
    assert ResponsesFace().end() == relaying("response.created").end() == b""


# --- any answer ----------------------------------------------------------------------------------

WORD = st.text('ab {}"\\é\n', min_size=1, max_size=8)
SIGNEDS = st.builds(lambda words: {**SIGNED, "thinking": words}, st.just("") | WORD)


@st.composite
def messages_(draw: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"content": draw(st.none() | WORD)}
    if draw(st.booleans()):
        message["reasoning_content"] = draw(WORD)
        message["thinking_blocks"] = draw(st.lists(SIGNEDS | st.just(HIDDEN), max_size=3))
    if draw(st.booleans()):
        message["refusal"] = draw(WORD)
    kinds = st.sampled_from([call, custom_call])
    if made := draw(st.lists(st.tuples(kinds, WORD, st.sampled_from("fg")), max_size=3)):
        message["tool_calls"] = [
            make(f"call_{number}", words, name) for number, (make, words, name) in enumerate(made)
        ]
    return message


def pieces(draw: Any, words: str) -> list[str]:
    cuts = sorted(draw(st.lists(st.integers(0, len(words)), max_size=3)))
    return [words[a:b] for a, b in zip([0, *cuts], [*cuts, len(words)], strict=True)]


def deltas_of(draw: Any, message: dict[str, Any]) -> list[dict[str, Any]]:
    """A message in random pieces, whose calls alternate."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [
        {"reasoning_content": word} for word in pieces(draw, message.get("reasoning_content", ""))
    ]
    deltas += [{"thinking_blocks": [one]} for one in message.get("thinking_blocks", ())]
    for name in ("content", "refusal"):
        deltas += [{name: word} for word in pieces(draw, message.get(name) or "")]
    runs = []
    for index, one in enumerate(message.get("tool_calls", ())):
        kind = one["type"]
        words = one[kind]["input" if kind == "custom" else "arguments"]
        runs.append([fragment(index, word, kind=kind) for word in pieces(draw, words)])
        deltas.append(fragment(index, "", one["id"], one[kind]["name"], kind))
    while runs := [run for run in runs if run]:
        deltas.append(draw(st.sampled_from(runs)).pop(0))
    return deltas


USAGES = st.builds(
    lambda prompt, output, cached, written, thought: {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": thought},
    },
    *(st.integers(0, 99) for _ in range(5)),
)
FINISHES = st.sampled_from(sorted(FINISH_REASONS))


@given(st.data(), messages_(), FINISHES, USAGES, st.sampled_from([{}, SEALING]))
def test_any_stream_keeps_the_grammar_and_adds_up_to_the_answer(
    data: Any, message: dict[str, Any], finish: str, usage: dict[str, Any], fields: dict[str, Any]
) -> None:
    whole = completion(message, finish, usage)
    deltas = deltas_of(data.draw, message)

    assert folded(streamed(chunks(whole), **fields)) == answered(whole, **fields)
    assert folded(streamed(split(whole, *deltas), **fields)) == answered(whole, **fields)


DELTAS = st.one_of(
    WORD.map(lambda word: {"content": word}),
    WORD.map(lambda word: {"refusal": word}),
    WORD.map(lambda word: {"reasoning_content": word}),
    SIGNEDS.map(lambda block: {"thinking_blocks": [block]}),
    st.just({"annotations": [{"type": "url_citation", "url_citation": CITATION}]}),
    st.builds(fragment, st.integers(0, 2), WORD, st.sampled_from(["", "a", "b"])),
)


@given(st.lists(DELTAS, max_size=9), st.sampled_from([{}, SEALING]))
def test_any_deltas_in_any_order_keep_the_grammar(
    deltas: list[dict[str, Any]], fields: dict[str, Any]
) -> None:
    items = folded(streamed(split(completion({}), *deltas), **fields))["output"]

    texts = "".join(
        part.get("text", "")
        for item in items
        if item["type"] == "message"
        for part in item["content"]
    )
    assert texts == "".join(delta.get("content", "") for delta in deltas)
    indexes = {one["index"] for delta in deltas for one in delta.get("tool_calls", ())}
    assert len([item for item in items if item["type"] == "function_call"]) == len(indexes)


# --- turns ---------------------------------------------------------------------------------------


def replayed(message: dict[str, Any]) -> dict[str, Any]:
    """What a chat's client would send back of a message; a refusal is a text like any other."""
    texts = [message.get("content") or "", message.get("refusal") or ""]
    sent = model("".join(texts) or (None if message.get("tool_calls") else ""))
    sent |= {
        name: message[name]
        for name in ("reasoning_content", "thinking_blocks", "tool_calls")
        if message.get(name)
    }
    return sent


def as_input(response: dict[str, Any], how: str) -> list[Any]:
    """The output of a response as clients send it back."""
    if how == "as it came":
        return list(response["output"])
    read = Response.model_validate(response)
    return [item.model_dump(exclude_unset=how == "by the SDK, bare") for item in read.output]


MADE_UP = ("call without id", "call without name", "call of nothing")  # what was missing


@pytest.mark.parametrize("how", ["as it came", "by the SDK", "by the SDK, bare"])
@pytest.mark.parametrize(
    "case",
    [case for case in ANSWERS if case.output and case.id not in MADE_UP],
    ids=lambda case: case.id,
)
def test_an_answer_sent_back_is_the_message_it_was(case: Said, how: str) -> None:
    face = ResponsesFace()
    response = answered(whole_of(case), **SEALING)
    items = [user("?"), *as_input(response, how)]
    expected = replayed(case.message)
    if "reasoning" in case.message:
        expected["reasoning_content"] = case.message["reasoning"]
    if case.id in ("signed alone", "call of no arguments"):
        expected |= {"reasoning_content": "Hm."} if case.id == "signed alone" else {}
        expected["tool_calls"] = [call("a")]

    chat = translated(face, input=items)

    if case.id == "length of thoughts":  # nothing was said in that turn
        assert (chat["messages"], face.dropped) == ([user("?")], ["input.reasoning"])
    else:
        assert chat["messages"] == [user("?"), expected]
        assert face.dropped == []


@given(messages_())
def test_any_answer_sent_back_is_the_message_it_was(message: dict[str, Any]) -> None:
    output = answered(completion(message), **SEALING)["output"]
    blocks = list(message.get("thinking_blocks", ()))
    says = any(message.get(name) for name in ("content", "refusal", "tool_calls"))

    found = messages(user("?"), *output)[1:]

    assert found == ([replayed({**message, "thinking_blocks": blocks})] if says else [])


def test_three_turns_of_calls_are_told_as_they_were() -> None:
    items: list[Any] = [user("Add.")]
    expected: list[Any] = [user("Add.")]
    for number in range(3):
        message = {
            "content": None,
            "reasoning_content": f"Hm {number}.",
            "thinking_blocks": [{**SIGNED, "thinking": f"Hm {number}."}],
            "tool_calls": [call(f"a{number}"), call(f"b{number}")],
        }
        items += answered(completion(message, "tool_calls"), **SEALING)["output"]
        items += [gave(f"{name}{number}", "1") for name in "ab"]
        expected.append({"role": "assistant", **message})
        expected += [tool(f"{name}{number}", "1") for name in "ab"]

    assert messages(*items) == expected


@given(st.lists(SIGNEDS | st.just(HIDDEN), max_size=3))
def test_what_is_sealed_is_unsealed(thoughts: list[Any]) -> None:
    encrypted = sealed(thoughts)

    assert unsealed(encrypted or "") == thoughts


# --- the gateway's own protocols on the other side ------------------------------------------------

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts"
WHOLES = sorted(TRANSCRIPTS.glob("*/*/answer.json"))
STREAMS = sorted(TRANSCRIPTS.glob("*/*/chunks.jsonl"))


def case_of(path: Path) -> str:
    return "/".join(path.parts[-3:-1])


def told(response: dict[str, Any]) -> dict[str, Any]:
    """What items say, in whatever order they stand."""
    by_type: dict[str, list[Any]] = {"reasoning": [], "message": [], "function_call": []}
    for item in response["output"]:
        by_type[item["type"]].append(item)
    thoughts, spoken, calls = by_type.values()
    return {
        "reasoning": "".join(part["text"] for item in thoughts for part in item["summary"]),
        "sealed": [one for item in thoughts for one in unsealed(item["encrypted_content"] or "")],
        "message": [part for item in spoken for part in item["content"]],
        "calls": [
            (item["call_id"], item["name"], orjson.loads(item["arguments"])) for item in calls
        ],
    }


@pytest.mark.parametrize("path", WHOLES, ids=case_of)
def test_the_answer_of_any_protocol_is_a_response(path: Path) -> None:
    whole = {"usage": None, **orjson.loads(path.read_bytes())}
    whole.pop("service_tier", None)  # as a stream's first chunk may not have it

    assert folded(streamed(chunks(whole), **SEALING)) == answered(whole, **SEALING)


@pytest.mark.parametrize("path", STREAMS, ids=case_of)
def test_the_stream_of_any_protocol_is_one(path: Path) -> None:
    given_chunks = [orjson.loads(line) for line in path.read_bytes().splitlines()]

    response = valid(folded(streamed(given_chunks, **SEALING)))

    twin = path.parents[1] / path.parent.name.replace("stream-", "whole-") / "answer.json"
    if twin.exists():
        whole = {"usage": None, **orjson.loads(twin.read_bytes())}
        assert told(response) == told(answered(whole, **SEALING))


def test_there_are_transcripts() -> None:
    assert min(len(WHOLES), len(STREAMS)) >= 12


# --- the official SDK ----------------------------------------------------------------------------


def client(status: int, body: bytes, media_type: str) -> openai.OpenAI:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=body, headers={"content-type": media_type})

    return openai.OpenAI(
        api_key="none",
        base_url="http://gateway.test/acme/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )


COMPLETE = [case for case in ANSWERS if case.status == "completed"]


@pytest.mark.parametrize("case", COMPLETE, ids=lambda case: case.id)
def test_the_official_sdk_reads_a_stream_with_pings_as_the_answer(case: Said) -> None:
    whole, face = whole_of(case), asking(**case.fields)
    stream = face.ping.join([face.ping, *map(face.chunk, chunks(whole)), face.end(), b""])

    with client(200, stream, face.content_type.decode()).responses.stream(
        model="m", input="Hello"
    ) as read:
        response = read.get_final_response()

    assert Response.model_validate(response.model_dump(exclude_unset=True, warnings=False)).id
    assert response.output_text == (case.message.get("content") or "")
    found: list[Any] = list(response.output)
    assert [item.id for item in found] == [item["id"] for item in case.output]


def test_the_official_sdk_shows_a_failed_response() -> None:
    face = asking()
    stream = face.chunk(chunks(completion({"content": "Hi"}))[0])
    stream += face.error_event(ApiError(503, "Overloaded."))

    *_, last = client(200, stream, "text/event-stream").responses.create(
        model="m", input="Hello", stream=True
    )

    assert last.type == "response.failed"
    assert last.response.error is not None
    assert last.response.error.message == "Overloaded."

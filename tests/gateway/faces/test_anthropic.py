"""Anthropic clients: what a Messages request becomes as a chat, and what its answer looks like."""

import base64
import contextlib
import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import orjson
import pytest
from anthropic.types import Message
from hypothesis import given, strategies as st

from gateway import sse
from gateway.errors import ApiError, BadRequest
from gateway.faces.anthropic import DROPPED, REFUSED, AnthropicFace
from gateway.faces.anthropic_stream import ERRORS, STOP_REASONS
from gateway.faces.openai import read_chat
from gateway.protocols.anthropic import Anthropic
from gateway.protocols.openai_stream import FINISH_REASONS, as_chunks
from gateway.shapes import Answer, Reply
from platforms.routes import FREE, Route
from tests.gateway.protocols.test_openai import PLATFORM

PNG, PDF = "iVBORw0KGgo=", "JVBERi0xLjQ="
REPLY = Reply("foaicmpl-0123456789abcdef0123456789abcdef", "public-model", 1790000000)
MARK: dict[str, Any] = {"cache_control": {"type": "ephemeral"}}
DEEP = orjson.loads(b'{"a":' * 300 + b"1" + b"}" * 300)


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def model(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def use(id: str, input: Any = None, name: str = "f") -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": input or {}}


def result(id: str, content: Any = None, **more: Any) -> dict[str, Any]:
    said = {} if content is None else {"content": content}
    return {"type": "tool_result", "tool_use_id": id, **said, **more}


def block(type: str, source: Any, **more: Any) -> dict[str, Any]:
    return {"type": type, "source": source, **more}


def base64_of(media_type: str, data: str) -> dict[str, Any]:
    return {"type": "base64", "media_type": media_type, "data": data}


def at(url: str) -> dict[str, Any]:
    return {"type": "url", "url": url}


def thinking(words: str, signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": signature}


def picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def file(data: str, name: str | None = None) -> dict[str, Any]:
    named = {} if name is None else {"filename": name}
    return {"type": "file", "file": {**named, "file_data": data}}


def call(id: str, arguments: str = "{}", name: str = "f") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(name: str = "f", **more: Any) -> dict[str, Any]:
    return {"name": name, "input_schema": {"type": "object", "properties": {}}, **more}


def request(**fields: Any) -> dict[str, Any]:
    """A request that says Hello where it says nothing else."""
    said = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}
    return {**said, **fields}


def translated(face: AnthropicFace, **fields: Any) -> dict[str, Any]:
    body = orjson.dumps(request(**fields))
    asked = face.read(body)
    chat = face.chat(asked)
    assert asked.body == orjson.loads(body), "the client's own JSON was changed"
    assert read_chat(orjson.dumps(chat)) == chat  # what OpenAI's own face would pass on unchanged
    return chat


def said(**fields: Any) -> dict[str, Any]:
    """What a request's fields become, beside those that every chat has."""
    chat = translated(AnthropicFace(), **fields)
    usual = {"model", "messages", "max_tokens"}
    return {name: value for name, value in chat.items() if name not in usual}


def messages(*given: Any, **fields: Any) -> Any:
    return translated(AnthropicFace(), messages=list(given), **fields)["messages"]


# --- requests: read ------------------------------------------------------------------------------


@dataclass
class Refused:
    id: str
    body: Any
    param: str | None
    says: str


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in request().items() if name not in names}


UNREADABLE = [
    Refused("empty", b"", None, "it is empty"),
    Refused("half", b'{"model": "m"', None, "line 1, column"),
    Refused("a list", [1], None, "must be a JSON object"),
    Refused("no model", without("model"), "model", "missing"),
    Refused("model number", request(model=1), "model", "a number; it must be a string"),
    Refused("model blank", request(model=" "), "model", "is empty"),
    Refused("no messages", without("messages"), "messages", "missing"),
    Refused("messages text", request(messages="x"), "messages", "must be an array"),
    Refused("messages empty", request(messages=[]), "messages", "is empty"),
    Refused("no max_tokens", without("max_tokens"), "max_tokens", "missing"),
    Refused("max_tokens null", request(max_tokens=None), "max_tokens", "missing"),
    Refused("max_tokens half", request(max_tokens=1.5), "max_tokens", "is 1.5; it must be a whole"),
    Refused("max_tokens text", request(max_tokens="64"), "max_tokens", "is '64'; it must be"),
    Refused("max_tokens true", request(max_tokens=True), "max_tokens", "is True; it must be"),
    Refused("max_tokens deep", request(max_tokens=[[1]]), "max_tokens", "is no number; it must"),
    Refused("max_tokens minus", request(max_tokens=-1), "max_tokens", "0 or more"),
    Refused("stream text", request(stream="yes"), "stream", "must be a boolean"),
]


@pytest.mark.parametrize("case", UNREADABLE, ids=lambda case: case.id)
def test_an_unreadable_request_is_refused_with_field_and_reason(case: Refused) -> None:
    body = case.body if isinstance(case.body, bytes) else orjson.dumps(case.body)

    with pytest.raises(BadRequest) as caught:
        AnthropicFace().read(body)

    assert caught.value.param == case.param
    assert case.says in caught.value.message


def test_a_request_is_read_as_it_came() -> None:
    body = request(zeta=1, stream=True, alpha={"b": 1, "a": 2})

    asked = AnthropicFace().read(orjson.dumps(body))

    assert (asked.model, asked.stream) == ("m", True)
    assert orjson.dumps(asked.body) == orjson.dumps(body)


def test_counting_demands_no_max_tokens_and_never_streams() -> None:
    face = AnthropicFace(counting=True)

    asked = face.read(orjson.dumps({**without("max_tokens"), "stream": True}))

    assert not asked.stream
    assert face.chat(asked) == {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


# --- requests: messages --------------------------------------------------------------------------


def test_the_system_is_a_message_whose_blocks_are_joined() -> None:
    hello = {"role": "user", "content": "Hello"}

    for system in ("A\n\nB", [text("A", **MARK), text(""), text("B")]):
        assert messages(hello, system=system) == [{"role": "system", "content": "A\n\nB"}, hello]
    assert messages(hello, system=None) == messages(hello, system=[]) == [hello]


def test_a_system_message_stays_where_it_stands() -> None:
    assert messages(user(text("Hi")), {"role": "system", "content": "Be brief."}, system="A") == [
        {"role": "system", "content": "A"},
        {"role": "user", "content": "Hi"},
        {"role": "system", "content": "Be brief."},
    ]


DATA_URL = f"data:image/png;base64,{PNG}"
BLOCKS: list[tuple[str, Any, list[Any]]] = [
    ("text", text("Hi"), [text("Hi")]),
    ("image", block("image", base64_of("image/png", PNG)), [picture(DATA_URL)]),
    ("image url", block("image", at("https://a.example/b")), [picture("https://a.example/b")]),
    (
        "base64 in lines",
        block("image", base64_of("image/png", "iVBO\nRw0K Ggo=")),
        [picture(DATA_URL)],
    ),
    ("data url as data", block("image", base64_of("image/png", DATA_URL)), [picture(DATA_URL)]),
    (
        "pdf",
        block("document", base64_of("application/pdf", PDF), title="a.pdf"),
        [file(f"data:application/pdf;base64,{PDF}", "a.pdf")],
    ),
    (
        "pdf without title",
        block("document", base64_of("application/pdf", PDF)),
        [file(f"data:application/pdf;base64,{PDF}", "file.pdf")],
    ),
    (
        "pdf url",
        block("document", at("https://a.example/b.pdf")),
        [file("https://a.example/b.pdf")],
    ),
    (
        "pdf url with title",
        block("document", at("https://a.example/b"), title="b.pdf"),
        [file("https://a.example/b", "b.pdf")],
    ),
    (
        "text file with context",
        block(
            "document",
            {"type": "text", "media_type": "text/plain", "data": "Grüße"},
            title="a.txt",
            context="From 2024.",
        ),
        [
            text("From 2024."),
            file(f"data:text/plain;base64,{base64.b64encode('Grüße'.encode()).decode()}", "a.txt"),
        ],
    ),
    (
        "document of blocks",
        block(
            "document",
            {
                "type": "content",
                "content": [text("One"), block("image", at("https://a.example/b"))],
            },
            title="Notes",
        ),
        [text("Notes"), text("One"), picture("https://a.example/b")],
    ),
    ("document of text", block("document", {"type": "content", "content": "One"}), [text("One")]),
    (
        "search result",
        block("search_result", "https://a.example", title="T", content=[text("One"), text("Two")]),
        [text("T\nhttps://a.example\n\nOne\n\nTwo")],
    ),
]


@pytest.mark.parametrize(
    ("given_block", "parts"), [case[1:] for case in BLOCKS], ids=[case[0] for case in BLOCKS]
)
def test_a_block_becomes_these_parts(given_block: Any, parts: list[Any]) -> None:
    (message,) = messages(user(text("See:"), given_block))

    assert message == {"role": "user", "content": [text("See:"), *parts]}


def test_a_text_alone_becomes_a_string() -> None:
    assert messages(user(text("Hi"))) == [{"role": "user", "content": "Hi"}]


def test_results_come_right_after_their_calls_and_before_what_the_user_says() -> None:
    assert messages(
        {"role": "user", "content": "Add."},
        model(text("I "), text("will."), use("a", {"x": 1}), use("b", name="g")),
        user(text("Also:"), result("a", "1"), result("b", [text("2"), text("3")]), text("Go on.")),
    ) == [
        {"role": "user", "content": "Add."},
        {
            "role": "assistant",
            "content": "I will.",
            "tool_calls": [call("a", '{"x":1}'), call("b", name="g")],
        },
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "2\n\n3"},
        {"role": "user", "content": [text("Also:"), text("Go on.")]},
    ]


def test_what_one_role_says_in_a_row_is_one_turn() -> None:
    assert messages(
        model(text("One."), use("a")),
        model(text("Two."), use("b")),
        user(result("a"), text("A")),
        user(result("b"), text("B")),
    ) == [
        {"role": "assistant", "content": "One.\n\nTwo.", "tool_calls": [call("a"), call("b")]},
        {"role": "tool", "tool_call_id": "a", "content": ""},
        {"role": "tool", "tool_call_id": "b", "content": ""},
        {"role": "user", "content": [text("A"), text("B")]},
    ]


def test_a_results_files_follow_in_a_users_message() -> None:
    image = block("image", base64_of("image/png", PNG))
    pdf = block("document", base64_of("application/pdf", PDF))

    turns = messages(user(result("a", [image]), result("b", [text("See:"), pdf]), text("Go on.")))

    assert [turn["content"] for turn in turns] == [
        "(The result follows as a file.)",
        "See:",
        [picture(DATA_URL), file(f"data:application/pdf;base64,{PDF}", "file.pdf"), text("Go on.")],
    ]


def test_a_failed_result_says_so() -> None:
    turns = messages(user(result("a", "No such file.", is_error=True), result("b", is_error=True)))

    assert [turn["content"] for turn in turns] == ["Error: No such file.", "Error"]


def test_calls_alone_have_null_for_text() -> None:
    (message,) = messages(model(use("a")))

    assert message == {"role": "assistant", "content": None, "tool_calls": [call("a")]}


def test_thinking_comes_back_signed_and_as_text() -> None:
    hidden = {"type": "redacted_thinking", "data": "xyz"}

    (message,) = messages(
        model(thinking("One. ", "c2ln"), hidden, thinking("Two.", ""), text("Hi"))
    )

    assert message == {
        "role": "assistant",
        "content": "Hi",
        "reasoning_content": "One. Two.",
        "thinking_blocks": [thinking("One. ", "c2ln"), hidden],
    }


def test_unsigned_thinking_is_not_passed_off_as_signed() -> None:
    (message,) = messages(model(thinking("Hm.", ""), text("Hi")))

    assert message == {"role": "assistant", "content": "Hi", "reasoning_content": "Hm."}


def test_a_prefill_and_an_empty_answer_stay() -> None:
    assert messages(model(text("{")), {"role": "user", "content": "?"}, model()) == [
        {"role": "assistant", "content": "{"},
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": ""},
    ]


# --- requests: fields ----------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "number"}}}
FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
}
FUNCTION = {"name": "f", "parameters": {"type": "object", "properties": {}}}
TOOLS = [{"type": "function", "function": FUNCTION}]
AUTO, ANY = {"type": "auto"}, {"type": "any"}
ONE = {"disable_parallel_tool_use": True}
ENABLED, ADAPTIVE, DISABLED = {"type": "enabled"}, {"type": "adaptive"}, {"type": "disabled"}
LONG = "user_0123456789abcdef_account__session_01234567-89ab-cdef-0123-456789abcdef"

FIELDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"temperature": 0, "top_p": 0.5}, {"temperature": 0, "top_p": 0.5}),
    ({"temperature": None, "thinking": None, "tools": None, "speed": None}, {}),
    ({"stop_sequences": ["a", " ", "c", "d", "e"]}, {"stop": ["a", " ", "c", "d", "e"]}),
    ({"stop_sequences": []}, {}),
    ({"metadata": {"user_id": "ada"}}, {"user": "ada"}),
    ({"metadata": {"user_id": None}}, {}),
    ({"service_tier": "auto"}, {"service_tier": "auto"}),
    ({"service_tier": "standard_only"}, {"service_tier": "default"}),
    ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
    ({"stream": False}, {}),
    ({"tools": [tool()]}, {"tools": TOOLS}),
    ({"tools": [tool(type="custom", description="")]}, {"tools": TOOLS}),
    (
        {"tools": [tool("z", description="Z.", strict=True), tool("a", strict=False)]},
        {
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "z",
                        "description": "Z.",
                        "parameters": {"type": "object", "properties": {}},
                        "strict": True,
                    },
                },
                {"type": "function", "function": {**FUNCTION, "name": "a"}},
            ]
        },
    ),
    ({"tools": [tool()], "tool_choice": AUTO}, {"tools": TOOLS, "tool_choice": "auto"}),
    ({"tools": [tool()], "tool_choice": ANY}, {"tools": TOOLS, "tool_choice": "required"}),
    ({"tools": [tool()], "tool_choice": {"type": "none"}}, {"tools": TOOLS, "tool_choice": "none"}),
    (
        {"tools": [tool()], "tool_choice": {"type": "tool", "name": "f", **ONE}},
        {
            "tools": TOOLS,
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "parallel_tool_calls": False,
        },
    ),
    (
        {"tools": [tool()], "tool_choice": {**AUTO, **ONE}},
        {"tools": TOOLS, "tool_choice": "auto", "parallel_tool_calls": False},
    ),
    ({"tools": [], "tool_choice": {**AUTO, **ONE}}, {}),
    ({"thinking": {**ENABLED, "budget_tokens": 1024}}, {"reasoning_effort": "low"}),
    ({"thinking": {**ENABLED, "budget_tokens": 8191}}, {"reasoning_effort": "low"}),
    ({"thinking": {**ENABLED, "budget_tokens": 8192}}, {"reasoning_effort": "medium"}),
    ({"thinking": {**ENABLED, "budget_tokens": 24576}}, {"reasoning_effort": "high"}),
    (
        {"thinking": {**ENABLED, "budget_tokens": 1024}, "output_config": {"effort": "max"}},
        {"reasoning_effort": "max"},
    ),
    ({"thinking": ADAPTIVE}, {}),
    ({"thinking": ADAPTIVE, "output_config": {"effort": "xhigh"}}, {"reasoning_effort": "xhigh"}),
    ({"output_config": {"effort": "low"}}, {"reasoning_effort": "low"}),
    ({"thinking": DISABLED}, {"reasoning_effort": "none"}),
    (
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        {"response_format": FORMAT},
    ),
]


@pytest.mark.parametrize(("fields", "expected"), FIELDS, ids=lambda value: str(value)[:60])
def test_fields_are_said_in_openais_words(fields: Any, expected: Any) -> None:
    assert orjson.dumps(said(**fields)) == orjson.dumps(expected)  # the order of keys, too


def test_max_tokens_keeps_its_name() -> None:
    assert translated(AnthropicFace(), max_tokens=0)["max_tokens"] == 0


def test_a_user_id_that_is_too_long_for_openai_is_hashed() -> None:
    user_id = said(metadata={"user_id": LONG})["user"]

    assert len(LONG) > 64
    assert len(user_id) == 64
    assert user_id == said(metadata={"user_id": LONG})["user"] != LONG


UNSAID: list[tuple[str, dict[str, Any]]] = [
    ("top_k", {"top_k": 5}),
    ("container", {"container": "c"}),
    ("context_management", {"context_management": {"edits": []}}),
    ("inference_geo", {"inference_geo": "eu"}),
    ("speed", {"speed": "fast"}),
    ("betas", {"betas": ["a"]}),
    ("metadata.team", {"metadata": {"user_id": "ada", "team": "x"}}),
    ("thinking.display", {"thinking": {"type": "adaptive", "display": "omitted"}}),
    ("thinking.type", {"thinking": {"type": "between_tools"}}),
    ("output_config.effort", {"thinking": DISABLED, "output_config": {"effort": "low"}}),
    ("cache_control", {"cache_control": MARK["cache_control"]}),
    ("cache_control", {"system": [text("A", **MARK)], "tools": [tool(**MARK)]}),
    ("cache_control", {"messages": [user(text("A", **MARK)), model(text("B", **MARK))]}),
    ("cache_control", {"messages": [user(result("a", [text("A", **MARK)]))]}),
    ("tools.allowed_callers", {"tools": [tool(allowed_callers=["direct"])]}),
    ("tools.defer_loading", {"tools": [tool(defer_loading=True), tool(defer_loading=True)]}),
    ("tools.eager_input_streaming", {"tools": [tool(eager_input_streaming=True)]}),
    ("tools.input_examples", {"tools": [tool(input_examples=[{}])]}),
    (
        "messages.content.citations",
        {
            "messages": [
                user(block("document", at("https://a.example/b"), citations={"enabled": 1}))
            ]
        },
    ),
    (
        "messages.content.transformations",
        {"messages": [user(block("image", at("https://a.example/b"), transformations={"a": 1}))]},
    ),
    ("messages.content.caller", {"messages": [model({**use("a"), "caller": {"type": "direct"}})]}),
    ("messages.name", {"messages": [{**user(text("A")), "name": "x"}]}),
]


@pytest.mark.parametrize(("name", "fields"), UNSAID, ids=lambda value: str(value)[:60])
def test_what_cannot_be_said_and_does_no_harm_is_dropped_by_name(name: str, fields: Any) -> None:
    face = AnthropicFace()

    chat = translated(face, **fields)

    assert face.dropped == [name]
    assert f'"{name.rpartition(".")[2]}":'.encode() not in orjson.dumps(chat)


def test_each_name_is_dropped_once_however_often_a_request_is_translated() -> None:
    face = AnthropicFace()

    for _ in range(2):
        translated(face, top_k=1, system=[text("A", **MARK)], tools=[tool(**MARK)], zeta=1)

    assert sorted(face.dropped) == ["cache_control", "top_k", "zeta"]


def test_every_documented_drop_is_one() -> None:
    assert set(DROPPED) <= {name for name, _ in UNSAID}


def test_what_says_nothing_is_not_dropped() -> None:
    face = AnthropicFace()

    translated(
        face,
        speed=None,
        context_management={},
        messages=[model(text("A", citations=None)), user(text("B", citations=[]))],
        tools=[tool(defer_loading=False, cache_control=None)],
    )

    assert face.dropped == []


UNSAYABLE = [
    *(Refused(name, {name: [{"a": 1}]}, name, "is not for this platform") for name in REFUSED),
    Refused("role", {"messages": [{"role": "boss", "content": "x"}]}, "messages[0].role", "'boss'"),
    Refused("no role", {"messages": [{"content": "x"}]}, "messages[0].role", "missing"),
    Refused("message", {"messages": ["x"]}, "messages[0]", "is a string; it must be an object"),
    Refused("no content", {"messages": [{"role": "user"}]}, "messages[0].content", "missing"),
    Refused("empty content", {"messages": [user()]}, "messages[0].content", "is empty"),
    Refused(
        "content number",
        {"messages": [{"role": "assistant", "content": 1}]},
        "messages[0].content",
        "is a number; it must be an array",
    ),
    Refused(
        "server tool's block",
        {"messages": [user(text("A")), model(text("B"), {"type": "server_tool_use", "id": "a"})]},
        "messages[1].content[1].type",
        "is 'server_tool_use'; here it must be text, tool_use, thinking",
    ),
    Refused(
        "image of a model",
        {"messages": [model(block("image", at("https://a.example/b")))]},
        "messages[0].content[0].type",
        "is 'image'; here it must be text, tool_use",
    ),
    Refused(
        "call of a user",
        {"messages": [user(use("a"))]},
        "messages[0].content[0].type",
        "is 'tool_use'; here it must be tool_result, text, image, document, search_result",
    ),
    Refused(
        "image in the system",
        {"system": [block("image", at("https://a.example/b"))]},
        "system[0].type",
        "here it must be text",
    ),
    Refused(
        "unknown block in a result",
        {
            "messages": [
                user(text("A"), result("a", [{"type": "tool_reference", "tool_name": "f"}]))
            ]
        },
        "messages[0].content[1].content[0].type",
        "'tool_reference'",
    ),
    Refused(
        "file by id",
        {"messages": [user(text("A"), block("image", {"type": "file", "file_id": "file_1"}))]},
        "messages[0].content[1].source.file_id",
        "send the data as base64, or its address",
    ),
    Refused(
        "unknown source",
        {"messages": [user(block("image", {"type": "text", "data": "x"}))]},
        "messages[0].content[0].source.type",
        "here it must be base64, url",
    ),
    Refused(
        "no source",
        {"messages": [user({"type": "image"})]},
        "messages[0].content[0].source",
        "missing",
    ),
    Refused(
        "no base64",
        {"messages": [user(text("A"), block("image", base64_of("image/png", "ba-sé64!")))]},
        "messages[0].content[1].source.data",
        "nor base64 of an image",
    ),
    Refused(
        "an address as data",
        {"messages": [user(block("image", base64_of("image/png", "https://a.example")))]},
        "messages[0].content[0].source.data",
        "is an address",
    ),
    Refused(
        "no media type",
        {"messages": [user(block("image", {"type": "base64", "data": PNG}))]},
        "messages[0].content[0].source.media_type",
        "missing",
    ),
    Refused(
        "no address",
        {"messages": [user(block("image", at("b.png")))]},
        "messages[0].content[0].source.url",
        "must begin with https://",
    ),
    Refused(
        "text file of another type",
        {"messages": [user(block("document", {"type": "text", "media_type": "a/b", "data": "x"}))]},
        "messages[0].content[0].source.media_type",
        "text/plain",
    ),
    Refused(
        "call without id",
        {"messages": [model({"type": "tool_use", "name": "f", "input": {}})]},
        "messages[0].content[0].id",
        "missing",
    ),
    Refused(
        "input text",
        {"messages": [model({**use("a"), "input": "{}"})]},
        "messages[0].content[0].input",
        "is a string; it must be an object",
    ),
    Refused(
        "input too deep",
        {"messages": [model({**use("a"), "input": DEEP})]},
        "messages[0].content[0].input",
        "200",
    ),
    Refused(
        "result without id",
        {"messages": [user({"type": "tool_result", "content": "x"})]},
        "messages[0].content[0].tool_use_id",
        "missing",
    ),
    Refused(
        "server tool",
        {"tools": [tool(), {"type": "web_search_20250305", "name": "web_search"}]},
        "tools[1].type",
        "is 'web_search_20250305', a tool of Anthropic's own; send one with 'name'",
    ),
    Refused("tool without schema", {"tools": [{"name": "f"}]}, "tools[0].input_schema", "missing"),
    Refused("choice", {"tool_choice": {"type": "some"}}, "tool_choice.type", "auto, any, none"),
    Refused("choice without tools", {"tool_choice": ANY}, "tool_choice.type", "demands a tool"),
    Refused(
        "choice without name",
        {"tools": [tool()], "tool_choice": {"type": "tool"}},
        "tool_choice.name",
        "missing",
    ),
    Refused("thinking", {"thinking": {"type": "hard"}}, "thinking.type", "enabled, adaptive"),
    Refused("no budget", {"thinking": ENABLED}, "thinking.budget_tokens", "missing"),
    Refused("effort", {"output_config": {"effort": "all"}}, "output_config.effort", "low, medium"),
    Refused(
        "format",
        {"output_config": {"format": {"type": "xml"}}},
        "output_config.format.type",
        "json_schema",
    ),
    Refused("stops", {"stop_sequences": ["a", 1]}, "stop_sequences[1]", "must be a string"),
    Refused("temperature", {"temperature": "hot"}, "temperature", "is 'hot'; it must be a number"),
    Refused("tier", {"service_tier": "flex"}, "service_tier", "auto, standard_only"),
    Refused("user", {"metadata": {"user_id": 5}}, "metadata.user_id", "must be a string"),
]


@pytest.mark.parametrize("case", UNSAYABLE, ids=lambda case: case.id)
def test_what_cannot_be_said_is_refused_in_the_clients_own_words(case: Refused) -> None:
    face = AnthropicFace()
    asked = face.read(orjson.dumps(request()))
    asked.body.update(case.body)

    with pytest.raises(BadRequest) as caught:
        face.chat(asked)

    assert caught.value.param == case.param
    assert case.says in caught.value.message
    assert f"'{case.param}'" in caught.value.message


WORDS = [
    *("model", "messages", "max_tokens", "system", "role", "content", "type", "text", "source"),
    *("data", "url", "media_type", "title", "tool_use", "tool_result", "thinking", "signature"),
    *("image", "document", "search_result", "tools", "name", "input_schema", "tool_choice"),
    *("user", "assistant", "base64", "id", "input", "metadata", "user_id", "output_config"),
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
    body = {**request(), **body} if isinstance(body, dict) else request(messages=[user(body)])
    face, chat = AnthropicFace(), None

    with contextlib.suppress(BadRequest):  # anything else would be an unhandled 500
        chat = face.chat(face.read(orjson.dumps(body)))

    assert chat is None or read_chat(orjson.dumps(chat)) == chat


def test_a_request_survives_the_way_back_to_anthropic() -> None:
    """Tools, parallel results, pictures, PDFs, signed thinking, stop sequences."""
    body = request(
        model="claude-sonnet-4-5",
        system="Be brief.",
        messages=[
            user(
                block("image", base64_of("image/png", PNG)),
                block("image", at("https://a.example/b.png")),
                block("document", base64_of("application/pdf", PDF), title="a.pdf"),
                text("Add."),
            ),
            model(
                thinking("Hm.", "c2ln"),
                {"type": "redacted_thinking", "data": "xyz"},
                text("I will."),
                use("toolu_1", {"z": 1, "a": [2]}),
                use("toolu_2", {}, "g"),
            ),
            user(
                result("toolu_1", [text("3")]),
                result("toolu_2", [text("4")]),
                text("Go on."),
            ),
        ],
        tools=[tool("f", description="F.", strict=True), tool("g")],
        tool_choice={"type": "auto", **ONE},
        stop_sequences=["a", "b", "c", "d", "e"],
        metadata={"user_id": "ada"},
        service_tier="standard_only",
        stream=True,
    )

    chat = translated(AnthropicFace(), **body)
    route = Route(PLATFORM, "m", "claude-sonnet-4-5", "chat", FREE)
    sent = Anthropic().chat(chat, route).request.body

    assert isinstance(sent, bytes)
    assert orjson.loads(sent) == body


# --- answers -------------------------------------------------------------------------------------


USAGE: dict[str, Any] = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
COUNTS: dict[str, Any] = {
    "input_tokens": 9,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 4,
}


@dataclass
class Said:
    """One answer: OpenAI's message and Anthropic's blocks."""

    id: str
    message: dict[str, Any]
    content: list[Any]
    finish: str = "stop"
    reason: str = "end_turn"
    usage: dict[str, Any] = field(default_factory=lambda: USAGE)
    counts: dict[str, Any] = field(default_factory=lambda: COUNTS)


HIDDEN = {"type": "redacted_thinking", "data": "xyz"}

ANSWERS = [
    Said("text", {"content": "Hi"}, [text("Hi")]),
    Said("nothing", {"content": None}, []),
    Said("length", {"content": "Hi"}, [text("Hi")], "length", "max_tokens"),
    Said("filtered", {"content": ""}, [], "content_filter", "refusal"),
    Said("refusal", {"content": None, "refusal": "No."}, [text("No.")]),
    Said(
        "thinking",
        {"content": "Hi", "reasoning_content": "Hm."},
        [thinking("Hm.", ""), text("Hi")],
    ),
    Said("reasoning", {"content": "Hi", "reasoning": "Hm."}, [thinking("Hm.", ""), text("Hi")]),
    Said(
        "both names",
        {"content": "Hi", "reasoning": "Hm.", "reasoning_content": "Hm."},
        [thinking("Hm.", ""), text("Hi")],
    ),
    Said(
        "signed",
        {
            "content": "Hi",
            "reasoning_content": "One. Two.",
            "thinking_blocks": [
                thinking("One. ", "c2ln"),
                HIDDEN,
                thinking("Two.", "c2lo"),
                thinking("", "c2lp"),
            ],
        },
        [
            thinking("One. ", "c2ln"),
            HIDDEN,
            thinking("Two.", "c2lo"),
            thinking("", "c2lp"),
            text("Hi"),
        ],
    ),
    Said(
        "calls",
        {"content": "I will.", "tool_calls": [call("a", '{"x": [1]}'), call("b", name="g")]},
        [text("I will."), use("a", {"x": [1]}), use("b", name="g")],
        "tool_calls",
        "tool_use",
    ),
    Said(
        "forced call",
        {"content": None, "tool_calls": [call("a")]},
        [use("a")],
        "stop",
        "tool_use",
    ),
    *(
        Said(
            f"arguments {arguments!r}",
            {"content": None, "tool_calls": [call("a", arguments)]},
            [use("a", input)],
            "tool_calls",
            "tool_use",
        )
        for arguments, input in (
            ("", {}),
            (" \n", {}),
            (' {"x":1} ', {"x": 1}),
            ("[1]", {"arguments": "[1]"}),
            ("null", {"arguments": "null"}),
            ("x=1", {"arguments": "x=1"}),
            ('{"x":', {"arguments": '{"x":'}),
        )
    ),
    Said(
        "call without id",
        {"content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
        [use("toolu_0123456789abcdef0123456789abcdef_0")],
        "tool_calls",
        "tool_use",
    ),
    Said(
        "cached",
        {"content": "Hi"},
        [text("Hi")],
        usage={
            **USAGE,
            "prompt_tokens": 100,
            "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 15},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
        counts={
            "input_tokens": 25,
            "cache_creation_input_tokens": 15,
            "cache_read_input_tokens": 60,
            "output_tokens": 4,
            "output_tokens_details": {"thinking_tokens": 3},
        },
    ),
    Said(
        "details null",
        {"content": "Hi"},
        [text("Hi")],
        usage={**USAGE, "prompt_tokens_details": None, "completion_tokens_details": None},
    ),
]


def completion(message: dict[str, Any], finish: str, usage: Any = USAGE) -> dict[str, Any]:
    message = {"role": "assistant", "content": None, "refusal": None, **message}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    head = {"id": REPLY.id, "object": "chat.completion", "created": 1, "model": REPLY.model}
    return {**head, "choices": [choice], "usage": usage}


def answered(whole: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = orjson.loads(AnthropicFace().answer(copy.deepcopy(whole)))
    return answer


def chunks(whole: dict[str, Any]) -> list[dict[str, Any]]:
    """The chunks of a completion, the usage last."""
    made = as_chunks(Answer(copy.deepcopy(whole), None, 0), REPLY)
    return [*made, {**made[0], "choices": [], "usage": whole["usage"]}]


def streamed(given_chunks: list[dict[str, Any]]) -> bytes:
    face = AnthropicFace()
    return b"".join(map(face.chunk, given_chunks)) + face.end()


def events(stream: bytes) -> list[dict[str, Any]]:
    """The events of a stream, each named as its data says."""
    found = sse.Decoder().feed(stream)
    made = [orjson.loads(event.data) for event in found]
    assert [event.name.decode() for event in found] == [one["type"] for one in made]
    return made


FIELDS_OF_DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("thinking", "signature"),
    "input_json_delta": ("tool_use", "partial_json"),
}


def folded(stream: bytes) -> dict[str, Any]:
    """What a client makes of a stream; fails where the grammar is not kept (§3)."""
    start, *middle, last, stop = events(stream)
    assert (start["type"], last["type"]) == ("message_start", "message_delta")
    assert stop == {"type": "message_stop"}
    message: dict[str, Any] = start["message"]
    content = message["content"]
    assert (content, message["stop_reason"]) == ([], None)
    block, arguments = None, ""
    for event in middle:
        assert event["index"] == len(content)
        if event["type"] == "content_block_start":
            assert block is None
            block, arguments = event["content_block"], ""
            continue
        assert block is not None
        if event["type"] == "content_block_delta":
            kind, name = FIELDS_OF_DELTAS[event["delta"]["type"]]
            assert block["type"] == kind
            assert event["delta"][name]
            assert not block.get("signature")  # nothing comes after it
            if kind == "tool_use":
                arguments += event["delta"][name]
            else:
                block[name] += event["delta"][name]
            continue
        assert event["type"] == "content_block_stop"
        if block["type"] == "tool_use":
            assert block["input"] == {}
            block["input"] = parsed(arguments)
        content.append(block)
        block = None
    assert block is None
    return {**message, **last["delta"], "usage": {**message["usage"], **last["usage"]}}


def parsed(arguments: str) -> dict[str, Any]:
    """Never empty: some clients parse what they have, whatever it is."""
    assert arguments.lstrip().startswith("{")
    try:
        input: dict[str, Any] = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return {"arguments": arguments}
    return input


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.id)
def test_an_answer_becomes_this_message(case: Said) -> None:
    message = answered(completion(case.message, case.finish, case.usage))

    assert message == {
        "id": "msg_0123456789abcdef0123456789abcdef",
        "type": "message",
        "role": "assistant",
        "model": "public-model",
        "content": case.content,
        "stop_reason": case.reason,
        "stop_sequence": None,
        "usage": case.counts,
    }
    assert Message.model_validate(message).to_dict() == message


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.id)
def test_a_stream_adds_up_to_the_answer_of_the_same_content(case: Said) -> None:
    whole = completion(case.message, case.finish, case.usage)

    assert folded(streamed(chunks(whole))) == answered(whole)


def split(whole: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    """The chunks of a completion whose message comes in these deltas."""
    first, finish, usage = chunks(whole)
    choice = first["choices"][0]
    middle = [{**first, "choices": [{**choice, "delta": delta}]} for delta in deltas]
    return [*middle, finish, usage]


def fragment(index: int, arguments: str, id: str = "", name: str = "f") -> dict[str, Any]:
    head = {"id": id, "type": "function"} if id else {}
    function = {"name": name, "arguments": arguments} if id else {"arguments": arguments}
    return {"tool_calls": [{"index": index, **head, "function": function}]}


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
        "the later one first",
        TWO_CALLS,
        [
            fragment(0, '{"x":', "a"),
            fragment(1, '{"y":2}', "b", "g"),
            fragment(0, "1}"),
        ],
    ),
    (
        "a piece that only looks like the end",
        {"tool_calls": [call("a", '{"x":{"y":1}}'), call("b", "{}", "g")]},
        [fragment(0, '{"x":{"y":1}', "a"), fragment(1, "{}", "b", "g"), fragment(0, "}")],
    ),
    (
        "names late",
        TWO_CALLS,
        [
            fragment(0, "", "a", ""),
            {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": '{"x":1}'}}]},
            fragment(1, '{"y":2}', "b", "g"),
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
            "thinking_blocks": [thinking("One. ", "c2ln"), HIDDEN, thinking("Two.", "c2lo")],
        },
        [
            {"reasoning_content": "One"},
            {"reasoning_content": ". "},
            {"thinking_blocks": [thinking("One. ", "c2ln")]},
            {"thinking_blocks": [HIDDEN]},
            {"reasoning_content": "Two."},
            {"thinking_blocks": [thinking("Two.", "c2lo")]},
            {"content": "Hi"},
        ],
    ),
    (
        "signed piece by piece, as other gateways say it",
        {"content": "Hi", "thinking_blocks": [thinking("Hm, hm.", "c2ln")]},
        [
            {"reasoning_content": "Hm,", "thinking_blocks": [thinking("Hm,", "")]},
            {"reasoning_content": " hm.", "thinking_blocks": [thinking(" hm.", "")]},
            {"reasoning_content": "", "thinking_blocks": [thinking("", "c2ln")]},
            {"thinking_blocks": [{"type": "thinking", "thinking": None, "signature": None}]},
            {"content": "Hi"},
        ],
    ),
]


def in_order(message: dict[str, Any]) -> dict[str, Any]:
    """A message whose blocks stand as in a whole answer: thoughts, texts, calls."""
    order = ("thinking", "redacted_thinking", "text", "tool_use")
    rank = {kind: max(number, 1) for number, kind in enumerate(order)}
    content = sorted(message["content"], key=lambda block: rank[block["type"]])
    return {**message, "content": content}


@pytest.mark.parametrize(
    ("message", "deltas"), [case[1:] for case in ORDERS], ids=[case[0] for case in ORDERS]
)
def test_blocks_go_out_one_after_the_other_in_whatever_order_they_come(
    message: dict[str, Any], deltas: list[dict[str, Any]]
) -> None:
    whole = completion(message, "tool_calls" if "tool_calls" in message else "stop")

    assert in_order(folded(streamed(split(whole, *deltas)))) == answered(whole)


def test_another_thought_than_the_one_before_is_a_block_of_its_own() -> None:
    deltas = {"reasoning_content": "One."}, {"thinking_blocks": [thinking("Two.", "c2ln")]}

    stream = streamed(split(completion({}, "stop"), *deltas))

    assert folded(stream)["content"] == [thinking("One.", ""), thinking("Two.", "c2ln")]


def test_calls_of_a_whole_answer_need_no_numbers() -> None:
    calls = [{**one, "index": 0} for one in TWO_CALLS["tool_calls"]]

    message = answered(completion({"tool_calls": calls}, "tool_calls"))

    assert message["content"] == [use("a", {"x": 1}), use("b", {"y": 2}, "g")]


def test_what_comes_goes_out_at_once() -> None:
    face = AnthropicFace()
    whole = completion({"content": "Hi", **TWO_CALLS}, "tool_calls")
    deltas = {"content": "Hi"}, {"content": "!"}, *ORDERS[0][2]

    types = [
        [event["type"].removeprefix("content_block_") for event in events(face.chunk(chunk))]
        for chunk in split(whole, *deltas)
    ]

    assert types == [
        ["message_start", "start", "delta"],
        ["delta"],
        ["stop", "start"],
        ["delta"],
        ["delta"],
        ["stop", "start", "delta"],
        ["delta"],
        ["stop"],
        ["message_delta"],
    ]
    assert [event["type"] for event in events(face.end())] == ["message_stop"]


def test_the_last_events_come_without_usage_and_finish_reason_too() -> None:
    face = AnthropicFace()
    first = chunks(completion({"content": "Hi"}, "stop"))[0]

    message = folded(face.chunk(first) + face.end())

    assert (message["content"], message["stop_reason"]) == ([text("Hi")], "end_turn")
    assert set(message["usage"].values()) == {0}


def test_only_the_first_choice_is_told() -> None:
    whole = completion({"content": "Hi"}, "stop")
    other = {**whole["choices"][0], "index": 1, "message": {"role": "assistant", "content": "No"}}
    both = {**whole, "choices": [*whole["choices"], other]}

    assert folded(streamed(chunks(both))) == answered(both) == answered(whole)


def test_nothing_is_owed_where_nothing_was_translated() -> None:
    face = AnthropicFace()
    face.relayed(b'{"type":"message_stop"}')

    assert face.end() == b""


def test_every_finish_reason_of_the_gateway_has_a_word() -> None:
    assert set(STOP_REASONS) == FINISH_REASONS - {"function_call"}  # which no request can lead to


# --- any answer ----------------------------------------------------------------------------------

WORD = st.text('ab {}"\\é\n', min_size=1, max_size=8)
JSON = st.dictionaries(
    WORD, st.integers(-9, 9) | WORD | st.none() | st.lists(WORD, max_size=2), max_size=3
)
ARGUMENTS = JSON.map(lambda value: orjson.dumps(value).decode())
SIGNED = st.builds(thinking, st.just("") | WORD, st.text("xyz", min_size=1, max_size=4))


@st.composite
def messages_(draw: Any, arguments: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"content": draw(st.none() | WORD)}
    how = draw(st.sampled_from(["", "plain", "signed"]))
    if how == "plain":
        message["reasoning_content"] = draw(WORD)
    elif how == "signed":
        message["thinking_blocks"] = draw(st.lists(SIGNED | st.just(HIDDEN), max_size=3))
    if draw(st.booleans()):
        message["refusal"] = draw(WORD)
    if calls := draw(st.lists(st.tuples(st.sampled_from("fg"), arguments), max_size=3)):
        message["tool_calls"] = [
            call(f"call_{number}", raw, name) for number, (name, raw) in enumerate(calls)
        ]
    return message


def pieces(draw: Any, words: str) -> list[str]:
    cuts = sorted(draw(st.lists(st.integers(0, len(words)), max_size=3)))
    return [words[a:b] for a, b in zip([0, *cuts], [*cuts, len(words)], strict=True)]


def deltas_of(draw: Any, message: dict[str, Any], *, alternate: bool) -> list[dict[str, Any]]:
    """A message in random pieces, in an order in which platforms say them."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for thought in message.get("thinking_blocks", ()):
        words = pieces(draw, thought.get("thinking", ""))
        deltas += [{"reasoning_content": word} for word in words]
        deltas.append({"thinking_blocks": [thought]})
    for name in ("reasoning_content", "content", "refusal"):
        if message.get(name):
            deltas += [{name: word} for word in pieces(draw, message[name])]
    runs = []
    for index, one in enumerate(message.get("tool_calls", ())):
        function = one["function"]
        rest = [fragment(index, word) for word in pieces(draw, function["arguments"])]
        runs.append([fragment(index, "", one["id"], function["name"]), *rest])
    if not alternate:
        return deltas + [one for run in runs for one in run]
    deltas += [run.pop(0) for run in runs]
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
FINISHES = st.sampled_from(sorted(STOP_REASONS))


@given(st.data(), FINISHES, USAGES, st.booleans())
def test_any_stream_keeps_the_grammar_and_adds_up_to_the_answer(
    data: Any, finish: str, usage: dict[str, Any], alternate: bool
) -> None:
    # Fragments that alternate can be told apart from what follows only where they are JSON.
    arguments = ARGUMENTS if alternate else ARGUMENTS | WORD | st.just("")
    message = data.draw(messages_(arguments))
    whole = completion(message, finish, usage)
    deltas = deltas_of(data.draw, message, alternate=alternate)

    assert folded(streamed(chunks(whole))) == answered(whole)
    assert folded(streamed(split(whole, *deltas))) == answered(whole)


DELTAS = st.one_of(
    WORD.map(lambda word: {"content": word}),
    WORD.map(lambda word: {"reasoning_content": word}),
    SIGNED.map(lambda block: {"thinking_blocks": [block]}),
    st.builds(fragment, st.integers(0, 2), ARGUMENTS, st.sampled_from(["a", "b"])),
    st.builds(fragment, st.integers(0, 2), WORD),
)


@given(st.lists(DELTAS, max_size=9))
def test_any_deltas_in_any_order_keep_the_grammar(deltas: list[dict[str, Any]]) -> None:
    content = folded(streamed(split(completion({}, "stop"), *deltas)))["content"]

    texts = "".join(block["text"] for block in content if block["type"] == "text")
    assert texts == "".join(delta.get("content", "") for delta in deltas)
    calls = {one["index"] for delta in deltas for one in delta.get("tool_calls", ())}
    assert len([block for block in content if block["type"] == "tool_use"]) == len(calls)


@given(USAGES)
def test_no_token_is_lost_or_counted_twice(usage: dict[str, Any]) -> None:
    told = answered(completion({"content": "Hi"}, "stop", usage))["usage"]

    thought = told.pop("output_tokens_details", {"thinking_tokens": 0})["thinking_tokens"]
    assert min(told.values()) >= 0
    assert told.pop("output_tokens") == usage["completion_tokens"] >= thought
    assert sum(told.values()) == usage["prompt_tokens"]


# --- the gateway's own protocols on the other side ------------------------------------------------

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts"
WHOLES = sorted(TRANSCRIPTS.glob("*/*/answer.json"))
STREAMS = sorted(TRANSCRIPTS.glob("*/*/chunks.jsonl"))
ANTHROPICS = [
    path
    for path in sorted(TRANSCRIPTS.glob("anthropic/whole-*/upstream.json"))
    if "refusal" not in path.parent.name  # its explanation comes as text
]


def case_of(path: Path) -> str:
    return "/".join(path.parts[-3:-1])


def told(content: list[Any]) -> dict[str, Any]:
    """What blocks say, whatever stands between them."""
    names = {"thinking": "signature", "redacted_thinking": "data", "tool_use": "input"}
    said = {
        kind: [one.get(key, "") for one in content if one["type"] == kind]
        for kind, key in names.items()
    }
    for kind in ("text", "thinking"):
        said[f"all {kind}"] = ["".join(one[kind] for one in content if one["type"] == kind)]
    return said


@pytest.mark.parametrize("path", WHOLES, ids=case_of)
def test_the_answer_of_any_protocol_is_a_message(path: Path) -> None:
    whole = {"usage": None, **orjson.loads(path.read_bytes())}

    Message.model_validate(answered(whole), strict=True)
    assert folded(streamed(chunks(whole))) == answered(whole)


@pytest.mark.parametrize("path", STREAMS, ids=case_of)
def test_the_stream_of_any_protocol_is_one(path: Path) -> None:
    message = folded(streamed([orjson.loads(line) for line in path.read_bytes().splitlines()]))

    Message.model_validate(message, strict=True)
    twin = path.parents[1] / path.parent.name.replace("stream-", "whole-") / "answer.json"
    if twin.exists():
        assert told(message["content"]) == told(
            answered(orjson.loads(twin.read_bytes()))["content"]
        )


@pytest.mark.parametrize("path", ANTHROPICS, ids=case_of)
def test_what_anthropic_said_comes_out_as_it_was(path: Path) -> None:
    upstream = orjson.loads(path.read_bytes())
    message = answered({"usage": None, **orjson.loads((path.parent / "answer.json").read_bytes())})

    assert told(message["content"]) == told(upstream["content"])
    assert {**message["usage"], **upstream.get("usage", {})}.items() >= message["usage"].items()


def test_there_are_transcripts() -> None:
    assert min(len(WHOLES), len(STREAMS), len(ANTHROPICS)) >= 12


# --- the official SDK ----------------------------------------------------------------------------


def client(status: int, body: bytes, media_type: str) -> anthropic.Anthropic:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=body, headers={"content-type": media_type})

    return anthropic.Anthropic(
        api_key="none",
        base_url="http://gateway.test",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )


HELLO: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
PARSED = [case for case in ANSWERS if case.id != "arguments '{\"x\":'"]  # it completes those itself


@pytest.mark.parametrize("case", PARSED, ids=lambda case: case.id)
def test_the_official_sdk_reads_a_stream_with_pings_as_the_answer(case: Said) -> None:
    whole = completion(case.message, case.finish, case.usage)
    face = AnthropicFace()
    stream = face.ping.join([face.ping, *map(face.chunk, chunks(whole)), face.end(), b""])

    with client(200, stream, face.content_type.decode()).messages.stream(**HELLO) as read:
        message = read.get_final_message()

    assert message.to_dict() == {**answered(whole), "stop_details": None}  # its own


@pytest.mark.parametrize("status", [*ERRORS, 500, 502])
def test_the_official_sdk_knows_an_error_by_its_type(status: int) -> None:
    body = AnthropicFace().error(ApiError(status, "It broke."))

    with pytest.raises(anthropic.APIStatusError) as caught:
        client(status, body, "application/json").messages.create(**HELLO)

    kind = ERRORS.get(status, "api_error")
    assert caught.value.type == kind
    assert caught.value.body == {"type": "error", "error": {"type": kind, "message": "It broke."}}


@pytest.mark.parametrize("begun", [True, False])
def test_the_official_sdk_raises_an_error_in_the_middle_of_a_stream(begun: bool) -> None:
    face = AnthropicFace()
    said = face.chunk(chunks(completion({"content": "Hi"}, "stop"))[0]) if begun else face.ping
    stream = said + face.error_event(ApiError(503, "Overloaded."))

    with (
        pytest.raises(anthropic.APIStatusError, match="Overloaded") as caught,
        client(200, stream, "text/event-stream").messages.stream(**HELLO) as read,
    ):
        read.get_final_message()

    assert caught.value.type == "overloaded_error"


# --- relayed -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "framed"),
    [
        (b'{"type":"ping"}', b'event: ping\ndata: {"type":"ping"}\n\n'),
        (b'{ "type" : "ping" }', b'event: ping\ndata: { "type" : "ping" }\n\n'),
        (
            b'{"delta":{"type":"text_delta"},"type":"content_block_delta"}',
            b"event: content_block_delta\n"
            b'data: {"delta":{"type":"text_delta"},"type":"content_block_delta"}\n\n',
        ),
        (b'{"type":"ping",\n"a":1}', b'event: ping\ndata: {"type":"ping", "a":1}\n\n'),
        (b'{"a":1}', b'event: \ndata: {"a":1}\n\n'),
    ],
    ids=["plain", "spaces", "type last", "two lines", "no type"],
)
def test_a_relayed_event_is_named_by_its_type(data: bytes, framed: bytes) -> None:
    assert AnthropicFace().relayed(data) == framed

"""Google's clients: what their requests mean as chats, and how they are answered."""

import base64
import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import orjson
import pytest
from hypothesis import strategies as st

from gateway import sse
from gateway.errors import ApiError, BadRequest
from gateway.faces.gemini import DROPPED, REFUSED, GeminiFace
from gateway.faces.openai import read_chat
from gateway.protocols.gemini import Gemini
from platforms.routes import FREE, Route
from tests.gateway.protocols.test_openai import PLATFORM

JSON = dict[str, Any]
HELLO: list[Any] = [{"role": "user", "parts": [{"text": "Hello"}]}]
SAID = [{"role": "user", "content": "Hello"}]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
PDF = base64.b64encode(b"%PDF-1.7 and more of it").decode()
STREAM = "streamGenerateContent"


def face(method: str = "generateContent", *, as_events: bool = True) -> GeminiFace:
    return GeminiFace("gemini-x", method, sse=as_events)


def chat_of(body: JSON, method: str = "generateContent") -> JSON:
    one = face(method)
    return one.chat(one.read(orjson.dumps(body)))


def said(*contents: Any, **rest: Any) -> JSON:
    return {"contents": list(contents), **rest}


def user(*parts: Any) -> JSON:
    return {"role": "user", "parts": list(parts)}


def model(*parts: Any) -> JSON:
    return {"role": "model", "parts": list(parts)}


def text(value: str, **more: Any) -> JSON:
    return {"text": value, **more}


def call(name: str, args: Any = None, id: str | None = None, **more: Any) -> JSON:
    asked = {"name": name, "args": args or {}}
    return {"functionCall": {"id": id, **asked} if id else asked, **more}


def result(name: str, response: Any, id: str | None = None, **more: Any) -> JSON:
    given = {"name": name, "response": response, **more}
    return {"functionResponse": {"id": id, **given} if id else given}


def inline(media_type: str, data: str, **more: Any) -> JSON:
    return {"inlineData": {"mimeType": media_type, "data": data, **more}}


def file(uri: str, media_type: str | None = None) -> JSON:
    return {"fileData": {"fileUri": uri, **({"mimeType": media_type} if media_type else {})}}


def asked(name: str, arguments: str = "{}", id: str = "call_1", **more: Any) -> JSON:
    return {
        "id": id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
        **more,
    }


def told(content: str, id: str = "call_1") -> JSON:
    return {"role": "tool", "tool_call_id": id, "content": content}


def signed(value: str) -> JSON:
    return {"extra_content": {"google": {"thought_signature": value}}}


@dataclass
class Turns:
    id: str
    contents: Any
    messages: list[JSON]


PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
PAPER = {
    "type": "file",
    "file": {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "file.pdf"},
}
TURNS = [
    Turns("a text", HELLO, SAID),
    Turns("a content alone", HELLO[0], SAID),
    Turns("a part alone", {"parts": {"text": "Hello"}}, SAID),
    Turns("no role is the user's", [{"parts": [text("Hello")]}], SAID),
    Turns(
        "two texts",
        [user(text("a"), text("b"))],
        [{"role": "user", "content": [{"type": "text", "text": one} for one in "ab"]}],
    ),
    Turns("empty texts are left out", [user(text(""), text("Hello")), model(text(""))], SAID),
    Turns(
        "a conversation",
        [user(text("Hello")), model(text("Hi")), user(text("Bye"))],
        [*SAID, {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Bye"}],
    ),
    Turns(
        "pieces of an answer",
        [*HELLO, model(text("Hi")), model(text(", Ada")), model(text("", thoughtSignature="c2ln"))],
        [*SAID, {"role": "assistant", "content": "Hi, Ada", **signed("c2ln")}],
    ),
    Turns(
        "a signature without a part",
        [*HELLO, model(text("Hi"), {"thoughtSignature": "c2ln"})],
        [*SAID, {"role": "assistant", "content": "Hi", **signed("c2ln")}],
    ),
    Turns(
        "thoughts",
        [*HELLO, model(text("So", thought=True), text("so", thought=True), text("Hi"))],
        [*SAID, {"role": "assistant", "content": "Hi", "reasoning_content": "Soso"}],
    ),
    Turns("thoughts alone", [*HELLO, model(text("So", thought=True))], SAID),
    Turns(
        "a picture",
        [user(text("See"), inline("image/png", PNG))],
        [{"role": "user", "content": [{"type": "text", "text": "See"}, PICTURE]}],
    ),
    Turns(
        "a picture in the alphabet of addresses",
        [user(inline("image/png", "-_\n8=\n"))],
        [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,+/8="}}
                ],
            }
        ],
    ),
    Turns(
        "sounds",
        [user(inline("audio/x-wav", "AAAA"), inline("audio/mpeg", "AAAA"))],
        [
            {
                "role": "user",
                "content": [
                    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": one}}
                    for one in ("wav", "mp3")
                ],
            }
        ],
    ),
    Turns(
        "files",
        [
            user(
                inline("application/pdf", PDF),
                inline("text/plain", "AAAA", displayName="notes.txt"),
                inline("audio/ogg", "AAAA"),
            )
        ],
        [
            {
                "role": "user",
                "content": [
                    PAPER,
                    *(
                        {"type": "file", "file": {"file_data": data, "filename": filename}}
                        for data, filename in (
                            ("data:text/plain;base64,AAAA", "notes.txt"),
                            ("data:audio/ogg;base64,AAAA", "file.ogg"),
                        )
                    ),
                ],
            }
        ],
    ),
    Turns(
        "addresses",
        [
            user(
                file("https://a.example/1", "image/png"),
                file("https://a.example/2.JPG?x=1"),
                file("http://a.example/3.pdf", "application/pdf"),
                file("https://a.example/4"),
            )
        ],
        [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "https://a.example/1"}},
                    {"type": "image_url", "image_url": {"url": "https://a.example/2.JPG?x=1"}},
                    {"type": "file", "file": {"file_data": "http://a.example/3.pdf"}},
                    {"type": "file", "file": {"file_data": "https://a.example/4"}},
                ],
            }
        ],
    ),
    Turns(
        "a drawn picture",
        [
            *HELLO,
            model(
                inline(
                    "image/png",
                    PNG,
                ),
                inline("image/png", PNG) | {"thought": True},
            ),
        ],
        [*SAID, {"role": "assistant", "content": None, "images": [PICTURE]}],
    ),
    Turns(
        "a signed picture",
        [*HELLO, model(inline("image/png", PNG) | {"thoughtSignature": "c2ln"})],
        [*SAID, {"role": "assistant", "content": None, "images": [PICTURE | signed("c2ln")]}],
    ),
    Turns(
        "a call and its result",
        [
            *HELLO,
            model(call("now", {"zone": "UTC"}, "x1", thoughtSignature="c2ln")),
            user(result("now", {"output": "noon"}, "x1")),
        ],
        [
            *SAID,
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [asked("now", '{"zone":"UTC"}', "x1", **signed("c2ln"))],
            },
            told("noon", "x1"),
        ],
    ),
    Turns(
        "calls without ids",
        [
            *HELLO,
            model(call("f"), call("g"), call("f")),
            {
                "role": "function",
                "parts": [
                    result("f", {"output": {"a": 1}}),
                    result("f", {"result": "two"}),
                    result("g", {"error": "no"}),
                ],
            },
        ],
        [
            *SAID,
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [asked("f"), asked("g", id="call_2"), asked("f", id="call_3")],
            },
            told('{"output":{"a":1}}'),
            told('{"result":"two"}', "call_3"),
            told('{"error":"no"}', "call_2"),
        ],
    ),
    Turns(
        "results out of order",
        [
            *HELLO,
            model(call("f", id="a"), call("f", id="b")),
            user(result("f", {"output": "2"}, "b"), result("f", {"output": "1"}, "a")),
        ],
        [
            *SAID,
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [asked("f", id="a"), asked("f", id="b")],
            },
            told("2", "b"),
            told("1", "a"),
        ],
    ),
    Turns(
        "the newest call of a name",
        [*HELLO, model(call("f")), user(text("?")), model(call("f")), user(result("f", {}))],
        [
            *SAID,
            {"role": "assistant", "content": None, "tool_calls": [asked("f")]},
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": None, "tool_calls": [asked("f", id="call_2")]},
            told("{}", "call_2"),
        ],
    ),
    Turns(
        "results come first, then their files, then what is said",
        [
            *HELLO,
            model(text("I look."), call("f")),
            user(text("Here"), result("f", {"output": "x"}, parts=[inline("image/png", PNG)])),
            user(text("And?")),
        ],
        [
            *SAID,
            {"role": "assistant", "content": "I look.", "tool_calls": [asked("f")]},
            told("x"),
            {"role": "user", "content": [PICTURE]},
            {"role": "user", "content": "Here"},
            {"role": "user", "content": "And?"},
        ],
    ),
]


def snake(value: Any) -> Any:
    """The same in the other spelling; what is the user's own stays."""
    if isinstance(value, list):
        return [snake(one) for one in value]
    if not isinstance(value, dict):
        return value
    own = ("args", "response", "properties", "parametersJsonSchema", "responseJsonSchema")
    return {
        re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), key): one
        if key in own
        else snake(one)
        for key, one in value.items()
    }


@pytest.mark.parametrize("case", TURNS, ids=lambda case: case.id)
def test_contents_are_these_messages(case: Turns) -> None:
    chat = chat_of({"contents": case.contents})

    assert chat == {"model": "gemini-x", "messages": case.messages}
    assert chat_of(snake({"contents": case.contents})) == chat
    assert read_chat(orjson.dumps(chat)) == chat, "what a face promises of every chat"


SCHEMA = {
    "type": "OBJECT",
    "properties": {"place_name": {"type": "STRING", "nullable": True, "minLength": "1"}},
    "required": ["place_name"],
    "propertyOrdering": ["place_name"],
}
JSON_SCHEMA = {
    "type": "object",
    "properties": {"place_name": {"type": ["string", "null"], "minLength": 1}},
    "required": ["place_name"],
}
DECLARED = {"name": "f", "description": "F", "parameters": SCHEMA}
FUNCTION = {
    "type": "function",
    "function": {"name": "f", "description": "F", "parameters": JSON_SCHEMA},
}
TOOLS = [{"functionDeclarations": [DECLARED]}]


@dataclass
class Says:
    id: str
    given: JSON
    chat: JSON
    dropped: list[str] = field(default_factory=list)


def config(**fields: Any) -> JSON:
    return {"generationConfig": fields}


def thinking(**fields: Any) -> JSON:
    return config(thinkingConfig=fields)


def mode(name: str, *allowed: str) -> JSON:
    calling = {"mode": name, **({"allowedFunctionNames": allowed} if allowed else {})}
    return {"tools": TOOLS, "toolConfig": {"functionCallingConfig": calling}}


def only(kind: str, *names: str) -> JSON:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    allowed = {"mode": kind, "tools": tools}
    return {"tools": [FUNCTION], "tool_choice": {"type": "allowed_tools", "allowed_tools": allowed}}


def json_answer(schema: JSON) -> JSON:
    named = {"name": "answer", "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


JSON_TYPE = "application/json"
SAYS = [
    Says("nothing", {"generationConfig": {}, "tools": [], "model": "models/x"}, {}),
    Says("null", {"generationConfig": None, "tools": None, "cachedContent": None}, {}),
    Says("temperature", config(temperature=0.5), {"temperature": 0.5}),
    Says("topP", config(topP=1), {"top_p": 1}),
    Says(
        "penalties",
        config(presencePenalty=1, frequencyPenalty=-1.5),
        {"presence_penalty": 1, "frequency_penalty": -1.5},
    ),
    Says("maxOutputTokens", config(maxOutputTokens=64.0), {"max_tokens": 64}),
    Says("candidateCount", config(candidateCount="2"), {"n": 2}),
    Says("seed", config(seed=-7), {"seed": -7}),
    Says("stops", config(stopSequences=["a", "b"]), {"stop": ["a", "b"]}),
    Says(
        "logprobs", config(responseLogprobs=True, logprobs=3), {"logprobs": True, "top_logprobs": 3}
    ),
    Says("text", config(responseMimeType="text/plain", responseModalities=["TEXT"]), {}),
    Says(
        "pictures", config(responseModalities=["TEXT", "Image"]), {"modalities": ["text", "image"]}
    ),
    Says("json", config(responseMimeType=JSON_TYPE), {"response_format": {"type": "json_object"}}),
    Says(
        "a schema",
        config(responseMimeType=JSON_TYPE, responseSchema=SCHEMA),
        json_answer(JSON_SCHEMA),
    ),
    Says(
        "a JSON schema",
        config(responseJsonSchema={"type": "array"}),
        json_answer({"type": "array"}),
    ),
    *(
        Says(f"level {one}", thinking(thinkingLevel=one.upper()), {"reasoning_effort": one})
        for one in ("minimal", "low", "medium", "high", "xhigh")
    ),
    Says(
        "no level", thinking(thinkingLevel="THINKING_LEVEL_UNSPECIFIED", includeThoughts=True), {}
    ),
    *(
        Says(f"budget {budget}", thinking(thinkingBudget=budget), {"reasoning_effort": effort})
        for budget, effort in (
            (0, "none"),
            (1, "low"),
            (1024, "low"),
            (8191, "low"),
            (8192, "medium"),
            (24576, "high"),
            (24576, "high"),
        )
    ),
    Says("budget left to the model", thinking(thinkingBudget=-1), {}),
    Says(
        "level before budget",
        thinking(thinkingBudget=0, thinkingLevel="HIGH"),
        {"reasoning_effort": "high"},
    ),
    Says("functions", {"tools": TOOLS}, {"tools": [FUNCTION]}),
    Says("AUTO", mode("AUTO"), {"tools": [FUNCTION]}),
    Says("VALIDATED", mode("VALIDATED"), {"tools": [FUNCTION]}),
    Says("NONE", mode("none"), {"tools": [FUNCTION], "tool_choice": "none"}),
    Says("ANY", mode("ANY"), {"tools": [FUNCTION], "tool_choice": "required"}),
    Says(
        "ANY of one",
        mode("ANY", "f"),
        {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "f"}}},
    ),
    Says("ANY of two", mode("ANY", "f", "g"), only("required", "f", "g")),
    Says("VALIDATED of one", mode("VALIDATED", "f"), only("auto", "f")),
    Says(
        "a function with a JSON schema",
        {
            "tools": [
                {
                    "functionDeclarations": [
                        {"name": "g", "parametersJsonSchema": {"type": "object"}}
                    ]
                }
            ]
        },
        {
            "tools": [
                {"type": "function", "function": {"name": "g", "parameters": {"type": "object"}}}
            ]
        },
    ),
    Says(
        "a function without parameters",
        {"tools": {"functionDeclarations": {"name": "g"}}},
        {"tools": [{"type": "function", "function": {"name": "g"}}]},
    ),
    Says(
        "Google's own tools",
        {"tools": [{"googleSearch": {}}, {"urlContext": {}, "codeExecution": {}}]},
        {},
        ["tools.googleSearch", "tools.urlContext", "tools.codeExecution"],
    ),
    Says(
        "Google's and functions",
        {"tools": [*TOOLS, {"googleSearch": {}}]},
        {"tools": [FUNCTION]},
        ["tools.googleSearch"],
    ),
    *(
        Says(f"tier {one}", {"serviceTier": one}, {"service_tier": own})
        for one, own in (("standard", "default"), ("flex", "flex"), ("PRIORITY", "priority"))
    ),
    Says("no tier", {"serviceTier": "unspecified"}, {}),
    Says("safety", {"safetySettings": [{"category": "x"}]}, {}, ["safetySettings"]),
    Says("labels", {"labels": {"a": "b"}, "store": False}, {}, ["labels", "store"]),
    Says(
        "topK",
        config(topK=40, mediaResolution="LOW"),
        {},
        ["generationConfig.topK", "generationConfig.mediaResolution"],
    ),
    Says("unknown", {"newField": 1, **config(newer=2)}, {}, ["generationConfig.newer", "newField"]),
    Says("places", {"toolConfig": {"retrievalConfig": {}}}, {}, ["toolConfig.retrievalConfig"]),
    Says(
        "a function's answer",
        {
            "tools": [
                {"functionDeclarations": [{"name": "g", "response": {}, "behavior": "BLOCKING"}]}
            ]
        },
        {"tools": [{"type": "function", "function": {"name": "g"}}]},
        ["tools.functionDeclarations.response", "tools.functionDeclarations.behavior"],
    ),
]


@pytest.mark.parametrize("case", SAYS, ids=lambda case: case.id)
def test_a_request_says_this_in_a_chat(case: Says) -> None:
    one = face()
    chat = one.chat(one.read(orjson.dumps({"contents": HELLO, **case.given})))

    assert chat == {"model": "gemini-x", "messages": SAID, **case.chat}
    assert one.dropped == case.dropped
    assert chat_of(snake({"contents": HELLO, **case.given})) == chat
    assert read_chat(orjson.dumps(chat)) == chat


def test_the_system_speaks_first() -> None:
    one = chat_of({"contents": HELLO, "systemInstruction": {"parts": [{"text": "Be brief."}]}})
    two = chat_of(
        {"contents": HELLO, "system_instruction": {"role": "x", "parts": {"text": "Be brief."}}}
    )
    many = chat_of({"contents": HELLO, "systemInstruction": user(text("a"), text(""), text("b"))})

    assert one["messages"] == [{"role": "system", "content": "Be brief."}, *SAID]
    assert two == one
    assert [part["text"] for part in many["messages"][0]["content"]] == ["a", "b"]


def test_a_stream_asks_for_its_usage() -> None:
    one = face(STREAM)
    given = one.read(orjson.dumps({"contents": HELLO}))

    assert (given.model, given.stream) == ("gemini-x", True)
    chat = one.chat(given)
    assert (chat["stream"], chat["stream_options"]) == (True, {"include_usage": True})
    assert not face().read(orjson.dumps({"contents": HELLO})).stream


def test_the_clients_own_words_are_kept_for_platforms_that_speak_them() -> None:
    body = {"system_instruction": None, "contents": HELLO, "newField": {"a_b": 1}}
    one = face()
    given = one.read(orjson.dumps(body))

    one.chat(given)

    assert orjson.dumps(given.body) == orjson.dumps(body)


def test_a_chat_can_be_asked_for_twice() -> None:
    one = face()
    given = one.read(orjson.dumps(said(*HELLO, model(call("f")), labels={"a": "b"})))

    assert one.chat(given) == one.chat(given)
    assert one.dropped == ["labels"]


@pytest.mark.parametrize("inner", ["generateContentRequest", "generate_content_request"])
def test_what_is_to_be_counted_may_stand_inside_a_request(inner: str) -> None:
    request = {"model": "models/x", "contents": HELLO, "systemInstruction": user(text("Be brief."))}

    chat = chat_of({inner: request}, "countTokens")

    assert [message["role"] for message in chat["messages"]] == ["system", "user"]
    assert chat_of({"contents": HELLO}, "countTokens")["messages"] == SAID
    with pytest.raises(BadRequest) as caught:
        chat_of({inner: {}}, "countTokens")
    assert caught.value.param == "generateContentRequest.contents"


@dataclass
class Refused:
    id: str
    body: Any
    param: str | None
    says: str


def parts(*given: Any) -> JSON:
    return said(user(*given))


REFUSALS = [
    Refused("empty", b"", None, "it is empty"),
    Refused("half", b'{"contents"', None, "line 1, column"),
    Refused("a list", [], None, "must be a JSON object"),
    Refused("no contents", {}, "contents", "is missing or empty"),
    Refused("empty contents", {"contents": []}, "contents", "is missing or empty"),
    Refused("contents text", {"contents": "Hi"}, "contents", "is a string; it must be an array"),
    Refused(
        "content text", {"contents": ["Hi"]}, "contents[0]", "is a string; it must be an object"
    ),
    Refused("saying nothing", said(user(text(""))), "contents", "says nothing"),
    Refused(
        "a role", said({"role": "system", "parts": []}), "contents[0].role", "user, model, function"
    ),
    Refused("parts text", said({"parts": "Hi"}), "contents[0].parts", "must be an array"),
    Refused("a part text", parts("Hi"), "contents[0].parts[0]", "must be an object"),
    Refused(
        "an empty part",
        parts({}),
        "contents[0].parts[0]",
        "holds nothing; a part must hold one of text",
    ),
    Refused(
        "two in one",
        parts({"text": "a", "inline_data": {}}),
        "contents[0].parts[0]",
        "holds text and inlineData",
    ),
    Refused("text number", parts({"text": 1}), "contents[0].parts[0].text", "must be a string"),
    *(
        Refused(
            name,
            parts({name: {}}),
            f"contents[0].parts[0].{name}",
            "cannot be told to this platform",
        )
        for name in (
            "executableCode",
            "codeExecutionResult",
            "toolCall",
            "toolResponse",
            "functionCall",
            "news",
        )
    ),
    Refused(
        "a model's file",
        said(model(file("https://a.example"))),
        "contents[0].parts[0].fileData",
        "cannot",
    ),
    Refused(
        "a model's sound",
        said(model(inline("audio/wav", "AAAA"))),
        "contents[0].parts[0].inlineData",
        "picture",
    ),
    Refused(
        "no type",
        parts({"inlineData": {"data": PNG}}),
        "contents[0].parts[0].inlineData.mimeType",
        "image/png",
    ),
    Refused(
        "a wrong type",
        parts(inline("png", PNG)),
        "contents[0].parts[0].inlineData.mimeType",
        "image/png",
    ),
    Refused(
        "no data",
        parts({"inlineData": {"mimeType": "image/png"}}),
        "contents[0].parts[0].inlineData.data",
        "missing",
    ),
    Refused(
        "no base64",
        parts(inline("image/png", "ba se64!")),
        "contents[0].parts[0].inlineData.data",
        "base64",
    ),
    Refused(
        "a bucket",
        parts(file("gs://bucket/x")),
        "contents[0].parts[0].fileData.fileUri",
        "https://",
    ),
    Refused(
        "no name",
        said(model(call("f") | {"functionCall": {}})),
        "contents[0].parts[0].functionCall.name",
        "missing",
    ),
    Refused(
        "args text",
        said(model({"functionCall": {"name": "f", "args": "x"}})),
        "contents[0].parts[0].functionCall.args",
        "object",
    ),
    Refused(
        "a stray result",
        parts(result("f", {})),
        "contents[0].parts[0].functionResponse.name",
        "answers no functionCall",
    ),
    Refused(
        "a stray id",
        parts(result("f", {}, "x")),
        "contents[0].parts[0].functionResponse.id",
        "answers no functionCall",
    ),
    Refused(
        "answered twice",
        said(model(call("f")), user(result("f", {}), result("f", {}))),
        "contents[1].parts[1].functionResponse.name",
        "answers no functionCall",
    ),
    Refused(
        "response text",
        said(model(call("f")), user(result("f", "x"))),
        "contents[1].parts[0].functionResponse.response",
        "object",
    ),
    Refused(
        "a system's picture",
        said(*HELLO, systemInstruction=user(inline("image/png", PNG))),
        "systemInstruction.parts[0].inlineData",
        "text",
    ),
    Refused(
        "temperature",
        said(*HELLO, **config(temperature="hot")),
        "generationConfig.temperature",
        "must be a number",
    ),
    Refused(
        "maxOutputTokens",
        said(*HELLO, **config(maxOutputTokens=1.5)),
        "generationConfig.maxOutputTokens",
        "must be a whole number",
    ),
    Refused(
        "seed", said(*HELLO, **config(seed=True)), "generationConfig.seed", "must be a whole number"
    ),
    Refused(
        "stops",
        said(*HELLO, **config(stopSequences=["a", 1])),
        "generationConfig.stopSequences[1]",
        "a string",
    ),
    Refused(
        "logprobs",
        said(*HELLO, **config(logprobs=1)),
        "generationConfig.logprobs",
        "responseLogprobs: true",
    ),
    Refused(
        "audio",
        said(*HELLO, **config(responseModalities=["AUDIO"])),
        "generationConfig.responseModalities",
        "TEXT and IMAGE",
    ),
    Refused(
        "an enum",
        said(*HELLO, **config(responseMimeType="text/x.enum")),
        "generationConfig.responseMimeType",
        "text/plain, application/json",
    ),
    Refused(
        "a schema of no JSON",
        said(*HELLO, **config(responseMimeType="text/plain", responseSchema=SCHEMA)),
        "generationConfig.responseMimeType",
        "application/json beside a schema",
    ),
    Refused(
        "a level",
        said(*HELLO, **thinking(thinkingLevel="deep")),
        "generationConfig.thinkingConfig.thinkingLevel",
        "MINIMAL, LOW",
    ),
    Refused("a tier", said(*HELLO, serviceTier="gold"), "serviceTier", "standard, flex, priority"),
    Refused(
        "a mode",
        said(*HELLO, **mode("SOME")),
        "toolConfig.functionCallingConfig.mode",
        "AUTO, NONE, ANY",
    ),
    Refused(
        "ANY of none",
        said(*HELLO, toolConfig={"functionCallingConfig": {"mode": "ANY"}}),
        "toolConfig.functionCallingConfig.mode",
        "functionDeclarations",
    ),
    Refused(
        "a function's name",
        said(*HELLO, tools=[{"functionDeclarations": [{}]}]),
        "tools[0].functionDeclarations[0].name",
        "missing",
    ),
    Refused(
        "a schema",
        said(
            *HELLO,
            tools=[{"functionDeclarations": [{"name": "f", "parameters": {"properties": []}}]}],
        ),
        "tools[0].functionDeclarations[0].parameters.properties",
        "object",
    ),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.id)
def test_a_wrong_request_is_refused_by_the_clients_own_names(case: Refused) -> None:
    body = case.body if isinstance(case.body, bytes) else orjson.dumps(case.body)
    one = face()

    with pytest.raises(BadRequest) as caught:
        one.chat(one.read(body))

    assert caught.value.param == case.param
    assert case.says in caught.value.message


def placed(path: str, value: Any) -> JSON:
    """A request that holds this at the path, as a list where lists stand."""
    name, _, rest = path.partition(".")
    if name == "contents":
        return {"contents": [user({"text": "Hello", path.rpartition(".")[2]: value})]}
    inner = placed(rest, value) if rest else value
    if name == "functionDeclarations":
        inner = {"name": "f", **inner}
    return {name: [inner] if name in ("tools", "functionDeclarations") else inner}


@pytest.mark.parametrize("path", REFUSED)
def test_what_would_change_the_answer_is_refused(path: str) -> None:
    with pytest.raises(BadRequest) as caught:
        chat_of({"contents": HELLO, **placed(path, {"a": 1})})

    assert caught.value.param == path
    assert REFUSED[path] in caught.value.message


@pytest.mark.parametrize("path", DROPPED)
def test_what_does_no_harm_is_dropped_by_name(path: str) -> None:
    one = face()

    one.chat(one.read(orjson.dumps({"contents": HELLO, **placed(path, {"a": 1})})))

    assert one.dropped == [path]


def test_a_request_that_is_too_deep_is_refused() -> None:
    deep = b'{"items":' * 800 + b"{}" + b"}" * 800
    hello = b'{"contents": [{"parts": [{"text": "Hello"}]}], '
    function = b'"tools": [{"functionDeclarations": [{"name": "f", "parameters": ' + deep + b"}]}]}"
    called = b'{"contents": [{"role": "model", "parts": [{"functionCall": {"name": "f", "args": '
    for body in (hello + function, called + deep + b"}}]}]}"):
        one = face()
        with pytest.raises(BadRequest, match="too many objects inside each other"):
            one.chat(one.read(body))


NAMES = (
    *("contents", "role", "parts", "text", "thought", "thoughtSignature", "inlineData", "data"),
    *("mimeType", "fileData", "fileUri", "functionCall", "functionResponse", "name", "id", "args"),
    *("response", "generationConfig", "responseSchema", "nullable", "enum", "anyOf", "items"),
    *("type", "properties", "stopSequences", "thinkingConfig", "tools", "functionDeclarations"),
)
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        "model",
        "user",
        "f",
        "image/png",
        "https://[",
        "AAAA",
        "STRING",
        "",
        1,
        0.5,
        True,
        None,
        [],
        {},
    ]
)
ANYTHING = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=30,
)


@hypothesis.given(st.dictionaries(st.sampled_from(NAMES), ANYTHING), ANYTHING, ANYTHING)
def test_whatever_is_asked_is_a_chat_or_a_bad_request(body: JSON, some: Any, schema: Any) -> None:
    asks = [body, said(user(some)), said(model(some), user(some)), said(some, some)]
    asks.append({"contents": HELLO, **config(responseSchema=schema)})
    for one in asks:
        with contextlib.suppress(BadRequest):
            chat = chat_of(one)
            assert read_chat(orjson.dumps(chat)) == chat


SCHEMAS: list[tuple[str, JSON, JSON]] = [
    ("types", {"type": "INTEGER", "format": "int32"}, {"type": "integer", "format": "int32"}),
    ("no type", {"type": "TYPE_UNSPECIFIED", "title": "T"}, {"title": "T"}),
    ("small letters", {"type": ["string", "NULL"]}, {"type": ["string", "null"]}),
    (
        "a choice or nothing",
        {"type": "STRING", "enum": ["a"], "nullable": True},
        {"type": ["string", "null"], "enum": ["a", None]},
    ),
    (
        "one of two or nothing",
        {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}], "nullable": True},
        {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
    ),
    ("never nothing", {"type": "BOOLEAN", "nullable": False}, {"type": "boolean"}),
    (
        "lists",
        {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": "1", "maxItems": 2},
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
    ),
    (
        "names are not fields",
        {"properties": {"property_ordering": {"type": "STRING"}, "type": {"type": "STRING"}}},
        {"properties": {"property_ordering": {"type": "string"}, "type": {"type": "string"}}},
    ),
    (
        "references",
        {"defs": {"Pet": {"type": "OBJECT"}}, "items": {"ref": "#/defs/Pet"}},
        {"$defs": {"Pet": {"type": "object"}}, "items": {"$ref": "#/$defs/Pet"}},
    ),
    (
        "others",
        {"type": "OBJECT", "additionalProperties": False},
        {"type": "object", "additionalProperties": False},
    ),
]


@pytest.mark.parametrize(("id", "schema", "expected"), SCHEMAS, ids=[one[0] for one in SCHEMAS])
def test_googles_schema_becomes_json_schema(id: str, schema: JSON, expected: JSON) -> None:
    answer = chat_of({"contents": HELLO, **config(responseSchema=schema)})
    tools = [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]
    function = chat_of({"contents": HELLO, "tools": tools})

    assert answer["response_format"]["json_schema"]["schema"] == expected
    assert function["tools"][0]["function"]["parameters"] == expected


@dataclass
class Answer:
    id: str
    message: JSON
    parts: list[JSON]
    reason: str = "stop"
    finish: str = "STOP"
    more: JSON = field(default_factory=dict)


LOGPROBS = {
    "content": [
        {
            "token": "Hi",
            "logprob": -0.5,
            "bytes": None,
            "top_logprobs": [{"token": "Ho", "logprob": -1.5, "bytes": None}],
        }
    ],
    "refusal": None,
}
ANSWERS = [
    Answer("a text", {"content": "Hi"}, [text("Hi")]),
    Answer("nothing", {"content": None}, [text("")]),
    Answer("a cut", {"content": ""}, [text("")], "length", "MAX_TOKENS"),
    Answer("held back", {"content": "H"}, [text("H")], "content_filter", "SAFETY"),
    Answer("a new reason", {"content": "H"}, [text("H")], "tired", "OTHER"),
    Answer("a refusal", {"content": None, "refusal": "No."}, [text("No.")]),
    Answer(
        "thoughts",
        {"content": "Hi", "reasoning_content": "So", "thinking_blocks": [{"type": "x"}]},
        [text("So", thought=True), text("Hi")],
    ),
    Answer(
        "thoughts under another name",
        {"content": "Hi", "reasoning": "So"},
        [text("So", thought=True), text("Hi")],
    ),
    Answer(
        "a signed text", {"content": "Hi", **signed("c2ln")}, [text("Hi", thoughtSignature="c2ln")]
    ),
    Answer(
        "a signature alone",
        {"content": "", "reasoning_content": "So", **signed("c2ln")},
        [text("So", thought=True), text("", thoughtSignature="c2ln")],
    ),
    Answer(
        "pictures",
        {
            "content": "See",
            "images": [PICTURE | signed("c2ln"), {"image_url": {"url": "https://a.example/x"}}],
        },
        [
            text("See"),
            inline("image/png", PNG) | {"thoughtSignature": "c2ln"},
            file("https://a.example/x"),
        ],
    ),
    Answer(
        "calls",
        {
            "content": "I look.",
            "tool_calls": [
                asked("f", '{"a": {"b": [1]}}', "x1", **signed("c2ln")),
                asked("g", "", "x2"),
                asked("g", "{}", ""),
            ],
        },
        [
            text("I look."),
            call("f", {"a": {"b": [1]}}, "x1", thoughtSignature="c2ln"),
            call("g", {}, "x2"),
            call("g", {}),
        ],
        "tool_calls",
    ),
    Answer(
        "a malformed call",
        {"content": None, "tool_calls": [asked("f", '{"a": '), asked("g")]},
        [call("g", {}, "call_1")],
        "tool_calls",
        "MALFORMED_FUNCTION_CALL",
        {"finishMessage": 'Malformed function call: f({"a": )'},
    ),
    Answer(
        "a call of a list",
        {"content": None, "tool_calls": [asked("f", "[1]")]},
        [text("")],
        "tool_calls",
        "MALFORMED_FUNCTION_CALL",
        {"finishMessage": "Malformed function call: f([1])"},
    ),
    Answer(
        "a call cut off",
        {"content": None, "tool_calls": [asked("f", '{"a": ')]},
        [text("")],
        "length",
        "MAX_TOKENS",
    ),
    Answer(
        "what a platform should not send",
        {"content": 5, "images": "x", "tool_calls": None, "extra_content": 1},
        [text("")],
    ),
]
USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 45,
    "total_tokens": 55,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 40},
}
COUNTED = {
    "promptTokenCount": 10,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 40,
    "cachedContentTokenCount": 4,
    "totalTokenCount": 55,
}
WHO = {"modelVersion": "public-model", "responseId": "chatcmpl-1"}


def choice(index: int, message: JSON, reason: str = "stop", logprobs: Any = None) -> JSON:
    message = {"role": "assistant", "content": None, "refusal": None, **message}
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": reason}


def completion(*choices: JSON, usage: Any = USAGE) -> JSON:
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "public-model"}
    return {**head, "choices": list(choices), "usage": usage}


def chunk(*choices: JSON, usage: Any = None) -> JSON:
    whole = completion(*choices, usage=usage)
    return {**whole, "object": "chat.completion.chunk"}


def delta(index: int, said: JSON, reason: str | None = None, logprobs: Any = None) -> JSON:
    return {"index": index, "delta": said, "logprobs": logprobs, "finish_reason": reason}


def chunks_of(whole: JSON) -> list[JSON]:
    """A completion as a stream that says each thing by itself, arguments letter by letter."""
    chunks = []
    for one in whole["choices"]:
        index, logprobs = one["index"], one["logprobs"]
        chunks.append(chunk(delta(index, {"role": "assistant", "content": ""})))
        message = dict(one["message"])
        calls = message.pop("tool_calls", None) or []
        extra = message.pop("extra_content", None)
        said = [{name: value} for name, value in message.items() if value and name != "role"]
        said.sort(key=lambda one: next(iter(one)) not in ("reasoning_content", "reasoning"))
        said += [{"extra_content": extra}] if extra else []
        for place, given in enumerate(calls):
            arguments = given["function"]["arguments"]
            begun = {**given, "function": {**given["function"], "arguments": ""}}
            said.append({"tool_calls": [{"index": place, **begun}]})
            said += [
                {"tool_calls": [{"index": place, "function": {"arguments": letter}}]}
                for letter in arguments
            ]
        for piece in said:
            chunks.append(chunk(delta(index, piece, logprobs=logprobs)))
            logprobs = None
        chunks.append(chunk(delta(index, {}, one["finish_reason"])))
    return [*chunks, chunk(usage=whole["usage"])]


def events_of(one: GeminiFace, chunks: list[JSON]) -> list[JSON]:
    sent = b"".join(map(one.chunk, chunks)) + one.end()
    decoder = sse.Decoder()
    return [orjson.loads(event.data) for event in decoder.feed(sent)]


def folded(events: list[JSON]) -> JSON:
    """A stream's partial responses as the one that says the same."""
    candidates: dict[int, JSON] = {}
    for event in events:
        assert {name: event[name] for name in WHO} == WHO
        for partial in event["candidates"]:
            shown = candidates.setdefault(
                partial["index"], {"index": partial["index"], "content": []}
            )
            assert "finishReason" not in shown, "something came after the end"
            assert partial["content"]["parts"], "SDKs call a candidate without parts invalid"
            shown["content"] += partial["content"]["parts"]
            more = {key: partial[key] for key in partial if key not in ("content", "index")}
            shown |= more
    for shown in candidates.values():
        shown["content"] = {"role": "model", "parts": joined(shown["content"])}
    assert all("usageMetadata" not in event for event in events[:-1])
    usage = {"usageMetadata": events[-1]["usageMetadata"]}
    return {"candidates": [one for _, one in sorted(candidates.items())], **usage, **WHO}


def joined(parts: list[JSON]) -> list[JSON]:
    """Thoughts, texts, pictures, calls: each kind in its order, texts joined."""
    thought = "".join(part["text"] for part in parts if part.get("thought"))
    texts = [part for part in parts if "text" in part and not part.get("thought")]
    spoken = text("".join(part["text"] for part in texts))
    for part in texts:
        spoken |= {key: part[key] for key in part if key != "text"}
    rest = [part for part in parts if "text" not in part]
    rest.sort(key=lambda part: "functionCall" in part)
    shown = [spoken] if spoken != text("") else []
    found = ([text(thought, thought=True)] if thought else []) + shown + rest
    return found or [text("")]


def whole_of(body: bytes) -> JSON:
    answer: JSON = orjson.loads(body)
    for candidate in answer["candidates"]:
        candidate["content"]["parts"] = joined(candidate["content"]["parts"])
    return answer


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.id)
def test_an_answer_is_said_like_this(case: Answer) -> None:
    whole = completion(choice(0, case.message, case.reason))

    answer = orjson.loads(face().answer(whole))

    content = {"role": "model", "parts": case.parts}
    candidate = {"content": content, "index": 0, "finishReason": case.finish, **case.more}
    assert answer == {"candidates": [candidate], "usageMetadata": COUNTED, **WHO}


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.id)
def test_a_stream_says_the_same_as_the_answer(case: Answer) -> None:
    whole = completion(choice(0, case.message, case.reason))

    events = events_of(face(STREAM), chunks_of(whole))

    assert folded(events) == whole_of(face().answer(whole))
    assert all("finishReason" not in one["candidates"][0] for one in events[:-1])


def test_logprobs_are_told() -> None:
    whole = completion(choice(0, {"content": "Hi"}, logprobs=LOGPROBS))

    answer = orjson.loads(face().answer(whole))

    expected = {
        "chosenCandidates": [{"token": "Hi", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "Ho", "logProbability": -1.5}]}],
    }
    assert answer["candidates"][0]["logprobsResult"] == expected
    assert folded(events_of(face(STREAM), chunks_of(whole))) == answer


def test_all_choices_are_told() -> None:
    whole = completion(choice(0, {"content": "a"}), choice(1, {"content": "b"}, "length"))

    answer = orjson.loads(face().answer(whole))

    assert [one["index"] for one in answer["candidates"]] == [0, 1]
    assert [one["finishReason"] for one in answer["candidates"]] == ["STOP", "MAX_TOKENS"]
    assert folded(events_of(face(STREAM), chunks_of(whole))) == answer


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
            {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
        ),
        (
            {"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": None},
            {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
        ),
        (
            {
                "prompt_tokens": 1,
                "completion_tokens": 2,
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
            {
                "promptTokenCount": 1,
                "candidatesTokenCount": 0,
                "thoughtsTokenCount": 2,
                "totalTokenCount": 3,
            },
        ),
    ],
)
def test_usage_is_counted_as_gemini_counts(usage: JSON, expected: JSON) -> None:
    answer = orjson.loads(face().answer(completion(choice(0, {"content": "Hi"}), usage=usage)))

    assert answer["usageMetadata"] == expected


def test_texts_go_out_at_once_and_calls_when_they_are_whole() -> None:
    one = face(STREAM)

    def parts(given: JSON, reason: str | None = None) -> list[JSON]:
        event = one.chunk(chunk(delta(0, given, reason)))
        data = event.removeprefix(b"data: ")
        found: list[JSON] = orjson.loads(data)["candidates"][0]["content"]["parts"] if event else []
        return found

    assert parts({"role": "assistant", "content": ""}) == []
    assert parts({"reasoning_content": "So"}) == [text("So", thought=True)]
    assert parts({"content": "Hi"}) == [text("Hi")]
    assert parts({"tool_calls": [{"index": 0, **asked("f", '{"a":', "x1")}]}) == []
    assert parts({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}) == []
    begins = parts({"tool_calls": [{"index": 1, **asked("g", "", "x2")}]})
    assert begins == [call("f", {"a": 1}, "x1")]
    assert parts({}, "tool_calls") == [call("g", {}, "x2")]
    assert b'"finishReason":"STOP"' in one.chunk(chunk(usage=USAGE))
    assert one.end() == b""


def test_calls_whose_fragments_alternate_stay_whole_and_in_order() -> None:
    pieces = [(0, '{"a"'), (1, '{"b":'), (1, "2}"), (2, "{}"), (0, ":1}"), (3, "{}")]
    begun: set[int] = set()
    chunks = []
    for index, arguments in pieces:
        function = {"arguments": arguments, **({} if index in begun else {"name": f"f{index}"})}
        begun.add(index)
        chunks.append(chunk(delta(0, {"tool_calls": [{"index": index, "function": function}]})))

    events = events_of(face(STREAM), [*chunks, chunk(delta(0, {}, "tool_calls"))])

    said = [part for event in events for part in event["candidates"][0]["content"]["parts"]]
    calls = [call("f0", {"a": 1}), call("f1", {"b": 2}), call("f2"), call("f3")]
    assert said == [*calls, text("")]


def test_an_end_without_usage_still_says_how_it_ended() -> None:
    events = events_of(face(STREAM), [chunk(delta(0, {"content": "Hi"}, "length"))])

    assert [event["candidates"][0].get("finishReason") for event in events] == [None, "MAX_TOKENS"]
    assert "usageMetadata" not in events[-1]


@pytest.mark.parametrize("as_events", [True, False])
def test_nothing_is_owed_where_nothing_came(as_events: bool) -> None:
    assert face(STREAM, as_events=as_events).end() == b""


def test_a_stream_that_was_not_asked_for_as_events_is_one_array() -> None:
    whole = completion(choice(0, {"content": "Hi"}))
    one = face(STREAM, as_events=False)

    sent = b"".join(map(one.chunk, chunks_of(whole))) + one.end()

    assert folded(orjson.loads(sent)) == orjson.loads(face().answer(whole))
    assert sent.startswith(b'[{"candidates"')
    assert b"},\r\n{" in sent
    assert (one.content_type, one.ping) == (b"application/json", b"")
    assert face(STREAM).content_type.startswith(b"text/event-stream")


def test_what_is_relayed_is_framed_as_the_rest() -> None:
    events, array = face(STREAM), face(STREAM, as_events=False)

    assert events.relayed(b'{"a": 1}') + events.end() == b'data: {"a": 1}\n\n'
    sent = array.relayed(b'{"a": 1}') + array.relayed(b'{"a": 2}') + array.end()
    assert sent == b'[{"a": 1},\r\n{"a": 2}]'


@dataclass
class Error:
    status: int
    name: str
    code: str | None = "some_code"
    headers: dict[str, str] = field(default_factory=dict)


ERRORS = [
    Error(400, "INVALID_ARGUMENT"),
    Error(401, "UNAUTHENTICATED", "invalid_api_key"),
    Error(403, "PERMISSION_DENIED"),
    Error(404, "NOT_FOUND", None),
    Error(408, "DEADLINE_EXCEEDED"),
    Error(413, "INVALID_ARGUMENT"),
    Error(429, "RESOURCE_EXHAUSTED", headers={"Retry-After": "7"}),
    Error(500, "INTERNAL"),
    Error(502, "UNAVAILABLE"),
    Error(503, "UNAVAILABLE", None, {"Retry-After": "1"}),
    Error(504, "DEADLINE_EXCEEDED"),
]


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: str(case.status))
def test_an_error_is_googles(case: Error) -> None:
    error = ApiError(case.status, "It is so.", code=case.code, headers=case.headers)

    body = orjson.loads(face().error(error))["error"]

    details = body.pop("details", [])
    assert body == {"code": case.status, "message": "It is so.", "status": case.name}
    kinds = {one["@type"].rpartition(".")[2]: one for one in details}
    assert ("ErrorInfo" in kinds) == (case.code is not None)
    if case.code:
        assert kinds["ErrorInfo"]["reason"] == case.code.upper()
        assert kinds["ErrorInfo"]["domain"] == "tokens"
    delay = kinds["RetryInfo"]["retryDelay"] if "RetryInfo" in kinds else None
    assert delay == (f"{case.headers['Retry-After']}s" if case.headers else None)


def test_an_error_stands_in_a_list_where_an_array_was_asked_for() -> None:
    error = ApiError(404, "No.", code="model_not_found")

    alone = orjson.loads(face().error(error))

    assert orjson.loads(face(STREAM, as_events=False).error(error)) == [alone]
    assert orjson.loads(face("countTokens", as_events=False).error(error)) == alone
    assert orjson.loads(face(STREAM).error(error)) == alone


@pytest.mark.parametrize("came", [True, False])
def test_an_error_in_the_middle_is_the_last_that_comes(came: bool) -> None:
    error = ApiError(502, "Cut.", code="upstream_error")
    body = orjson.loads(face().error(error))
    events, array = face(STREAM), face(STREAM, as_events=False)
    begun = [chunk(delta(0, {"content": "Hi"}))] if came else []

    sent = b"".join(map(array.chunk, begun)) + array.error_event(error)
    streamed = b"".join(map(events.chunk, begun)) + events.error_event(error)

    assert orjson.loads(sent)[-1] == body
    assert len(orjson.loads(sent)) == len(begun) + 1
    found = sse.Decoder().feed(streamed)
    assert orjson.loads(found[-1].data) == body
    assert orjson.loads(streamed.rpartition(b"\n")[2]) == body
    assert b"finishReason" not in streamed


LETTERS = st.text(st.characters(codec="utf-8"), max_size=6)
ARGS = st.dictionaries(LETTERS, st.integers(-9, 9) | LETTERS | st.lists(st.booleans()), max_size=3)


@st.composite
def messages(draw: st.DrawFn) -> JSON:
    message: JSON = {"content": draw(st.none() | LETTERS)}
    if thought := draw(LETTERS):
        message["reasoning_content"] = thought
    if draw(st.booleans()):
        message |= signed("c2ln")
    if draw(st.booleans()):
        message["images"] = [PICTURE] * draw(st.integers(1, 2))
    if draw(st.booleans()):
        message["tool_calls"] = [
            asked(draw(LETTERS), orjson.dumps(draw(ARGS)).decode(), f"x{number}")
            | draw(st.sampled_from([{}, signed("bW9yZQ==")]))
            for number in range(draw(st.integers(1, 3)))
        ]
    return message


@st.composite
def streams(draw: st.DrawFn) -> tuple[JSON, list[JSON]]:
    """A completion, and chunks that say the same, cut anywhere, their choices mixed."""
    reasons = st.sampled_from(["stop", "length", "tool_calls", "content_filter"])
    whole = completion(
        *(choice(n, draw(messages()), draw(reasons)) for n in range(draw(st.integers(1, 3))))
    )
    queues = [list(pieces(one, draw)) for one in whole["choices"]]
    chunks = []
    while any(queues):
        index = draw(st.sampled_from([n for n, queue in enumerate(queues) if queue]))
        chunks.append(chunk(queues[index].pop(0)))
    return whole, [*chunks, chunk(usage=whole["usage"])]


def pieces(one: JSON, draw: st.DrawFn) -> Iterator[JSON]:
    index, message = one["index"], one["message"]
    yield delta(index, {"role": "assistant", "content": ""})
    for name in ("reasoning_content", "content"):
        for piece in cut(message.get(name) or "", draw):
            yield delta(index, {name: piece})
    for image in message.get("images") or ():
        yield delta(index, {"images": [{"index": 0, **image}]})
    if "extra_content" in message:
        yield delta(index, {"extra_content": message["extra_content"]})
    for place, given in enumerate(message.get("tool_calls") or ()):
        first, *rest = cut(given["function"]["arguments"], draw)
        function = {**given["function"], "arguments": first}
        yield delta(index, {"tool_calls": [{"index": place, **given, "function": function}]})
        for piece in rest:
            fragment = {"index": place, "function": {"arguments": piece}}
            yield delta(index, {"tool_calls": [fragment]})
    yield delta(index, {}, one["finish_reason"])


def cut(whole: str, draw: st.DrawFn) -> list[str]:
    place = draw(st.integers(0, len(whole)))
    return [whole[:place], whole[place:]]


@hypothesis.given(streams())
def test_any_stream_folds_to_its_answer(drawn: tuple[JSON, list[JSON]]) -> None:
    whole, chunks = drawn

    answer = whole_of(face().answer(whole))

    assert folded(events_of(face(STREAM), chunks)) == answer
    array = face(STREAM, as_events=False)
    assert folded(orjson.loads(b"".join(map(array.chunk, chunks)) + array.end())) == answer


TRANSCRIPTS = sorted((Path(__file__).parents[2] / "transcripts").glob("*/stream-*/chunks.jsonl"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: "/".join(path.parts[-3:-1]))
def test_every_transcript_ends_well_and_says_what_its_chunks_say(path: Path) -> None:
    chunks = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    one = face(STREAM)

    sent = b"".join(map(one.chunk, chunks)) + one.end()

    events = [orjson.loads(event.data) for event in sse.Decoder().feed(sent)]
    last = events[-1]["candidates"]
    assert all(candidate["finishReason"] in ("STOP", "MAX_TOKENS", "SAFETY") for candidate in last)
    parts = [
        part for event in events for one in event["candidates"] for part in one["content"]["parts"]
    ]
    texts = "".join(part["text"] for part in parts if "text" in part and "thought" not in part)
    assert texts == "".join(
        (delta.get("content") or "") + (delta.get("refusal") or "") for delta in deltas
    )
    calls = [call for delta in deltas for call in delta.get("tool_calls") or () if "id" in call]
    assert [part["functionCall"]["id"] for part in parts if "functionCall" in part] == [
        call["id"] for call in calls
    ]


def upstream(body: JSON) -> JSON:
    """What a Gemini would be asked if the request went through a chat."""
    route = Route(PLATFORM, "public-model", "gemini-3.1-pro", "chat", FREE)
    sent = Gemini().chat(read_chat(orjson.dumps(chat_of(body))), route).request.body
    assert isinstance(sent, bytes)
    found: JSON = orjson.loads(sent)
    return found


def test_a_conversation_with_tools_survives_the_way_through_a_chat() -> None:
    contents = [
        user(text("See"), inline("image/png", PNG), inline("application/pdf", PDF)),
        model(
            text("I look."),
            call("f", {"a": 1}, "x1", thoughtSignature="c2ln"),
            call("g", {}, "x2", thoughtSignature="bW9yZQ=="),
        ),
        user(result("f", {"output": "one"}, "x1"), result("g", {"error": "no"}, "x2")),
        model(text("Done.", thoughtSignature="ZW5k")),
        user(inline("audio/wav", "AAAA"), file("https://a.example/x.png", "image/png")),
    ]
    json = {"name": "f", "description": "F", "parametersJsonSchema": JSON_SCHEMA}
    tools = [{"functionDeclarations": [json, {"name": "g"}]}]
    calling = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}}
    settings = {
        "temperature": 0.5,
        "topP": 0.9,
        "maxOutputTokens": 64,
        "stopSequences": ["a", "b"],
        "candidateCount": 2,
        "seed": 7,
        "presencePenalty": 1,
        "frequencyPenalty": 1,
        "responseLogprobs": True,
        "logprobs": 3,
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "array"},
        "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True},
    }
    body = {
        "contents": contents,
        "systemInstruction": {"parts": [text("Be brief."), text("Be kind.")]},
        "tools": tools,
        "toolConfig": calling,
        "generationConfig": settings,
        "serviceTier": "flex",
    }

    assert upstream(body) == body


def test_old_schemas_and_calls_without_ids_survive_it_too() -> None:
    body = said(
        *HELLO,
        model(call("f", thoughtSignature="c2ln"), call("f")),
        user(result("f", {"output": "1"}), result("f", {"output": "2"})),
        tools=TOOLS,
    )

    sent = upstream(body)

    answers = [part["functionResponse"] for part in sent["contents"][2]["parts"]]
    assert [(one["id"], one["response"]["output"]) for one in answers] == [
        ("call_1", "1"),
        ("call_2", "2"),
    ]
    declared = sent["tools"][0]["functionDeclarations"][0]
    assert declared == {"name": "f", "description": "F", "parametersJsonSchema": JSON_SCHEMA}


def sdk(answer: bytes, content_type: str = "application/json", status: int = 200) -> Any:
    """Google's own client before a server that answers this; what it asked is in `asked`."""
    genai = pytest.importorskip("google.genai")
    requests: list[httpx.Request] = []

    def served(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, content=answer, headers={"content-type": content_type})

    arguments = {"transport": httpx.MockTransport(served)}
    client = genai.Client(api_key="k", http_options={"client_args": arguments})
    client.asked = requests
    return client


def sdk_stream(answer: bytes) -> Iterator[Any]:
    client = sdk(answer, "text/event-stream")  # closes its connections as soon as it is let go
    yield from client.models.generate_content_stream(model="gemini-x", contents="Hello")


@pytest.mark.peers
@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.id)
def test_googles_sdk_understands_every_answer(case: Answer) -> None:
    types = pytest.importorskip("google.genai.types")
    whole = completion(choice(0, case.message, case.reason, LOGPROBS))
    sent = face().answer(whole)

    parsed = types.GenerateContentResponse.model_validate_json(sent)

    candidate = parsed.candidates[0]
    assert candidate.finish_reason.name == case.finish
    assert len(candidate.content.parts) == len(case.parts)
    assert parsed.usage_metadata.thoughts_token_count == 40
    for event in events_of(face(STREAM), chunks_of(whole)):
        types.GenerateContentResponse.model_validate(event)


@pytest.mark.peers
def test_googles_sdk_reads_an_answer_and_a_stream() -> None:
    message = {
        "content": "Hi, Ada",
        "reasoning_content": "So",
        "tool_calls": [asked("f", '{"a": 1}', "x1", **signed("c2ln"))],
    }
    whole = completion(choice(0, message, "tool_calls"))
    client = sdk(face().answer(whole))
    one = face(STREAM)

    answer = client.models.generate_content(model="gemini-x", contents="Hello")
    stream = list(sdk_stream(b"".join(map(one.chunk, chunks_of(whole))) + one.end()))

    assert answer.text == "Hi, Ada"
    assert [(one.id, one.name, one.args) for one in answer.function_calls] == [
        ("x1", "f", {"a": 1})
    ]
    assert answer.candidates[0].content.parts[-1].thought_signature == b"sig"
    assert "".join(event.text or "" for event in stream) == "Hi, Ada"
    assert [call.args for event in stream for call in event.function_calls or ()] == [{"a": 1}]
    assert stream[-1].usage_metadata.total_token_count == 55


@pytest.mark.peers
def test_googles_sdk_keeps_a_streamed_turn_in_its_history() -> None:
    one = face(STREAM)
    whole = completion(choice(0, {"content": "Hi", "reasoning_content": "So"}))
    sent = b"".join(map(one.chunk, chunks_of(whole))) + one.end()
    client = sdk(sent, "text/event-stream")
    chat = client.chats.create(model="gemini-x")

    list(chat.send_message_stream("Hello"))

    history = [
        content.model_dump(mode="json", exclude_none=True)
        for content in chat.get_history(curated=True)
    ]
    expected = [*SAID, {"role": "assistant", "content": "Hi", "reasoning_content": "So"}]
    assert chat_of({"contents": history})["messages"] == expected


@pytest.mark.peers
def test_googles_sdk_skips_pings() -> None:
    one = face(STREAM)
    whole = completion(choice(0, {"content": "Hi"}))
    pinged = one.ping * 2 + b"".join(one.chunk(piece) + one.ping for piece in chunks_of(whole))

    assert "".join(event.text for event in sdk_stream(pinged + one.end())) == "Hi"
    assert sse.Decoder().feed(one.ping) == []


@pytest.mark.peers
def test_googles_sdk_fails_on_comments_so_they_are_no_pings() -> None:
    errors = pytest.importorskip("google.genai.errors")

    with pytest.raises(errors.UnknownApiResponseError):
        list(sdk_stream(sse.PING))


@pytest.mark.peers
def test_googles_sdk_raises_an_error_in_the_middle() -> None:
    errors = pytest.importorskip("google.genai.errors")
    one = face(STREAM)
    sent = one.chunk(chunk(delta(0, {"content": "Hi"})))
    came = []

    with pytest.raises(errors.ServerError) as caught:
        for event in sdk_stream(sent + one.error_event(ApiError(503, "Gone.", code="gone"))):
            came.append(event.text)

    assert came == ["Hi"]
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")


@pytest.mark.peers
def test_googles_sdk_raises_an_error_instead_of_an_answer() -> None:
    errors = pytest.importorskip("google.genai.errors")
    body = face().error(ApiError(429, "Too fast.", code="rate_limit_exceeded"))
    client = sdk(body, status=429)

    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model="gemini-x", contents="Hello")

    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert caught.value.message == "Too fast."


@pytest.mark.peers
def test_what_googles_sdk_asks_is_understood() -> None:
    types = pytest.importorskip("google.genai.types")
    client = sdk(face().answer(completion(choice(0, {"content": "Hi"}))))
    place = types.Schema(type="OBJECT", properties={"place_name": types.Schema(type="STRING")})
    declared = types.FunctionDeclaration(name="f", description="F", parameters=place)
    settings = types.GenerateContentConfig(
        system_instruction="Be brief.",
        temperature=0.5,
        max_output_tokens=64,
        stop_sequences=["a"],
        response_mime_type="application/json",
        response_schema=place,
        thinking_config=types.ThinkingConfig(thinking_budget=1024, include_thoughts=True),
        tools=[types.Tool(function_declarations=[declared]), types.Tool(google_search={})],
        tool_config={"function_calling_config": {"mode": "ANY"}},
        automatic_function_calling={"disable": True},
        safety_settings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
    )
    signature = types.Part(
        function_call=types.FunctionCall(id="x1", name="f", args={"a": 1}),
        thought_signature=b"\xfb",
    )
    contents = [
        types.Part.from_bytes(data=b"\xfb\xff\xfe", mime_type="image/png"),
        types.Content(role="model", parts=[signature]),
        types.Part.from_function_response(name="f", response={"output": "one"}),
    ]

    client.models.generate_content(model="gemini-x", contents=contents, config=settings)

    one = face()
    chat = one.chat(one.read(client.asked[0].content))
    schema = {"type": "object", "properties": {"place_name": {"type": "string"}}}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,+//+"}}
    calls = [asked("f", '{"a":1}', "x1", **signed("-w=="))]
    assert chat == {
        "model": "gemini-x",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [picture]},
            {"role": "assistant", "content": None, "tool_calls": calls},
            told("one", "x1"),
        ],
        "temperature": 0.5,
        "max_tokens": 64,
        "stop": ["a"],
        **json_answer(schema),
        "reasoning_effort": "low",
        "tools": [
            {
                "type": "function",
                "function": {"name": "f", "description": "F", "parameters": schema},
            }
        ],
        "tool_choice": "required",
    }
    assert one.dropped == ["tools.googleSearch", "safetySettings"]


@pytest.mark.parametrize(
    ("config", "shown"),
    [
        ({}, False),
        ({"thinkingConfig": {"thinkingLevel": "LOW"}}, False),
        ({"thinkingConfig": {"includeThoughts": False}}, False),
        ({"thinkingConfig": {"includeThoughts": True}}, True),
        ({"thinking_config": {"include_thoughts": True}}, True),
    ],
)
def test_thoughts_are_shown_to_those_who_asked_for_them(config: Any, shown: bool) -> None:
    face = GeminiFace("m", "generateContent")
    contents = [{"parts": [{"text": "Hi"}]}]
    face.chat(face.read(orjson.dumps({"contents": contents, "generationConfig": config})))

    message = {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    answer = orjson.loads(
        face.answer({"id": "c-1", "model": "m", "choices": [choice], "usage": usage})
    )

    parts = answer["candidates"][0]["content"]["parts"]
    assert parts == [*([{"text": "Hm.", "thought": True}] if shown else []), {"text": "Yes."}]


def test_forty_thousand_unknown_fields_take_no_time_that_grows_with_their_square() -> None:
    body = {f"k{number}": 1 for number in range(40_000)}
    face = GeminiFace("m", "generateContent")
    asked = face.read(orjson.dumps({**body, "contents": [{"parts": [{"text": "Hi"}]}]}))

    began = time.monotonic()
    face.chat(asked)

    assert time.monotonic() - began < 3  # it was 16 s
    assert len(face.dropped) == 40_000


def test_results_in_reverse_order_take_no_time_that_grows_with_their_square() -> None:
    ids = [f"id{number}" for number in range(12_000)]
    calls = [{"functionCall": {"id": id, "name": "f", "args": {}}} for id in ids]
    results = [
        {"functionResponse": {"id": id, "name": "f", "response": {}}} for id in reversed(ids)
    ]
    contents = [{"role": "model", "parts": calls}, {"role": "user", "parts": results}]
    face = GeminiFace("m", "generateContent")
    asked = face.read(orjson.dumps({"contents": contents}))

    began = time.monotonic()
    chat = face.chat(asked)

    assert time.monotonic() - began < 3  # it was 8 s
    assert [message["tool_call_id"] for message in chat["messages"][1:]] == ids[::-1]


def test_a_number_beyond_all_machines_is_refused_by_name() -> None:
    face = GeminiFace("m", "generateContent")
    config = {"maxOutputTokens": 1e30}
    contents = [{"parts": [{"text": "Hi"}]}]

    with pytest.raises(BadRequest) as refused:
        face.chat(face.read(orjson.dumps({"contents": contents, "generationConfig": config})))

    assert refused.value.param == "generationConfig.maxOutputTokens"

"""Gemini's chat: what is sent, every transcript of it, and what goes wrong."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from gateway.errors import BadRequest
from gateway.faces import openai as face
from gateway.protocols.gemini import Gemini
from gateway.protocols.gemini_chat import DROPPED, REFUSED, family
from gateway.protocols.gemini_stream import GeminiReader, read_usage
from gateway.protocols.gemini_turns import SENTINEL
from gateway.relay import MISSHAPEN
from gateway.shapes import Exchange, Failure, Reply, Usage
from platforms.routes import FREE, Route
from tests.gateway.protocols.folding import folded
from tests.gateway.protocols.test_openai import PLATFORM

ROOT = Path(__file__).parents[2] / "transcripts/gemini"
REPLY = Reply("foaicmpl-0123456789abcdef0123456789abcdef", "public-model", 1790000000)
CASES = sorted(ROOT.glob("*/request.json"))


def exchange(chat: dict[str, Any], model: str = "gemini-3.1-pro") -> Exchange:
    chat = face.read_chat(orjson.dumps(chat))
    return Gemini().chat(chat, Route(PLATFORM, "public-model", model, "chat", FREE))


def dropped(chat: dict[str, Any], model: str = "gemini-3.1-pro") -> list[str]:
    return list(exchange(chat, model).dropped)


def request_of(case: Path) -> dict[str, Any]:
    chat: dict[str, Any] = orjson.loads((case / "request.json").read_bytes())
    return chat


def name(path: Path) -> str:
    return path.parent.name


@pytest.mark.parametrize("path", CASES, ids=name)
def test_a_chat_is_sent_like_this(path: Path) -> None:
    request = exchange(request_of(path.parent)).request

    assert isinstance(request.body, bytes)
    sent = {"path": request.path, "body": orjson.loads(request.body)}
    assert sent == orjson.loads((path.parent / "sent.json").read_bytes())
    assert (request.method, request.headers) == ("POST", ())


# What is sent


def user(content: Any = "Hi", **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": content}], **fields}


def sent(chat: dict[str, Any], model: str = "gemini-3.1-pro") -> dict[str, Any]:
    body = exchange(chat, model).request.body
    assert isinstance(body, bytes)
    value: dict[str, Any] = orjson.loads(body)
    return value


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
OTHER = {"type": "function", "function": {"name": "g", "description": "G"}}
DECLARED = {"name": "f", "parametersJsonSchema": {"type": "object"}}
DECLARED_OTHER = {"name": "g", "description": "G"}


def tools(choice: Any) -> dict[str, Any]:
    return {"tools": [TOOL, OTHER], "tool_choice": choice}


def allowed(mode: str) -> dict[str, Any]:
    names = [{"type": "function", "function": {"name": "g"}}]
    return tools({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": names}})


def calling(**config: Any) -> dict[str, Any]:
    return {
        "tools": [{"functionDeclarations": [DECLARED, DECLARED_OTHER]}],
        "toolConfig": {"functionCallingConfig": config},
    }


def config(**fields: Any) -> dict[str, Any]:
    return {"generationConfig": fields}


HARASSMENT = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]
SAID: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "nulls": (dict.fromkeys(("temperature", "stop", "tools", "n", "reasoning_effort", "x")), {}),
    "max_tokens": ({"max_tokens": 5}, config(maxOutputTokens=5)),
    "both maxima": ({"max_tokens": 5, "max_completion_tokens": 6}, config(maxOutputTokens=6)),
    "sampling": (
        {"temperature": 0, "top_p": 0.5, "seed": 0, "top_k": 3},
        config(temperature=0, topP=0.5, seed=0, topK=3),
    ),
    "penalties": (
        {"presence_penalty": 1, "frequency_penalty": -1},
        config(presencePenalty=1, frequencyPenalty=-1),
    ),
    "stop": ({"stop": "a"}, config(stopSequences=["a"])),
    "stops": ({"stop": ["a", "", "b"]}, config(stopSequences=["a", "b"])),
    "no stop": ({"stop": []}, {}),
    "n": ({"n": 3}, config(candidateCount=3)),
    "one": ({"n": 1}, {}),
    "logprobs": ({"logprobs": True}, config(responseLogprobs=True)),
    "top_logprobs": (
        {"logprobs": True, "top_logprobs": 4},
        config(responseLogprobs=True, logprobs=4),
    ),
    "no logprobs": ({"logprobs": False, "top_logprobs": 0}, {}),
    "text format": ({"response_format": {"type": "text"}}, {}),
    "json": (
        {"response_format": {"type": "json_object"}},
        config(responseMimeType="application/json"),
    ),
    "schema": (
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"$ref": "#"}}}},
        config(responseMimeType="application/json", responseJsonSchema={"$ref": "#"}),
    ),
    "json_schema without one": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
        config(responseMimeType="application/json"),
    ),
    "modalities": ({"modalities": ["text", "image"]}, config(responseModalities=["TEXT", "IMAGE"])),
    "tier": ({"service_tier": "flex"}, {"serviceTier": "flex"}),
    "usual tier": ({"service_tier": "auto"}, {}),
    "fast tier": ({"service_tier": "fast"}, {"serviceTier": "priority"}),
    "auto": (tools("auto"), calling(mode="AUTO")),
    "none": (tools("none"), calling(mode="NONE")),
    "required": (tools("required"), calling(mode="ANY")),
    "function": (
        tools({"type": "function", "function": {"name": "f"}}),
        calling(mode="ANY", allowedFunctionNames=["f"]),
    ),
    "allowed, required": (allowed("required"), calling(mode="ANY", allowedFunctionNames=["g"])),
    "allowed, auto": (
        allowed("auto"),
        {
            "tools": [{"functionDeclarations": [DECLARED_OTHER]}],
            "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        },
    ),
    "no choice": ({"tools": [OTHER]}, {"tools": [{"functionDeclarations": [DECLARED_OTHER]}]}),
    "no tools": ({"tools": [], "tool_choice": "auto"}, {}),
    "own tools": (
        {"tools": [{"googleSearch": {}}, OTHER, {"urlContext": {}}]},
        {
            "tools": [
                {"functionDeclarations": [DECLARED_OTHER]},
                {"googleSearch": {}},
                {"urlContext": {}},
            ]
        },
    ),
    "own fields": (
        {"safetySettings": HARASSMENT, "cachedContent": "cachedContents/a", "labels": {"a_b": "c"}},
        {"safetySettings": HARASSMENT, "cachedContent": "cachedContents/a", "labels": {"a_b": "c"}},
    ),
    "own fields of later": ({"some_new": 1}, {"some_new": 1}),
    "snake case": ({"safety_settings": HARASSMENT}, {"safetySettings": HARASSMENT}),
    "google's extras": (
        {
            "extra_body": {
                "google": {
                    "cached_content": "cachedContents/a",
                    "thinking_config": {"thinking_budget": 5, "include_thoughts": True},
                    "thought_tag_marker": "think",
                }
            }
        },
        {
            "cachedContent": "cachedContents/a",
            **config(thinkingConfig={"thinkingBudget": 5, "includeThoughts": True}),
        },
    ),
    "google's extras, flat": ({"google": {"labels": {"a": "b"}}}, {"labels": {"a": "b"}}),
    "own config before ours": (
        {"temperature": 1, "generationConfig": {"temperature": 2, "mediaResolution": "X"}},
        config(temperature=2, mediaResolution="X"),
    ),
    "own thinking before ours": (
        {"reasoning_effort": "low", "thinkingConfig": {"thinkingBudget": 7}},
        config(thinkingConfig={"includeThoughts": True, "thinkingBudget": 7}),
    ),
    "pictures' shape": (
        {"image_config": {"aspect_ratio": "16:9"}},
        config(imageConfig={"aspectRatio": "16:9"}),
    ),
    "own tool config": (
        {**tools("auto"), "toolConfig": {"retrievalConfig": {}}},
        {
            **calling(mode="AUTO"),
            "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}, "retrievalConfig": {}},
        },
    ),
}


@pytest.mark.parametrize(("fields", "expected"), SAID.values(), ids=SAID)
def test_fields_are_said_in_googles_words(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    body = sent(user(**fields))

    assert body.pop("contents") == [{"role": "user", "parts": [{"text": "Hi"}]}]
    assert body == expected


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        ("gemini-3.1-pro", False, "/models/gemini-3.1-pro:generateContent"),
        ("models/gemini-x", True, "/models/gemini-x:streamGenerateContent?alt=sse"),
        ("a/../b?c", False, "/models/a%2F..%2Fb%3Fc:generateContent"),
    ],
)
def test_the_model_stands_in_the_path(model: str, stream: bool, path: str) -> None:
    assert exchange(user(stream=stream), model).request.path == path


def thinking(kind: str, *values: Any) -> dict[str, Any]:
    efforts = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    return {effort: {kind: value} for effort, value in zip(efforts, values, strict=True)}


LEVELS = ("LOW", "LOW", "LOW", "MEDIUM", "HIGH", "HIGH", "HIGH")
EFFORTS = {
    "gemini-2.5-flash": thinking("thinkingBudget", 0, 1024, 1024, 8192, 24576, 24576, 24576),
    "gemini-2.5-pro": thinking("thinkingBudget", 128, 1024, 1024, 8192, 24576, 32768, 32768),
    "google/gemini-3-pro-preview": thinking(
        "thinkingLevel", "LOW", "LOW", "LOW", "HIGH", "HIGH", "HIGH", "HIGH"
    ),
    "gemini-3.1-flash-lite": thinking("thinkingLevel", "MINIMAL", "MINIMAL", *LEVELS[2:]),
    "gemini-3.1-pro": thinking("thinkingLevel", *LEVELS),
    "gemini-3.8-flash": thinking("thinkingLevel", *LEVELS),
    "gemini-flash-latest": thinking("thinkingLevel", *LEVELS),
}


@pytest.mark.parametrize("model", EFFORTS)
def test_effort_is_said_as_the_model_knows_it(model: str) -> None:
    for effort, expected in EFFORTS[model].items():
        body = sent(user(reasoning_effort=effort), model)
        shows = {} if effort == "none" else {"includeThoughts": True}
        assert body["generationConfig"] == {"thinkingConfig": expected | shows}
        assert dropped(user(reasoning_effort=effort), model) == []


@pytest.mark.parametrize(
    "model", ["gemini-2.0-flash", "gemma-3-27b", "gemini-2.5-flash-image", "gemini-3-pro-image"]
)
def test_effort_is_dropped_for_models_that_cannot_be_told(model: str) -> None:
    assert "generationConfig" not in sent(user(reasoning_effort="high"), model)
    assert dropped(user(reasoning_effort="high"), model) == ["reasoning_effort"]


@pytest.mark.parametrize(
    ("model", "signed"),
    [
        ("gemini-3-pro", True),
        ("gemini-3.1-flash-image", True),
        ("gemini-pro-latest", True),
        ("gemini-2.5-pro", False),
        ("gemma-3", False),
        ("other", False),
    ],
)
def test_gemini_3_demands_signatures(model: str, signed: bool) -> None:
    assert family(model).signed is signed


def test_what_has_no_equivalent_is_dropped_and_named() -> None:
    harmless = user(**{**dict.fromkeys(DROPPED, "x"), "metadata": {}}, service_tier="scale")

    assert sent(harmless) == sent(user())
    assert dropped(face.read_chat(orjson.dumps(user(**dict.fromkeys(("store", "user"), "x"))))) == [
        "store",
        "user",
    ]
    assert dropped(harmless) == [*DROPPED, "service_tier"]


def test_every_reason_is_a_sentence_part() -> None:
    for reason in (*DROPPED.values(), *(reason for _, reason in REFUSED.values())):
        assert reason
        assert not reason.endswith(".")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"stop": list("abcdef")}, "stop"),
        ({"stop": 5}, "stop"),
        ({"stop": [5]}, "stop"),
        ({"n": 0}, "n"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"modalities": "text"}, "modalities"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": {"name": "f"}}, "function_call"),
        ({"moderation": {}}, "moderation"),
        ({"reasoning_effort": "very"}, "reasoning_effort"),
        ({"reasoning_effort": []}, "reasoning_effort"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": ["x"]}, "tools[0]"),
        ({"tool_choice": "required"}, "tool_choice"),
        (tools("always"), "tool_choice"),
        (tools({"type": "custom", "custom": {"name": "x"}}), "tool_choice"),
        (tools({"type": "function"}), "tool_choice"),
        ({"extra_body": 5}, "extra_body"),
        ({"google": "x"}, "google"),
        ({"generationConfig": []}, "generationConfig"),
    ],
    ids=str,
)
def test_what_cannot_be_said_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        exchange(user(**fields))

    assert caught.value.param == param
    assert param in caught.value.message


# Messages


def contents(*messages: dict[str, Any], model: str = "gemini-3.1-pro") -> Any:
    return sent({"model": "m", "messages": list(messages)}, model)["contents"]


def said(role: str, content: Any, **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


def call(id: str = "c", name: str = "f", arguments: str = "{}", **fields: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": id, "type": "function", "function": function, **fields}


def signed(signature: str) -> dict[str, Any]:
    return {"extra_content": {"google": {"thought_signature": signature}}}


def result(id: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": content}


PARTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"type": "image_url", "image_url": {"url": "data:image/webp;base64,AAAA"}},
        {"inlineData": {"mimeType": "image/webp", "data": "AAAA"}},
    ),
    (
        {"type": "image_url", "image_url": {"url": "DATA:image/png;charset=x;BASE64,AAAA"}},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
    ),
    (
        {"type": "image_url", "image_url": {"url": "https://a.example/b/c.PNG?d=e.gif"}},
        {"fileData": {"fileUri": "https://a.example/b/c.PNG?d=e.gif", "mimeType": "image/png"}},
    ),
    (
        {"type": "image_url", "image_url": {"url": "https://png/b"}},
        {"fileData": {"fileUri": "https://png/b"}},
    ),
    (
        {"type": "image_url", "image_url": {"url": "gs://bucket/a.jpg"}},
        {"fileData": {"fileUri": "gs://bucket/a.jpg", "mimeType": "image/jpeg"}},
    ),
    (
        {"type": "video_url", "video_url": {"url": "https://youtu.be/x"}},
        {"fileData": {"fileUri": "https://youtu.be/x"}},
    ),
    (
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}},
    ),
    (
        {"type": "input_audio", "input_audio": {"url": "https://a.example/b.wav"}},
        {"fileData": {"fileUri": "https://a.example/b.wav", "mimeType": "audio/wav"}},
    ),
    (
        {"type": "file", "file": {"file_data": "data:text/csv;base64,AAAA", "filename": "a"}},
        {"inlineData": {"mimeType": "text/csv", "data": "AAAA"}},
    ),
    (
        {"type": "file", "file": {"file_id": "https://g.example/v1beta/files/x"}},
        {"fileData": {"fileUri": "https://g.example/v1beta/files/x"}},
    ),
]


@pytest.mark.parametrize(("part", "expected"), PARTS)
def test_a_part_becomes_this_one(part: dict[str, Any], expected: dict[str, Any]) -> None:
    assert contents(said("user", [part])) == [{"role": "user", "parts": [expected]}]


@pytest.mark.parametrize(
    ("message", "param"),
    [
        (said("user", [{"type": "sound"}]), "messages[0].content[0].type"),
        (
            said("system", [{"type": "image_url", "image_url": {"url": "https://a/b"}}]),
            "messages[0].content[0].type",
        ),
        (said("user", [{"type": "file", "file": {"file_id": "file-1"}}]), None),
        (
            said("user", [{"type": "video_url", "video_url": "a/b"}]),
            "messages[0].content[0].video_url",
        ),
        (said("user", [{"type": "image_url", "image_url": {"url": "http://[a"}}]), None),
        (
            said("user", [{"type": "input_audio", "input_audio": {"data": "A", "format": "a/b"}}]),
            "messages[0].content[0].input_audio.format",
        ),
        (said("user", [{"type": "video_url"}]), "messages[0].content[0].video_url"),
        (said("user", ""), "messages"),
        (said("function", "x", name="f"), "messages[0]"),
        (said("assistant", None, function_call={"name": "f", "arguments": ""}), "messages[0]"),
        (said("assistant", "a", tool_calls=["x"]), "messages[0].tool_calls[0]"),
        (said("assistant", "a", images=["x"]), "messages[0].images[0]"),
        (
            said("assistant", "a", tool_calls=[{"id": "c", "type": "custom", "custom": {}}]),
            "messages[0].tool_calls[0].function",
        ),
        (
            said("assistant", "a", tool_calls=[call(arguments="{")]),
            "messages[0].tool_calls[0].function.arguments",
        ),
        (
            said("assistant", "a", tool_calls=[call(arguments="[1]")]),
            "messages[0].tool_calls[0].function.arguments",
        ),
        (
            said("assistant", "a", tool_calls=[call(arguments='{"a":' * 300 + "1" + "}" * 300)]),
            "messages",
        ),
        (result("lost", "x"), "messages[0].tool_call_id"),
    ],
    ids=str,
)
def test_a_message_that_cannot_be_said_is_refused(
    message: dict[str, Any], param: str | None
) -> None:
    with pytest.raises(BadRequest) as caught:
        contents(message)

    if param is not None:
        assert caught.value.param == param


def test_roles_alternate_and_nothing_is_empty() -> None:
    turns = contents(
        said("user", "a"),
        said("user", [{"type": "text", "text": ""}, {"type": "text", "text": "b"}]),
        said("assistant", ""),
        said("user", "c"),
        said("assistant", [{"type": "text", "text": "d"}, {"type": "refusal", "refusal": "e"}]),
        said("assistant", None, refusal="f"),
        said("user", "g"),
    )

    assert turns == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}, {"text": "c"}]},
        {"role": "model", "parts": [{"text": "d"}, {"text": "e"}, {"text": "f"}]},
        {"role": "user", "parts": [{"text": "g"}]},
    ]


def test_a_system_message_alone_is_the_users() -> None:
    body = sent({"model": "m", "messages": [said("system", "Say hi")]})

    assert body == {"contents": [{"role": "user", "parts": [{"text": "Say hi"}]}]}


@pytest.mark.parametrize(
    ("content", "response"),
    [
        ("done", {"output": "done"}),
        ("", {"output": ""}),
        ('{"a": [1, null]}', {"a": [1, None]}),
        (' {"a": 1}', {"a": 1}),
        ("[1]", {"output": "[1]"}),
        ("{broken", {"output": "{broken"}),
        ([{"type": "text", "text": '{"a"'}, {"type": "text", "text": ": 1}"}], {"a": 1}),
    ],
)
def test_a_result_is_an_object(content: Any, response: dict[str, Any]) -> None:
    turns = contents(
        said("user", "x"), said("assistant", None, tool_calls=[call()]), result("c", content)
    )

    [part] = turns[-1]["parts"]
    assert part == {"functionResponse": {"id": "c", "name": "f", "response": response}}


def test_a_result_may_hold_a_picture() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    turns = contents(
        said("user", "x"),
        said("assistant", None, tool_calls=[call()]),
        result("c", [{"type": "text", "text": "see"}, picture]),
    )

    assert turns[-1]["parts"][0]["functionResponse"]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    ]


def test_parallel_results_stand_together_and_say_their_names() -> None:
    turns = contents(
        said("user", "x"),
        said("assistant", "", tool_calls=[call("1", "f"), call("2", "g")]),
        result("2", "b"),
        said("user", "and"),
        result("1", "a"),
    )

    assert [turn["role"] for turn in turns] == ["user", "model", "user"]
    *results, text = turns[-1]["parts"]
    assert [part["functionResponse"]["name"] for part in results] == ["g", "f"]
    assert text == {"text": "and"}


def signatures(*messages: dict[str, Any], model: str) -> list[str | None]:
    turns = contents(said("user", "x"), *messages, model=model)
    return [
        part.get("thoughtSignature")
        for turn in turns
        for part in turn["parts"]
        if "functionCall" in part
    ]


@pytest.mark.parametrize(
    ("model", "lost"), [("gemini-3-flash", SENTINEL), ("gemini-2.5-flash", None)]
)
def test_lost_signatures_are_replaced_where_they_are_demanded(model: str, lost: str | None) -> None:
    found = signatures(
        said("assistant", None, tool_calls=[call("1"), call("2")]),
        result("1", "a"),
        result("2", "b"),
        said("assistant", None, tool_calls=[call("3", **signed("Sig=")), call("4")]),
        result("3", "a"),
        result("4", "b"),
        said("assistant", None, tool_calls=[call("5", extra_content={"google": 5})]),
        model=model,
    )

    assert found == [lost, None, "Sig=", None, lost]


def test_signatures_of_texts_and_pictures_come_back_in_their_parts() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    turns = contents(
        said("user", "x"), said("assistant", "y", images=[image | signed("I=")], **signed("T="))
    )

    assert turns[1]["parts"] == [
        {"text": "y", "thoughtSignature": "T="},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "I="},
    ]


# Answers


@dataclass
class Fails:
    id: str
    response: Any
    kind: str
    message: str


def candidate(*parts: dict[str, Any], reason: str | None = None, **fields: Any) -> dict[str, Any]:
    one: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, **fields}
    return one | ({"finishReason": reason} if reason else {})


def response(*candidates: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"candidates": list(candidates), **fields}


EXHAUSTED = {"error": {"code": 429, "message": "Slow down", "status": "RESOURCE_EXHAUSTED"}}
FAILS = [
    Fails("prompt", {"promptFeedback": {"blockReason": "SAFETY"}}, "content_filter", "SAFETY"),
    Fails("safety", response(candidate(reason="SAFETY")), "content_filter", "SAFETY"),
    Fails(
        "explained",
        response(candidate(reason="RECITATION", finishMessage="Too close to a book.")),
        "content_filter",
        "Too close to a book.",
    ),
    Fails("picture", response(candidate(reason="IMAGE_SAFETY")), "content_filter", "IMAGE_SAFETY"),
    Fails(
        "malformed", response(candidate(reason="MALFORMED_FUNCTION_CALL")), "broken", "MALFORMED"
    ),
    Fails(
        "malformed after thoughts",
        response(candidate({"text": "Hm", "thought": True}, reason="MALFORMED_FUNCTION_CALL")),
        "broken",
        "MALFORMED",
    ),
    Fails("unknown", response(candidate(reason="NEW_REASON")), "broken", "NEW_REASON"),
    Fails(
        "signature", response(candidate(reason="MISSING_THOUGHT_SIGNATURE")), "bad_request", "MISS"
    ),
    Fails("error", EXHAUSTED, "rate", "Slow down"),
    Fails("error in a list", [EXHAUSTED], "rate", "Slow down"),
    Fails("no object", 5, "broken", "no JSON object"),
    Fails("no objects", [5], "broken", "no JSON object"),
]
WHOLE_FAILS = [
    *FAILS,
    Fails("no candidates", response(usageMetadata={}), "content_filter", "without saying why"),
    Fails("empty list", [], "broken", "no 'candidates'"),
    Fails("something else", {"choices": []}, "broken", "no 'candidates'"),
    Fails(
        "all blocked",
        response(candidate(reason="SAFETY"), candidate(reason="SPII", index=1)),
        "content_filter",
        "SAFETY",
    ),
]


@pytest.mark.parametrize("case", WHOLE_FAILS, ids=lambda case: case.id)
def test_an_answer_that_is_none_fails(case: Fails) -> None:
    with pytest.raises(Failure) as caught:
        exchange(user()).answer(orjson.dumps(case.response), REPLY)

    assert caught.value.kind == case.kind
    assert case.message in caught.value.message


@pytest.mark.parametrize("case", FAILS, ids=lambda case: case.id)
def test_a_stream_that_is_none_fails_before_its_first_chunk(case: Fails) -> None:
    reader = exchange(user(stream=True)).reader(REPLY)

    with pytest.raises(Failure) as caught:
        reader.feed(orjson.dumps(case.response))

    assert caught.value.kind == case.kind
    assert case.message in caught.value.message


@pytest.mark.parametrize("body", [b"", b"<html>", b"{"])
def test_what_is_not_json_fails(body: bytes) -> None:
    with pytest.raises(Failure):
        exchange(user()).answer(body, REPLY)
    if body:
        with pytest.raises(Failure):
            reader_of().feed(body)


def reader_of(**fields: Any) -> GeminiReader:
    reader = exchange(user(stream=True, **fields)).reader(REPLY)
    assert isinstance(reader, GeminiReader)
    return reader


def read(*responses: Any, **fields: Any) -> tuple[GeminiReader, list[dict[str, Any]]]:
    reader = reader_of(**fields)
    return reader, [chunk for one in responses for chunk in reader.feed(orjson.dumps(one))]


REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "stop",
    "OTHER": "stop",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MALFORMED_FUNCTION_CALL": "stop",
    "UNEXPECTED_TOOL_CALL": "stop",
    "TOO_MANY_TOOL_CALLS": "stop",
    "MALFORMED_RESPONSE": "stop",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "IMAGE_OTHER": "content_filter",
    "NO_IMAGE": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "A_NEW_ONE": "stop",
}


@pytest.mark.parametrize(("reason", "expected"), REASONS.items())
def test_a_reason_to_finish_means(reason: str, expected: str) -> None:
    whole = response(candidate({"text": "Hi"}, reason=reason))
    answer = exchange(user()).answer(orjson.dumps(whole), REPLY)
    reader, _ = read(whole)

    assert answer.completion["choices"][0]["finish_reason"] == expected
    assert reader.end(Usage())[-1]["choices"][0]["finish_reason"] == expected


def test_calls_that_were_cut_off_are_not_finished_calls() -> None:
    part = {"functionCall": {"name": "f", "args": {}}}
    whole = orjson.dumps(response(candidate(part, reason="MAX_TOKENS")))

    answer = exchange(user()).answer(whole, REPLY)

    assert answer.completion["choices"][0]["finish_reason"] == "length"


def test_a_prompt_that_is_refused_in_the_middle_ends_the_answer_as_filtered() -> None:
    refusal = {"promptFeedback": {"blockReason": "OTHER"}}
    reader, chunks = read(response(candidate({"text": "Hi"})), refusal)

    [choice] = folded(chunks + reader.end(Usage()))
    assert reader.finished
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Hi", "content_filter")


def test_an_error_in_the_middle_fails_after_what_came() -> None:
    reader, chunks = read(response(candidate({"text": "Hi"})))

    assert len(chunks) == 2
    with pytest.raises(Failure, match="Slow down"):
        reader.feed(orjson.dumps(EXHAUSTED))


def test_a_stream_without_a_reason_is_not_finished() -> None:
    reader, _ = read(response(candidate({"text": "Hi"})), response(candidate({"text": "!"})))
    assert (reader.finished, reader.done) == (False, False)

    reader.feed(orjson.dumps(response(candidate(reason="STOP"))))
    assert (reader.finished, reader.done) == (True, False)


def test_each_candidate_has_to_finish() -> None:
    one, other = candidate({"text": "a"}), candidate({"text": "b"}, reason="STOP", index=1)
    reader, _ = read(response(one), response(other), n=2)
    assert not reader.finished

    reader.feed(orjson.dumps(response(candidate(reason="STOP"))))
    assert reader.finished


def test_a_proxys_done_is_believed() -> None:
    reader, _ = read(response(candidate({"text": "a"})))

    assert reader.feed(b"") == reader.feed(b"[DONE]") == []
    assert reader.done
    assert reader.finished


def test_done_without_any_candidate_is_no_answer() -> None:
    reader = reader_of()
    reader.feed(b"[DONE]")

    assert not reader.finished


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (None, None),
        ({}, None),
        ("x", None),
        ({"totalTokenCount": 5}, None),
        ({"promptTokenCount": 5}, Usage(5, measured=True)),
        ({"promptTokenCount": -5, "thoughtsTokenCount": "7"}, Usage(measured=True)),
        (
            {
                "promptTokenCount": 5,
                "toolUsePromptTokenCount": 6,
                "candidatesTokenCount": 7,
                "thoughtsTokenCount": 8,
                "cachedContentTokenCount": 4,
            },
            Usage(11, 15, 4, 8, measured=True),
        ),
    ],
)
def test_usage_is_counted_as_openai_counts(metadata: Any, expected: Usage | None) -> None:
    assert read_usage(metadata) == expected


def test_what_came_before_it_was_counted_is_estimated() -> None:
    early = response(candidate({"text": "twelve bytes"}), usageMetadata={"promptTokenCount": 9})
    reader, _ = read(early, response(candidate({"text": "!"})))
    assert reader.usage == Usage(9, 4)

    last = {"promptTokenCount": 9, "candidatesTokenCount": 3}
    reader.feed(orjson.dumps(response(candidate(reason="STOP"), usageMetadata=last)))
    assert reader.usage == Usage(9, 3, measured=True)


def test_ids_of_calls_are_the_same_each_time_and_short_enough() -> None:
    calls = [{"functionCall": {"name": "f"}}, {"functionCall": {"name": "f"}}]
    whole = orjson.dumps(response(candidate(*calls, reason="STOP"), candidate(*calls, index=11)))

    def ids() -> list[str]:
        choices = exchange(user()).answer(whole, REPLY).completion["choices"]
        return [one["id"] for choice in choices for one in choice["message"]["tool_calls"]]

    assert ids() == ids()
    assert len(set(ids())) == 4
    assert max(map(len, ids())) <= 40


# Properties

ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=4
        )
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8), ANY_JSON, max_size=4
)


@given(OBJECTS)
def test_arguments_are_sent_and_answered_as_they_are(arguments: dict[str, Any]) -> None:
    given_call = call(arguments=orjson.dumps(arguments).decode())
    turns = contents(said("user", "x"), said("assistant", None, tool_calls=[given_call]))
    [part] = turns[1]["parts"]
    assert part["functionCall"]["args"] == arguments

    whole = response(candidate(part, reason="STOP"))
    answer = exchange(user()).answer(orjson.dumps(whole), REPLY)
    [answered] = answer.completion["choices"][0]["message"]["tool_calls"]
    assert orjson.loads(answered["function"]["arguments"]) == arguments
    assert answered["id"] == "c"
    assert answered["extra_content"]["google"]["thought_signature"] == SENTINEL

    # What was answered is sent again just the same.
    again = contents(said("user", "x"), said("assistant", None, tool_calls=[answered]))
    assert again == turns


@given(st.lists(st.tuples(st.booleans(), st.text(st.characters(exclude_categories=["Cs"])))))
def test_texts_add_up_however_they_are_cut(texts: list[tuple[bool, str]]) -> None:
    parts = [{"text": text, "thought": thought} for thought, text in texts]
    whole = exchange(user()).answer(orjson.dumps(response(candidate(*parts, reason="STOP"))), REPLY)
    pieces = [response(candidate(part)) for part in parts]
    reader, chunks = read(*pieces, response(candidate(reason="STOP")))

    assert folded(chunks + reader.end(Usage())) == whole.completion["choices"]
    length = len("".join(text for _, text in texts).encode())
    assert reader.text_length == whole.text_length == length


FIELDS = (
    *("stop", "logprobs", "top_logprobs", "modalities", "tool_choice", "reasoning_effort"),
    *("temperature", "service_tier", "extra_body", "google", "generationConfig", "toolConfig"),
    *("thinking_config", "logit_bias", "functions", "function_call", "max_tokens", "audio"),
)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(FIELDS), ANY_JSON), st.lists(ANY_JSON))
def test_whatever_a_field_holds_is_said_or_refused(fields: dict[str, Any], given: Any) -> None:
    for chat in (user(**fields), user(tools=given), user(response_format={"type": given})):
        with contextlib.suppress(BadRequest):
            exchange(chat)


@settings(max_examples=300)
@given(
    st.fixed_dictionaries(
        {"role": st.sampled_from(("user", "assistant"))},
        optional={
            "tool_calls": st.lists(ANY_JSON),
            "images": st.lists(ANY_JSON),
            "extra_content": ANY_JSON,
            "refusal": ANY_JSON,
        },
    ),
    ANY_JSON,
)
def test_whatever_a_message_holds_is_said_or_refused(message: dict[str, Any], inner: Any) -> None:
    parts = [
        {"type": kind, kind: inner, "text": "x", "refusal": inner}
        for kind in ("video_url", "refusal", "text")
    ]
    for content in ("x", parts[:1], parts[1:2], parts[2:]):
        with contextlib.suppress(BadRequest):
            exchange({"model": "m", "messages": [{**message, "content": content}]})


@settings(max_examples=300)
@given(
    ANY_JSON
    | st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("candidates", "usageMetadata", "promptFeedback"), ANY_JSON)
    )
    | st.fixed_dictionaries(
        {"content": st.fixed_dictionaries({"parts": st.lists(ANY_JSON)}), "finishReason": ANY_JSON}
    ).map(lambda one: {"candidates": [one]})
)
def test_whatever_google_answers_is_read_or_fails_as_the_relay_expects(value: Any) -> None:
    data = orjson.dumps(value)
    for read_it in (lambda: exchange(user()).answer(data, REPLY), lambda: reader_of().feed(data)):
        with contextlib.suppress(Failure, *MISSHAPEN):
            read_it()

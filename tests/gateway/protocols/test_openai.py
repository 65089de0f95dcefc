"""OpenAI's wire: what failures mean, and what a dialect's slips become."""

from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from gateway.protocols.openai import OpenAI
from gateway.protocols.openai_stream import OpenAIReader, read_usage
from gateway.shapes import Failure, Recalled, Reply, Usage
from platforms.routes import FREE, PLAIN, PlatformSpec, Route, Timeouts

PLATFORM = PlatformSpec(
    id=1,
    slug="acme",
    name="Acme",
    preset="custom",
    protocol="openai",
    base_url="http://acme.example/v1",
    chat_path="/chat/completions",
    models_path="/models",
    needs_credential=True,
    pass_unmapped=True,
    timeouts=Timeouts(),
    credentials=(),
    models={},
)
ROUTE = Route(PLATFORM, "public", "upstream", "chat", FREE)
REPLY = Reply("foaicmpl-1", "public", 1790000000)
openai = OpenAI()


@dataclass
class Means:
    id: str
    status: int
    body: Any
    kind: str
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    retry_after_s: float | None = None


def error(message: str = "Oh", **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


MEANS = [
    Means("rate", 429, error("Slow down"), "rate", "Slow down"),
    Means("quota by code", 429, error(code="insufficient_quota"), "quota", "Oh"),
    Means("quota by type", 429, error(type="insufficient_quota", code=None), "quota"),
    Means("payment", 402, error(), "quota"),
    Means("key", 401, error("Incorrect API key"), "key", "Incorrect API key"),
    Means("forbidden", 403, error(), "key"),
    Means("no model", 404, error("The model `x` does not exist"), "not_found"),
    Means("no model by code", 400, error(code="model_not_found"), "not_found"),
    Means("context", 400, error(code="context_length_exceeded"), "context_length"),
    Means("filter", 400, error(code="content_filter"), "content_filter"),
    Means("review", 451, error(), "content_filter"),
    Means("bad", 400, error("No", param="temperature"), "bad_request", "No"),
    Means("422", 422, {"detail": [{"loc": ["body"], "msg": "x"}]}, "bad_request", '[{"loc"'),
    Means("500 with a code", 500, error(code="content_filter"), "broken"),
    Means("502 page", 502, b"<html><h1>Bad gateway</h1></html>", "broken", "answered 502"),
    Means("503", 503, error(), "overloaded"),
    Means("529", 529, error(), "overloaded"),
    Means("504", 504, b"", "timeout", "answered 504"),
    Means("redirect", 302, b"", "broken", "a redirect"),
    Means(
        "flat", 400, {"object": "error", "message": "Flat", "code": 40303}, "bad_request", "Flat"
    ),
    Means("text", 400, b'"just words"', "bad_request", "just words"),
    Means(
        "base_resp",
        500,
        {"base_resp": {"status_code": 1, "status_msg": "Based"}},
        "broken",
        "Based",
    ),
    Means("google list", 400, [error("Listed")], "bad_request", "Listed"),
    Means("seconds", 429, error(), "rate", headers={"retry-after": "7"}, retry_after_s=7),
    Means("ms", 429, error(), "rate", headers={"retry-after-ms": "1500"}, retry_after_s=1.5),
    Means(
        "date",
        429,
        error(),
        "rate",
        headers={
            "date": "Mon, 23 Nov 2026 10:00:00 GMT",
            "retry-after": "Mon, 23 Nov 2026 10:00:30 GMT",
        },
        retry_after_s=30,
    ),
    Means("nonsense", 429, error(), "rate", headers={"retry-after": "soon"}, retry_after_s=None),
]


@pytest.mark.parametrize("case", MEANS, ids=lambda case: case.id)
def test_a_failure_is_known_by_status_then_code(case: Means) -> None:
    body = case.body if isinstance(case.body, bytes) else orjson.dumps(case.body)

    failure = openai.failure(case.status, case.headers, body)

    assert (failure.kind, failure.retry_after_s) == (case.kind, case.retry_after_s)
    assert case.message in failure.message
    assert failure.message


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"<html>", "an HTML page"),
        (b'{"choices": [', "not valid JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "no 'choices'"),
        (b'{"choices": []}', "no 'choices'"),
        (b'{"choices": [{}]}', "no 'choices[0].message'"),
        (b'{"error": {"message": "Inside a 200"}}', "Inside a 200"),
        (b'{"object": "error", "message": "Flat"}', "Flat"),
        (b'{"code": 500, "msg": "In fewer letters", "success": false}', "In fewer letters"),
        (b'{"code": 0, "message": "success"}', "no 'choices'"),
        (
            b'{"choices": [{"message": {"content": "x"}, "finish_reason": "network_error"}]}',
            "broke its answer off: network_error",
        ),
    ],
)
def test_an_answer_that_is_none_fails(body: bytes, says: str) -> None:
    exchange = openai.chat(
        {"model": "public", "messages": [{"role": "user", "content": "x"}]}, ROUTE
    )

    with pytest.raises(Failure) as caught:
        exchange.answer(body, REPLY)

    assert says in caught.value.message
    assert caught.value.kind == "broken"


def test_a_platforms_own_code_is_known_in_embeddings_too() -> None:
    dialect = replace(PLAIN, error_codes=(("1008", "quota"),))
    call = openai.embeddings({"model": "public", "input": "x"}, replace(ROUTE, dialect=dialect))

    with pytest.raises(Failure) as caught:
        call.read(b'{"vectors": null, "base_resp": {"status_code": 1008, "status_msg": "Pay"}}')

    assert (caught.value.kind, caught.value.message) == ("quota", "Pay")


def test_the_forwarded_body_differs_in_the_model_name_alone() -> None:
    chat = {
        "zeta": 1,
        "model": "public",
        "messages": [{"role": "user", "content": "x"}],
        "top_k": 2,
    }

    body = openai.chat(chat, ROUTE).request.body

    assert body == orjson.dumps({**chat, "model": "upstream"})


@pytest.mark.parametrize("asked", [None, {}, {"include_usage": False}, {"include_usage": True}])
def test_usage_is_always_asked_for_in_streams(asked: Any) -> None:
    chat = {"model": "public", "messages": [{"role": "user", "content": "x"}], "stream": True}
    if asked is not None:
        chat["stream_options"] = asked

    sent = openai.chat(chat, ROUTE).request.body
    assert isinstance(sent, bytes)
    body = orjson.loads(sent)

    assert body["stream_options"] == {"include_usage": True}


def read(*chunks: Any, shows_usage: bool = False) -> tuple[OpenAIReader, list[dict[str, Any]]]:
    reader = OpenAIReader(REPLY, shows_usage=shows_usage)
    out = [c for chunk in chunks for c in reader.feed(orjson.dumps(chunk))]
    return reader, out


def delta(index: int = 0, reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": fields, "finish_reason": reason}]}


def test_a_stream_is_finished_when_every_choice_is() -> None:
    reader, _ = read(delta(0, content="a"), delta(1, content="b"), delta(0, reason="stop"))
    assert not reader.finished

    reader.feed(orjson.dumps(delta(1, reason="length")))
    assert reader.finished


def test_done_without_a_finish_reason_gets_one() -> None:
    reader, _ = read(delta(content="a"))
    reader.feed(b"[DONE]")

    assert reader.finished
    [last] = reader.end(Usage())
    assert last["choices"][0]["finish_reason"] == "stop"


def test_what_ends_in_an_error_is_no_answer() -> None:
    with pytest.raises(Failure) as caught:
        read(delta(content="a"), delta(reason="insufficient_system_resource"))

    assert caught.value.kind == "overloaded"


@pytest.mark.parametrize(
    "event",
    [
        {"choices": None, "base_resp": {"status_code": 9, "status_msg": "Oh"}},
        {"id": "x", "choices": [], "base_resp": {"status_code": 9, "status_msg": "Oh"}},
        {**delta(content="a"), "base_resp": {"status_code": 9, "status_msg": "Oh"}},
        {"object": "error", "message": "Oh"},
        {"error": {"message": "Oh"}, **delta(content="a")},
        {"error": "Oh"},
    ],
)
def test_an_error_in_a_stream_is_one_wherever_it_stands(event: Any) -> None:
    with pytest.raises(Failure) as caught:
        read(delta(content="a"), event)

    assert caught.value.message == "Oh"


def test_what_must_come_back_is_known_at_the_end_of_a_stream_that_nothing_finishes() -> None:
    dialect = replace(PLAIN, replay_reasoning="tool_turns")
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
    reader = OpenAIReader(REPLY, shows_usage=False, dialect=dialect)
    reader.feed(orjson.dumps(delta(reasoning_content="Hm.", tool_calls=[call])))

    assert reader.feed(b"[DONE]") == []
    assert reader.recall == {"c": Recalled({"reasoning_content": "Hm."})}


def test_done_without_any_chunk_is_no_answer() -> None:
    reader, _ = read()
    reader.feed(b"[DONE]")

    assert not reader.finished


def test_fragments_of_tool_calls_say_index_id_and_name_as_sdks_add_them_up() -> None:
    def call(id: str | None, name: str | None, arguments: str) -> dict[str, Any]:
        return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}

    _, chunks = read(
        delta(tool_calls=[call("a", "f", "")]),
        delta(tool_calls=[call("a", "f", '{"x":')]),  # says id and name again, and no index
        delta(tool_calls=[call("a", "f", "1}")]),
        delta(tool_calls=[call("b", "g", "{}")]),
    )

    calls = [chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in chunks]
    assert [call["index"] for call in calls] == [0, 0, 0, 1]
    assert [call.get("id") for call in calls] == ["a", None, None, "b"]
    assert [call["function"].get("name") for call in calls] == ["f", None, None, "g"]
    assert "".join(call["function"]["arguments"] for call in calls[:3]) == '{"x":1}'


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ({}, None),
        ("x", None),
        (
            {"prompt_tokens": 5, "completion_tokens": 7},
            Usage(prompt_tokens=5, completion_tokens=7, measured=True),
        ),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 3},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            Usage(5, 7, 3, 2, measured=True),
        ),
        (
            {"prompt_tokens": 5, "completion_tokens": 7, "prompt_cache_hit_tokens": 4},
            Usage(5, 7, 4, measured=True),
        ),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 3},
            },
            Usage(5, 7, 1, cache_write_tokens=3, measured=True),
        ),
        ({"prompt_tokens": -1, "completion_tokens": "7"}, Usage(0, 0, measured=True)),
    ],
)
def test_usage_is_read_in_its_spellings(usage: Any, expected: Usage | None) -> None:
    assert read_usage(usage) == expected


@given(st.text(max_size=40), st.integers(0, 40))
def test_text_is_measured_in_bytes(text: str, cut: int) -> None:
    reader, _ = read(delta(content=text[:cut]), delta(content=text[cut:]))

    assert reader.text_length == len(text.encode())

"""What OpenAI clients send: precise refusals, and slips that are put right."""

import base64
import contextlib
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from gateway.errors import ApiError, BadRequest
from gateway.faces.openai import OPENAI, read_chat

HELLO = [{"role": "user", "content": "Hello"}]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
PDF = base64.b64encode(b"%PDF-1.7 and more of it, long enough").decode()


@dataclass
class Refused:
    id: str
    body: Any
    param: str | None
    code: str
    says: str


def user(*parts: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": list(parts)}]}


REFUSED = [
    Refused("empty", b"", None, "invalid_json", "it is empty"),
    Refused("half", b'{"model": "m"', None, "invalid_json", "line 1, column"),
    Refused("not utf-8", b'{"model": "\xff"}', None, "invalid_json", "not valid JSON"),
    Refused("NaN", b'{"model": NaN}', None, "invalid_json", "not valid JSON"),
    Refused("a list", [1], None, "invalid_type", "is an array"),
    Refused("deep", b"[" * 100_000, None, "invalid_json", "not valid JSON"),
    Refused("no model", {"messages": HELLO}, "model", "missing_required_parameter", "'model'"),
    Refused("model number", {"model": 1, "messages": HELLO}, "model", "invalid_type", "a number"),
    Refused("model empty", {"model": " ", "messages": HELLO}, "model", "invalid_value", "empty"),
    Refused("no messages", {"model": "m"}, "messages", "missing_required_parameter", "missing"),
    Refused("messages text", {"model": "m", "messages": "x"}, "messages", "invalid_type", "array"),
    Refused("messages empty", {"model": "m", "messages": []}, "messages", "invalid_value", "empty"),
    Refused(
        "message text",
        {"model": "m", "messages": ["x"]},
        "messages[0]",
        "invalid_type",
        "'messages[0]' is a string; it must be an object",
    ),
    Refused(
        "no role",
        {"model": "m", "messages": [{"content": "x"}]},
        "messages[0].role",
        "missing_required_parameter",
        "role",
    ),
    Refused(
        "wrong role",
        {"model": "m", "messages": [{"role": "boss", "content": "x"}]},
        "messages[0].role",
        "invalid_value",
        "one of developer, system, user",
    ),
    Refused(
        "no content",
        {"model": "m", "messages": [{"role": "user"}]},
        "messages[0].content",
        "missing_required_parameter",
        "missing",
    ),
    Refused(
        "content number",
        {"model": "m", "messages": [{"role": "user", "content": 5}]},
        "messages[0].content",
        "invalid_type",
        "a number",
    ),
    Refused(
        "tool without id",
        {"model": "m", "messages": [{"role": "tool", "content": "x"}]},
        "messages[0].tool_call_id",
        "missing_required_parameter",
        "tool_call_id",
    ),
    Refused("part text", user("x"), "messages[0].content[0]", "invalid_type", "a string"),
    Refused(
        "part without type",
        user({"text": "x"}),
        "messages[0].content[0].type",
        "missing_required_parameter",
        "type",
    ),
    Refused(
        "text missing",
        user({"type": "text"}),
        "messages[0].content[0].text",
        "missing_required_parameter",
        "text",
    ),
    Refused(
        "image garbage",
        user({"type": "image_url", "image_url": {"url": "ba se64!"}}),
        "messages[0].content[0].image_url.url",
        "invalid_value",
        "neither an https URL, nor a data URL, nor base64",
    ),
    Refused(
        "data url without base64",
        user({"type": "image_url", "image_url": {"url": "data:text/plain,hello"}}),
        "messages[0].content[0].image_url.url",
        "invalid_value",
        ";base64,",
    ),
    Refused(
        "file without data",
        user({"type": "file", "file": {}}),
        "messages[0].content[0].file",
        "missing_required_parameter",
        "neither 'file_data' nor 'file_id'",
    ),
    Refused(
        "audio without format",
        user({"type": "input_audio", "input_audio": {"data": "AAAA"}}),
        "messages[0].content[0].input_audio.format",
        "missing_required_parameter",
        "format",
    ),
    Refused(
        "stream text",
        {"model": "m", "messages": HELLO, "stream": "yes"},
        "stream",
        "invalid_type",
        "must be a boolean",
    ),
    Refused(
        "stream_options without stream",
        {"model": "m", "messages": HELLO, "stream_options": {"include_usage": True}},
        "stream_options",
        "invalid_value",
        '"stream": true',
    ),
    Refused(
        "include_usage text",
        {"model": "m", "messages": HELLO, "stream": True, "stream_options": {"include_usage": 1}},
        "stream_options.include_usage",
        "invalid_type",
        "boolean",
    ),
    Refused(
        "tools object",
        {"model": "m", "messages": HELLO, "tools": {}},
        "tools",
        "invalid_type",
        "array",
    ),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_bad_input_is_refused_with_field_and_reason(case: Refused) -> None:
    body = case.body if isinstance(case.body, bytes) else orjson.dumps(case.body)

    with pytest.raises(BadRequest) as caught:
        read_chat(body)

    error = caught.value.body()["error"]
    assert (error["param"], error["code"]) == (case.param, case.code)
    assert case.says in error["message"]
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("given_part", "read_part"),
    [
        (
            {"type": "image_url", "image_url": "https://x.example/a.png"},
            {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
            {
                "type": "image_url",
                "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"},
            },
        ),
        (
            {"type": "file", "file": {"file_data": PDF}},
            {
                "type": "file",
                "file": {
                    "file_data": f"data:application/pdf;base64,{PDF}",
                    "filename": "file.pdf",
                },
            },
        ),
        (
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "file", "file": {"file_id": "file-1"}},
        ),
        (
            {"type": "video_url", "video_url": {"url": "https://x.example/a.mp4"}},
            {"type": "video_url", "video_url": {"url": "https://x.example/a.mp4"}},
        ),
    ],
    ids=["bare string", "bare base64", "bare file", "file id", "a platform's own part"],
)
def test_parts_are_put_right(given_part: Any, read_part: Any) -> None:
    chat = read_chat(orjson.dumps(user(given_part)))

    assert chat["messages"][0]["content"] == [read_part]


def test_unknown_fields_and_key_order_are_kept() -> None:
    body = {"zeta": 1, "model": "m", "top_k": 3, "messages": HELLO, "alpha": {"b": 1, "a": 2}}

    assert orjson.dumps(read_chat(orjson.dumps(body))) == orjson.dumps(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "model",
                        "messages",
                        "role",
                        "content",
                        "type",
                        "text",
                        "image_url",
                        "file",
                        "file_data",
                        "stream",
                        "stream_options",
                        "input_audio",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=25,
    )
)
def test_any_json_is_read_or_refused(body: Any) -> None:
    chat = None
    with contextlib.suppress(BadRequest):  # anything else would be an unhandled 500
        chat = read_chat(orjson.dumps(body))

    assert chat is None or chat["messages"]


def test_an_error_event_has_all_four_keys() -> None:
    event = OPENAI.error_event(ApiError(502, "It broke.", type="server_error"))

    assert event == (
        b'data: {"error":{"message":"It broke.","type":"server_error",'
        b'"param":null,"code":null}}\n\n'
    )

"""Reasoning told apart from content, wherever the dialect puts it, in answers and streams alike."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from gateway.protocols.openai_errors import failure_in, failure_of
from gateway.protocols.openai_stream import OpenAIReader, read_answer, read_usage
from gateway.protocols.thinking import Thinking
from gateway.shapes import Failure, Recalled, Reply
from platforms.routes import PLAIN, Dialect

REPLY = Reply("foaicmpl-1", "public", 1)
THINKS = replace(PLAIN, reasoning_out="think")
WANTS_BACK = replace(PLAIN, replay_reasoning="tool_turns")
TEXTS = [
    ("<think>Hm.</think>\n\nYes.", "Hm.", "Yes."),
    ("\n<think>\nHm.\n</think>Yes.", "\nHm.\n", "Yes."),
    ("Yes.", "", "Yes."),
    ("<think>never closed", "never closed", ""),
    ("<thin", "", "<thin"),
    ("<thinking>is another word", "", "<thinking>is another word"),
    ("Use <think> tags</think>.", "", "Use <think> tags</think>."),
    ("<think></think>", "", ""),
    ("<think>a < b </thin c</think>d<think>e", "a < b </thin c", "d<think>e"),
    ("<think>Hm.</think>\n", "Hm.", ""),
    ("<think>ends in </th", "ends in </th", ""),
    ("", "", ""),
]


def fold(reader: OpenAIReader, *deltas: dict[str, Any], calls: bool = False) -> dict[str, Any]:
    said: dict[str, Any] = {}
    ends: list[Any] = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    pieces: list[Any] = [{"index": 0, "delta": delta} for delta in deltas]
    for piece in pieces + ends:
        for chunk in reader.feed(orjson.dumps({"choices": [piece]})):
            for name, value in chunk["choices"][0]["delta"].items():
                if isinstance(value, str) and name != "role":
                    said[name] = said.get(name, "") + value
    return said


def whole(message: dict[str, Any], dialect: Dialect = PLAIN) -> dict[str, Any]:
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    answer = read_answer(orjson.dumps(body), REPLY, dialect)
    return dict(answer.completion["choices"][0]["message"])


@pytest.mark.parametrize(("text", "thought", "said"), TEXTS)
def test_tags_cut_anywhere_are_the_same_tags(text: str, thought: str, said: str) -> None:
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            thinking = Thinking()
            pieces = (text[:first], text[first:second], text[second:])
            found = [thinking.feed(piece) for piece in pieces] + [thinking.end()]
            assert "".join(one for one, _ in found) == thought
            assert "".join(one for _, one in found) == said


@pytest.mark.parametrize(("text", "thought", "said"), TEXTS)
def test_a_stream_says_what_the_whole_answer_says(text: str, thought: str, said: str) -> None:
    message = whole({"content": text}, THINKS)
    reader = OpenAIReader(REPLY, shows_usage=False, dialect=THINKS)

    folded = fold(reader, *({"content": letter} for letter in text))

    assert (message.get("reasoning_content") or "", message["content"]) == (thought, said)
    assert (folded.get("reasoning_content", ""), folded.get("content", "")) == (thought, said)


def test_tags_stay_where_nobody_said_that_they_are_reasoning() -> None:
    assert whole({"content": "<think>Hm.</think>Yes."})["content"] == "<think>Hm.</think>Yes."


@pytest.mark.parametrize(
    "message",
    [
        {"content": "Yes.", "reasoning": "Hm."},
        {"content": "Yes.", "reasoning": "Hm.", "reasoning_content": "Hm."},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                {"type": "text", "text": "Yes."},
            ]
        },
        {"content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Yes."}]},
    ],
)
def test_reasoning_has_one_name(message: dict[str, Any]) -> None:
    answered = whole(message)
    streamed = fold(OpenAIReader(REPLY, shows_usage=False), message)

    assert (answered["content"], answered["reasoning_content"]) == ("Yes.", "Hm.")
    assert "reasoning" not in answered
    assert streamed == {"content": "Yes.", "reasoning_content": "Hm."}


def test_what_was_said_so_far_is_not_said_again() -> None:
    reader = OpenAIReader(REPLY, shows_usage=False)
    event = {"choices": [{"index": 0, "delta": {"content": "b"}, "message": {"content": "ab"}}]}

    [chunk] = reader.feed(orjson.dumps(event))

    assert "message" not in chunk["choices"][0]


CALLS = [
    {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
    {
        "id": "call_b",
        "type": "function",
        "function": {"name": "g", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "c2ln"}},
    },
]
EXTRA = {"extra_content": {"google": {"thought_signature": "c2ln"}}}


@pytest.mark.parametrize(
    ("dialect", "kept"),
    [
        (PLAIN, {}),
        (
            WANTS_BACK,
            {
                "call_a": Recalled({"reasoning_content": "Hm."}),
                "call_b": Recalled({"reasoning_content": "Hm."}, EXTRA),
            },
        ),
    ],
)
def test_reasoning_that_must_come_back_is_kept_by_its_calls(dialect: Dialect, kept: Any) -> None:
    message = {"content": None, "reasoning_content": "Hm.", "tool_calls": CALLS}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    reader = OpenAIReader(REPLY, shows_usage=False, dialect=dialect)
    fold(
        reader,
        {"reasoning_content": "H"},
        {"reasoning_content": "m."},
        *({"tool_calls": [{"index": index, **call}]} for index, call in enumerate(CALLS)),
    )

    assert read_answer(orjson.dumps(body), REPLY, dialect).recall == kept
    assert reader.recall == kept


@pytest.mark.parametrize(
    ("usage", "completion", "reasoning"),
    [
        ((9, 4, 7, 20), 11, 7),  # beside, as xAI counts
        ((9, 11, 7, 20), 11, 7),  # within, as OpenAI does
        ((9, 4, 0, 13), 4, 0),
    ],
)
def test_reasoning_is_within_the_completion(
    usage: tuple[int, int, int, int], completion: int, reasoning: int
) -> None:
    read = read_usage(
        {
            "prompt_tokens": usage[0],
            "completion_tokens": usage[1],
            "completion_tokens_details": {"reasoning_tokens": usage[2]},
            "total_tokens": usage[3],
        }
    )

    assert read is not None
    assert (read.completion_tokens, read.reasoning_tokens) == (completion, reasoning)


def test_groqs_usage_is_found_in_its_own_place() -> None:
    reader = OpenAIReader(REPLY, shows_usage=False)
    event = {"choices": [], "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 2}}}
    reader.feed(orjson.dumps(event))

    assert reader.usage is not None
    assert (reader.usage.prompt_tokens, reader.usage.completion_tokens) == (3, 2)


CODES: Any = (("1002", "rate"), ("1008", "quota"), ("20012", "not_found"))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"base_resp": {"status_code": 1002, "status_msg": "slow down"}}, "rate"),
        ({"base_resp": {"status_code": 1008, "status_msg": "pay"}, "choices": None}, "quota"),
        ({"base_resp": {"status_code": 9, "status_msg": "?"}}, "broken"),
        ({"code": 20012, "message": "Model does not exist", "data": None}, "not_found"),
        ({"code": 20012, "message": "Model does not exist"}, "not_found"),
        ({"object": "error", "message": "too long", "code": 400}, "broken"),
        ({"error": {"code": "1008", "message": "pay"}}, "quota"),
        ({"base_resp": {"status_code": 0, "status_msg": ""}, "id": "x"}, None),
        ({"id": "x", "choices": [], "message": "hi", "code": 1}, None),
        ({}, None),
    ],
)
def test_an_error_in_a_body_of_a_200_is_an_error(body: Any, kind: str | None) -> None:
    failure = failure_in(body, CODES)

    assert (failure and failure.kind) == kind


@pytest.mark.parametrize("streamed", [False, True])
def test_minimax_refusal_is_no_answer(streamed: bool) -> None:
    dialect = replace(PLAIN, error_codes=CODES)
    body = orjson.dumps({"base_resp": {"status_code": 1008, "status_msg": "no balance"}})
    reader = OpenAIReader(REPLY, shows_usage=False, dialect=dialect)

    with pytest.raises(Failure) as failed:
        reader.feed(body) if streamed else read_answer(body, REPLY, dialect)

    assert (failed.value.kind, failed.value.message) == ("quota", "no balance")


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ({"error": {"code": "1008", "message": "pay"}}, "quota", "pay"),
        ({"error": {"type": "1008", "message": "pay"}}, "quota", "pay"),
        ({"code": 20012, "message": "no model"}, "not_found", "no model"),
        ("a bare string", "bad_request", "a bare string"),
        ({"error": {"code": "other", "message": "bad"}}, "bad_request", "bad"),
    ],
)
def test_a_platforms_own_code_goes_before_the_status(body: Any, kind: str, message: str) -> None:
    failure = failure_of(400, {}, orjson.dumps(body), CODES)

    assert (failure.kind, failure.message) == (kind, message)

"""The judge itself: it accepts what OpenAI sends and rejects what it would not."""

from typing import Any

import pytest

from tests import openai_schema
from tests.upstreams import USAGE, chunk, completion


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name not in names}


def with_choice(**over: Any) -> dict[str, Any]:
    return completion(choices=[{**completion()["choices"][0], **over}])


def with_message(**over: Any) -> dict[str, Any]:
    return with_choice(message={**completion()["choices"][0]["message"], **over})


def with_delta(**delta: Any) -> dict[str, Any]:
    return chunk(choices=[{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])


CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    "value",
    [
        chunk("Hi"),
        chunk(reason="stop"),
        chunk("Hi", usage=None),
        chunk(choices=[], usage=USAGE),
        chunk("Hi", prompt_filter_results=[]),
        with_delta(role="assistant", content=""),
        with_delta(tool_calls=[{"index": 0, **CALL}]),
        with_delta(tool_calls=[{"index": 0, "function": {"arguments": "{}"}}]),
    ],
)
def test_real_chunks_pass(value: Any) -> None:
    openai_schema.chunk(value)


@pytest.mark.parametrize(
    "value",
    [
        without(chunk("Hi"), "id"),
        without(chunk("Hi"), "created"),
        chunk("Hi", object="chat.completion"),
        chunk(reason="eos"),
        chunk(choices=[{"index": 0, "delta": {}}]),
        chunk("Hi", usage={"prompt_tokens": 1}),
        with_delta(role="robot"),
        with_delta(content=5),
        with_delta(tool_calls=[CALL]),
    ],
)
def test_wrong_chunks_fail(value: Any) -> None:
    with pytest.raises(AssertionError):
        openai_schema.chunk(value)


@pytest.mark.parametrize(
    "value",
    [
        completion(),
        without(completion(), "usage"),
        with_message(tool_calls=[CALL], content=None),
        with_message(annotations=[], reasoning_content="Hm."),
        completion(service_tier="default", system_fingerprint="fp"),
    ],
)
def test_real_completions_pass(value: Any) -> None:
    openai_schema.completion(value)


@pytest.mark.parametrize(
    "value",
    [
        without(completion(), "id"),
        completion(choices=[{"index": 0, "message": {"role": "assistant"}}]),
        completion(usage={}),
        completion(usage=without(USAGE, "total_tokens")),
        with_choice(finish_reason="eos"),
        with_choice(finish_reason=None),
        with_message(role="user"),
        with_message(content=["Hi"]),
        with_message(tool_calls=[without(CALL, "id")]),
    ],
)
def test_wrong_completions_fail(value: Any) -> None:
    with pytest.raises(AssertionError):
        openai_schema.completion(value)


def test_an_error_needs_all_four_keys() -> None:
    whole = {"message": "m", "type": "t", "param": None, "code": None}
    openai_schema.error({"error": whole})
    with pytest.raises(AssertionError):
        openai_schema.error({"error": without(whole, "code")})


def test_a_list_of_models_holds_models() -> None:
    model = {"id": "m", "object": "model", "created": 1, "owned_by": "me"}
    openai_schema.model(model)
    openai_schema.model_list({"object": "list", "data": [model]})
    with pytest.raises(AssertionError):
        openai_schema.model_list({"object": "list", "data": [without(model, "owned_by")]})


def test_the_message_names_the_place_and_the_reason() -> None:
    with pytest.raises(AssertionError, match=r"usage.*'total_tokens' is a required property"):
        openai_schema.completion(completion(usage=without(USAGE, "total_tokens")))


def test_an_unknown_schema_is_an_error_of_the_test() -> None:
    with pytest.raises(KeyError):
        openai_schema.validate({}, "NoSuchSchema")

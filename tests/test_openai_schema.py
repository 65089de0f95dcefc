"""The judge itself: it accepts what OpenAI sends and rejects what it would not."""

from typing import Any

import pytest

from tests import openai_schema
from tests.upstreams import USAGE, chunk, completion


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name not in names}


@pytest.mark.parametrize(
    "value",
    [
        chunk("Hi"),
        chunk(reason="stop"),
        chunk("Hi", usage=None),
        chunk(choices=[], usage=USAGE),
        chunk("Hi", prompt_filter_results=[]),
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
    ],
)
def test_wrong_chunks_fail(value: Any) -> None:
    with pytest.raises(AssertionError):
        openai_schema.chunk(value)


def test_a_real_completion_passes() -> None:
    openai_schema.completion(completion())


@pytest.mark.parametrize(
    "value",
    [
        without(completion(), "id"),
        completion(choices=[{"index": 0, "message": {"role": "assistant"}}]),
        completion(usage={}),
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

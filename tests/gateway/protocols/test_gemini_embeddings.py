"""Embeddings asked of Gemini in OpenAI's shape."""

import base64
import struct
from typing import Any

import orjson
import pytest

from gateway.errors import BadRequest
from gateway.protocols.gemini import Gemini
from gateway.shapes import Failure
from platforms.routes import FREE, Route
from tests import openai_schema
from tests.gateway.protocols.test_openai import PLATFORM

EMBEDDING = Route(PLATFORM, "vectors", "gemini-embedding-2", "embedding", FREE)


def described(**asked: Any) -> Any:
    return Gemini().embeddings({"model": "vectors", **asked}, EMBEDDING)


def upstream(*rows: list[float], **over: Any) -> bytes:
    return orjson.dumps({"embeddings": [{"values": row} for row in rows], **over})


def test_all_texts_go_in_one_call() -> None:
    call = described(input=["a", "b"], dimensions=2, task_type="RETRIEVAL_QUERY")

    assert call.request.path == "/models/gemini-embedding-2:batchEmbedContents"
    assert orjson.loads(call.request.body) == {
        "requests": [
            {
                "model": "models/gemini-embedding-2",
                "outputDimensionality": 2,
                "taskType": "RETRIEVAL_QUERY",
                "content": {"parts": [{"text": text}]},
            }
            for text in ("a", "b")
        ]
    }


def test_vectors_come_back_in_openais_shape() -> None:
    answer, usage = described(input=["a", "b"]).read(
        upstream([1.0, 0.0], [0.6, 0.8], usageMetadata={"promptTokenCount": 7})
    )

    openai_schema.validate(answer, "CreateEmbeddingResponse")
    assert [row["embedding"] for row in answer["data"]] == [[1.0, 0.0], [0.6, 0.8]]
    assert (answer["model"], answer["usage"]["total_tokens"]) == ("vectors", 7)
    assert (usage.prompt_tokens, usage.measured) == (7, True)


def test_without_a_count_there_is_no_usage_to_show() -> None:
    answer, usage = described(input="a").read(upstream([1.0]))

    assert usage is None
    assert "usage" not in answer


def test_a_shortened_vector_is_of_length_1_as_openais_are() -> None:
    answer, _ = described(input="a", dimensions=2).read(upstream([3.0, 4.0]))

    assert answer["data"][0]["embedding"] == [0.6, 0.8]


def test_a_vector_of_nothing_stays() -> None:
    answer, _ = described(input="a").read(upstream([0.0, 0.0]))

    assert answer["data"][0]["embedding"] == [0.0, 0.0]


def test_base64_holds_the_same_numbers() -> None:
    answer, _ = described(input="a", encoding_format="base64").read(upstream([0.6, 0.8]))

    packed = base64.b64decode(answer["data"][0]["embedding"])
    assert struct.unpack("<2f", packed) == pytest.approx((0.6, 0.8))


def test_tokens_as_numbers_are_refused() -> None:
    with pytest.raises(BadRequest, match="send texts") as refused:
        described(input=[1, 2])
    assert refused.value.param == "input"


@pytest.mark.parametrize("body", [b"{}", upstream([1.0], [0.0]), b"<html>"])
def test_another_number_of_vectors_is_no_answer(body: bytes) -> None:
    with pytest.raises(Failure, match=r"vectors asked for|HTML"):
        described(input="a").read(body)

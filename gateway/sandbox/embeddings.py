"""The sandbox's embeddings: texts with the same words lie close together, and nothing is learned.

Each word adds a direction of its own, made from its hash. Model: `sandbox-embedding`.
"""

import base64
import hashlib
import math
import struct
from typing import Any

import orjson

from gateway.sandbox import replies
from gateway.sandbox.answers import Answer, Asked, unknown_model
from gateway.sandbox.checks import Refused

MODELS = ("sandbox-embedding",)
DIMENSIONS = 64
MOST = 1024


def create(asked: Asked) -> Answer:
    """`POST /v1/embeddings`. Raises Refused."""
    try:
        body = orjson.loads(asked.request.content)
    except orjson.JSONDecodeError:
        raise Refused("The body is not JSON.", code="invalid_json") from None
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        raise Refused("'model' must be a string.", "model")
    if body["model"] not in MODELS:
        return unknown_model(body["model"])
    dimensions = body.get("dimensions", DIMENSIONS)
    if type(dimensions) is not int or not 1 <= dimensions <= MOST:
        raise Refused(f"'dimensions' must be a whole number from 1 to {MOST}.", "dimensions")
    texts = _texts(body.get("input"))
    tokens = [replies.tokens(text) for text in texts]
    vectors = [_vector(words, dimensions) for words in tokens]
    as_base64 = body.get("encoding_format") == "base64"
    count = sum(map(len, tokens))
    answer = {
        "object": "list",
        "model": body["model"],
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _packed(vector) if as_base64 else vector,
            }
            for index, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": count, "total_tokens": count},
    }
    return Answer((orjson.dumps(answer),))


def _texts(given: Any) -> list[str]:
    """What is to be embedded, tokens written out as words."""
    if isinstance(given, str):
        return [given]
    if isinstance(given, list) and given:
        if all(isinstance(one, str) for one in given):
            return given
        if all(type(one) is int for one in given):
            return [" ".join(map(str, given))]
        if all(isinstance(one, list) and one for one in given):
            return [text for one in given for text in _texts(one)]
    raise Refused("'input' must be a text, an array of texts, or tokens.", "input")


def _vector(words: list[str], dimensions: int) -> list[float]:
    """The sum of the words' directions, of length 1."""
    sums = [0.0] * dimensions
    for word in words:
        seed = hashlib.shake_128(word.strip().lower().encode()).digest(2 * dimensions)
        for place, (number,) in enumerate(struct.iter_unpack("<h", seed)):
            sums[place] += number / 32768
    length = math.sqrt(sum(one * one for one in sums)) or 1.0
    # As a 32-bit number says it, so that both encodings say the same.
    return [struct.unpack("<f", struct.pack("<f", one / length))[0] for one in sums]


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")

"""Embeddings of Gemini's: OpenAI's request as `batchEmbedContents`, and its vectors back.

Sources: wire notes gemini §2 (google-genai 3.4.0, Nov 2026). That a shortened vector is not of
length 1, as OpenAI's are, is from memory; so it is made so.
"""

import base64
import math
import struct

from gateway.errors import BadRequest
from gateway.protocols.base import dumped, loads
from gateway.protocols.gemini_native import path
from gateway.shapes import Described, Failure, Json, UpstreamRequest, Usage
from platforms.routes import Route

_OWN = ("taskType", "title")
"""Google's own fields, which clients of either spelling send beside OpenAI's."""


def embeddings(asked: dict[str, Json], route: Route) -> Described:
    """Describe the call for all texts at once. Raises BadRequest for tokens as numbers."""
    given = asked["input"]
    texts = [given] if isinstance(given, str) else given
    if not all(isinstance(text, str) for text in texts):
        raise BadRequest(
            "'input' holds tokens as numbers, which this platform's models do not share; send "
            "texts.",
            param="input",
        )
    shared: dict[str, Json] = {"model": "models/" + route.upstream_model.removeprefix("models/")}
    if asked.get("dimensions") is not None:
        shared["outputDimensionality"] = asked["dimensions"]
    for name in _OWN:
        value = asked.get(name, asked.get("task_type") if name == "taskType" else None)
        if value is not None:
            shared[name] = value
    requests = [{**shared, "content": {"parts": [{"text": text}]}} for text in texts]
    as_base64 = asked.get("encoding_format") == "base64"
    return Described(
        UpstreamRequest("POST", path(route, "batchEmbedContents"), dumped({"requests": requests})),
        lambda body: _read(body, route.model, len(texts), as_base64=as_base64),
    )


def _read(
    body: bytes, model: str, count: int, *, as_base64: bool
) -> tuple[dict[str, Json], Usage | None]:
    answer = loads(body)
    rows = answer.get("embeddings")
    if not isinstance(rows, list) or len(rows) != count:
        raise Failure("broken", f"The platform's answer has not the {count} vectors asked for.")
    vectors = [_unit(row["values"]) for row in rows]
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": _packed(vector) if as_base64 else vector,
        }
        for index, vector in enumerate(vectors)
    ]
    usage = _usage(answer.get("usageMetadata"))
    shown: dict[str, Json] = {"object": "list", "model": model, "data": data}
    if usage is not None:
        tokens = usage.prompt_tokens
        shown["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return shown, usage


def _usage(given: Json) -> Usage | None:
    """Newer models alone say it."""
    tokens = given.get("promptTokenCount") if isinstance(given, dict) else None
    return Usage(prompt_tokens=tokens, measured=True) if type(tokens) is int else None


def _unit(vector: list[float]) -> list[float]:
    """The vector in length 1; one that is so already stays as it is, to the last digit."""
    length = math.sqrt(sum(value * value for value in vector))
    if not length or abs(length - 1) < 1e-3:
        return vector
    return [value / length for value in vector]


def _packed(vector: list[float]) -> str:
    """Little-endian 32-bit floats in base64, as OpenAI packs them."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")

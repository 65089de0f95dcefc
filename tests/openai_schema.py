"""OpenAI's own schemas as judges: does this answer, chunk or error have their shape?

The document says OpenAPI 3.1 but marks what may be null the 3.0 way (`nullable: true`), also
beside `$ref`; it is turned into JSON Schema first.
"""

import functools
from pathlib import Path
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

_DOCUMENT = Path(__file__).parent / "openai-subset.json"


def completion(value: Any) -> None:
    """A blocking answer."""
    validate(value, "CreateChatCompletionResponse")


def chunk(value: Any) -> None:
    """A chunk of a stream."""
    validate(value, "CreateChatCompletionStreamResponse")


def error(value: Any) -> None:
    """An error's body."""
    validate(value, "ErrorResponse")


def model_list(value: Any) -> None:
    """A list of models."""
    validate(value, "ListModelsResponse")


def model(value: Any) -> None:
    """One model."""
    validate(value, "Model")


def images(value: Any) -> None:
    """An answer of images/generations or images/edits."""
    validate(value, "ImagesResponse")


def video(value: Any) -> None:
    """A video."""
    validate(value, "VideoResource")


def validate(value: Any, name: str) -> None:
    """Raise AssertionError, with path and reason, where `value` is not of the schema `name`."""
    problem = best_match(_validator(name).iter_errors(value))
    if problem is not None:
        raise AssertionError(f"{name}{problem.json_path[1:]}: {problem.message[:400]}")


@functools.cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = _converted(orjson.loads(_DOCUMENT.read_bytes()))
    return document


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    if name not in _document()["components"]["schemas"]:
        raise KeyError(name)
    schema = {"$ref": f"#/components/schemas/{name}", "components": _document()["components"]}
    return Draft202012Validator(schema)


def _converted(node: Any) -> Any:
    if isinstance(node, list):
        return [_converted(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {name: _converted(value) for name, value in node.items() if name != "discriminator"}
    if plain.pop("nullable", None) is True:
        return {"anyOf": [plain, {"type": "null"}]}
    # Variants of one union overlap there (a text part fits several): any of them will do.
    if "oneOf" in plain and "anyOf" not in plain:
        plain["anyOf"] = plain.pop("oneOf")
    return plain

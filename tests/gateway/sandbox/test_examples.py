"""Examples satisfy the schema that they are made from, and never grow beyond their bounds."""

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st
from jsonschema import Draft202012Validator

from gateway.sandbox.checks import Refused
from gateway.sandbox.examples import MAX_DEPTH, MAX_VALUES, example

LEAVES = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={
            "minLength": st.integers(0, 40),
            "format": st.sampled_from(["date", "date-time", "email", "uri", "uuid", "time", "x"]),
        },
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number"])},
        optional={"minimum": st.integers(-9, 9), "exclusiveMinimum": st.integers(-9, 9)},
    ),
    st.fixed_dictionaries({"type": st.just("integer"), "maximum": st.integers(-9, 9)}),
    st.fixed_dictionaries({"type": st.sampled_from(["boolean", "null", ["null", "string"]])}),
    st.fixed_dictionaries({"enum": st.lists(st.integers() | st.text(), min_size=1)}),
    st.fixed_dictionaries({"const": st.integers(0, 9) | st.none()}),
    st.just(True),
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["a", "b", "c"])
    return st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(names, inner)},
        optional={"required": st.lists(names, unique=True)},
    )


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    variants = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        objects(inner),
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner, "minItems": st.integers(0, 3)}
        ),
        st.fixed_dictionaries({"anyOf": variants}),
    )


SCHEMAS = objects(st.recursive(LEAVES, nested, max_leaves=12))
NODE = {
    "type": "object",
    "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
    "required": ["next"],
}
TWICE = {"type": "object", "properties": {"a": True, "b": True}, "required": ["a", "b"]}


@given(SCHEMAS)
def test_an_example_satisfies_its_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator(schema).validate(example(schema, "s"))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, "sandbox"),
        ({"properties": {"a": {}}}, {}),
        ({"$ref": "#/$defs/node", "$defs": {"node": NODE}}, {"next": None}),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 1}}}, 1),
        ({"allOf": [TWICE, {"required": ["c"]}]}, {"a": "sandbox", "b": "sandbox", "c": "sandbox"}),
        ({"allOf": [{"$ref": "#/$defs/x"}] * 2, "$defs": {"x": {"type": "null"}}}, None),
        ({"type": "integer", "exclusiveMinimum": 2**64 - 1}, 2**63 - 1),
    ],
)
def test_references_and_unions_are_followed(schema: dict[str, Any], expected: Any) -> None:
    assert example(schema, "s") == expected


def test_an_example_may_be_as_large_as_the_bound() -> None:
    made = example({"type": "array", "minItems": MAX_VALUES - 1}, "s")  # the array itself is one

    assert len(made) == MAX_VALUES - 1


def doubling(levels: int) -> dict[str, Any]:
    """A few lines that ask for 2**levels values."""
    defs: dict[str, Any] = {"0": {"type": "null"}}
    for level in range(levels):
        pair = {"a": {"$ref": f"#/$defs/{level}"}, "b": {"$ref": f"#/$defs/{level}"}}
        defs[str(level + 1)] = {**TWICE, "properties": pair}
    return {"$ref": f"#/$defs/{levels}", "$defs": defs}


def deep(levels: int, keyword: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(levels):
        schema = {keyword: [schema]}
    return schema


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "#"}, "no finite value"),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"anyOf": [{"$ref": "#"}]}}}, "no finite value"),
        ({"allOf": [{"$ref": "#"}]}, "no finite value"),
        ({"$ref": "#/$defs/none"}, "'#/$defs/none', which is not in it"),
        (doubling(40), f"{MAX_VALUES} values are most"),
        ({"type": "array", "minItems": MAX_VALUES}, f"{MAX_VALUES} values are most"),
        (deep(MAX_DEPTH + 1, "anyOf"), "nested too deeply"),
        (deep(400, "allOf"), "nested too deeply"),
        ({"type": "string", "minLength": 10**12}, "characters"),
        ({"required": 5}, "'required' has the wrong type"),
        ({"required": [[]]}, "'required' takes names"),
        ({"anyOf": {"a": 1}}, "'anyOf' has the wrong type"),
        ({"type": "array", "minItems": 1, "items": False}, "each schema in it is an object"),
        ({"type": "text"}, "'type' is unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_has_no_example_is_refused_with_the_reason(
    schema: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Refused) as refused:
        example(schema, "response_format")

    assert reason in refused.value.message
    assert refused.value.param == "response_format"


KEYWORDS = """$ref allOf anyOf const enum exclusiveMinimum format items maximum minItems minLength
    minimum oneOf properties required type"""
VOCABULARY = st.sampled_from(KEYWORDS.split())
VALUES = st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.floats(0, 9)
NAMES = st.sampled_from(["object", "array", "string", "integer", "#", "#/items", "#/anyOf/0", "a"])


@given(
    st.dictionaries(
        VOCABULARY,
        st.recursive(
            VALUES | NAMES,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(VOCABULARY, inner),
            max_leaves=12,
        ),
    )
)
def test_any_object_gives_an_example_or_a_refusal(schema: dict[str, Any]) -> None:
    with contextlib.suppress(Refused):  # the only exception that may come
        orjson.dumps(example(schema, "s"))

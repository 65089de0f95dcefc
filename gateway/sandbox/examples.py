"""A value that a JSON schema allows, made up; within bounds, whatever the schema. Pure."""

import math
from typing import Any

from gateway.sandbox.checks import Refused

MAX_VALUES = 1000  # in one example: a few lines of schema that name each other ask for 2**50
MAX_DEPTH = 50  # levels; far below Python's own limit of calls within calls
MAX_LENGTH = 1000  # characters of a string
MAX_NUMBER = 2**63 - 1  # JSON writers know no larger whole number
_KEYWORDS: dict[str, tuple[type, ...]] = {
    "$ref": (str,),
    "allOf": (list,),
    "anyOf": (list,),
    "enum": (list,),
    "exclusiveMinimum": (int, float),
    "maximum": (int, float),
    "minItems": (int,),
    "minLength": (int,),
    "minimum": (int, float),
    "oneOf": (list,),
    "properties": (dict,),
    "required": (list,),
    "type": (str, list),
}
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "email": "sandbox@example.com",
    "time": "00:00:00Z",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


class _Endless(Exception):
    """A reference that leads back to itself: no finite value along this way."""


def example(schema: dict[str, Any], path: str) -> Any:
    """The smallest value of the schema: its required properties, its first choices.

    `path` names the schema in messages. Patterns and keywords beyond the common ones are not
    looked at. Raises Refused where the schema is none, or has no example within the bounds.
    """
    try:
        return _Maker(schema, path).value(schema, frozenset())
    except _Endless:
        raise Refused(f"'{path}' has no finite value; it requires itself.", path) from None


class _Maker:
    """One example in the making: counts the schemas that it looks at."""

    def __init__(self, root: dict[str, Any], path: str) -> None:
        self._root = root
        self._path = path
        self._left = MAX_VALUES

    def value(self, schema: Any, within: frozenset[str], depth: int = 0) -> Any:
        """An example; `within`: the references that the schema stands in, `depth`: its level."""
        schema, within = self._resolved(schema, within, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        for name in ("anyOf", "oneOf"):
            if schema.get(name):
                return self._first(schema[name], within, depth + 1)
        kind = _kind(schema)
        if kind == "object":
            properties = schema.get("properties", {})
            return {
                name: self.value(properties.get(name, {}), within, depth + 1)
                for name in dict.fromkeys(schema.get("required", ()))
            }
        if kind == "array":
            items = schema.get("items", {})
            count = schema.get("minItems", 0)
            return [self.value(items, within, depth + 1) for _ in range(count)]
        return self._plain(kind, schema)

    def _first(self, variants: list[Any], within: frozenset[str], depth: int) -> Any:
        """The first variant with a finite value: a list that links to itself has to end."""
        for variant in variants:
            try:
                return self.value(variant, within, depth)
            except _Endless:
                continue
        raise _Endless

    def _resolved(
        self, schema: Any, within: frozenset[str], depth: int
    ) -> tuple[dict[str, Any], frozenset[str]]:
        """The schema with references followed and `allOf` put together; where it stands then."""
        if depth > MAX_DEPTH:
            raise self._refused(f"is nested too deeply; {MAX_DEPTH} levels are most here")
        schema = self._checked(schema)
        while "$ref" in schema:
            reference = schema["$ref"]
            if reference in within:
                raise _Endless
            within |= {reference}
            schema = self._checked(self._target(reference))
        parts = [self._resolved(part, within, depth + 1) for part in schema.get("allOf", ())]
        for more, its_within in parts:
            within |= its_within
            properties = {**schema.get("properties", {}), **more.get("properties", {})}
            required = [*schema.get("required", ()), *more.get("required", ())]
            schema = {**schema, **more, "properties": properties, "required": required}
        return schema, within

    def _checked(self, schema: Any) -> dict[str, Any]:
        self._left -= 1
        if self._left < 0:
            raise self._refused(f"asks for too much; {MAX_VALUES} values are most here")
        if schema is True:
            return {}
        if type(schema) is not dict:
            raise self._refused("is not a JSON schema; each schema in it is an object")
        for keyword, kinds in _KEYWORDS.items():
            if keyword in schema and type(schema[keyword]) not in kinds:
                raise self._refused(f"is not a JSON schema: '{keyword}' has the wrong type")
        if any(type(name) is not str for name in schema.get("required", ())):
            raise self._refused("is not a JSON schema: 'required' takes names")
        return schema

    def _target(self, reference: str) -> Any:
        target: Any = self._root
        for name in reference.removeprefix("#").split("/")[1:]:
            name = name.replace("~1", "/").replace("~0", "~")
            if type(target) is not dict or name not in target:
                raise self._refused(f"refers to '{reference[:100]}', which is not in it")
            target = target[name]
        return target

    def _plain(self, kind: str, schema: dict[str, Any]) -> Any:
        if kind == "string":
            least = schema.get("minLength", 0)
            if least > MAX_LENGTH:
                raise self._refused(f"asks for {least} characters; {MAX_LENGTH} are most here")
            return _FORMATS.get(str(schema.get("format")), "sandbox").ljust(least, "x")
        if kind in ("integer", "number"):
            return math.ceil(_number(schema, 1)) if kind == "integer" else _number(schema, 1.5)
        if kind not in ("boolean", "null"):
            raise self._refused("is not a JSON schema: 'type' is unknown")
        return True if kind == "boolean" else None

    def _refused(self, what: str) -> Refused:
        return Refused(f"'{self._path}' {what}.", self._path)


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if not kind:
        return "object" if schema.get("properties") or schema.get("required") else "string"
    return str(kind[0] if type(kind) is list else kind)


def _number(schema: dict[str, Any], usual: float) -> float:
    """The usual number, or the next that the schema's bounds allow."""
    least = max(usual, schema.get("minimum", usual))
    if schema.get("exclusiveMinimum", least - 1) >= least:
        least = min(schema["exclusiveMinimum"] + 1, MAX_NUMBER)
    number: float = min(least, schema.get("maximum", least))
    return number

"""Fields of a chat that a platform's language needs of some type, or has no words for."""

from typing import Any, NoReturn, TypeVar

from gateway.errors import BadRequest

_T = TypeVar("_T")
_NAMES = {str: "a string", int: "a whole number", list: "an array", dict: "an object"}


def typed(value: Any, path: str, kind: type[_T]) -> _T:
    """The value, if it is of this type. Raises BadRequest."""
    if type(value) is not kind:
        raise BadRequest(f"'{path}' must be {_NAMES[kind]}.", param=path, code="invalid_type")
    return value


def refuse(path: str, what: str) -> NoReturn:
    """Refuse a field by its path; `what`: the rest of the sentence. Raises BadRequest."""
    raise BadRequest(f"'{path}' {what}", param=path)

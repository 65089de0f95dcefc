"""An object of a client's request, read field by field, with its path for what is to be refused."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from gateway.errors import BadRequest
from gateway.faces.openai import require, typed
from gateway.shapes import Json

EFFORT_BUDGETS = ((8191, "low"), (24575, "medium"))
"""Tokens of thinking up to which it is this effort; above, it is high. So nobody whose efforts are
budgets (8192 and 24576 at Google) thinks more than was asked for."""
_INDEX = re.compile(r"\[\d+\]")


def effort_of(budget: int) -> str:
    """The effort that thinks no more than this many tokens."""
    return next((name for most, name in EFFORT_BUDGETS if budget <= most), "high")


def content_of(parts: list[Json]) -> Json:
    """Parts as a message's content: a text alone is a string, which all platforms take."""
    return parts[0]["text"] if len(parts) == 1 and "text" in parts[0] else parts


class Fields:
    """What is read is taken out of `fields`, so that what nobody knows is left over."""

    fields: dict[str, Json]
    path: str
    """Such as `messages[0].content[1]`; "" for the request itself."""

    def at(self, name: str) -> str:
        """The path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def take(self, name: str, kind: type, default: Json = None) -> Any:
        """A field, if it is of this type; refused if it is missing and has no default."""
        if default is None:
            require(self.fields, name, kind, self.at(""))
        return typed(self.fields.pop(name, default), self.at(name), kind)

    def refuse(self, name: str, what: str) -> NoReturn:
        """Raise BadRequest about a field."""
        raise BadRequest(f"'{self.at(name)}' {what}", param=self.at(name))


class Given(Fields):
    """An object of the request, read name by name; what nobody reads is dropped by its name."""

    def __init__(self, value: Json, path: str) -> None:
        given = typed(value, path, dict).items()
        self.fields: dict[str, Json] = {name: one for name, one in given if one is not None}
        self.path = path
        self._inner: list[Given] = []

    def inner(self, name: str, default: Json = None) -> "Given":
        """A field's object."""
        self._inner.append(Given(self.take(name, dict, default), self.at(name)))
        return self._inner[-1]

    def each(self, name: str, default: Json = None) -> "list[Given]":
        """The objects of a field's list."""
        given = enumerate(self.take(name, list, default))
        made = [Given(one, f"{self.at(name)}[{number}]") for number, one in given]
        self._inner += made
        return made

    def blocks(self, name: str, default: Json = None) -> "list[Given]":
        """A field's blocks; a string is short for one of text."""
        if type(self.fields.get(name)) is str:
            text = {"type": "text", "text": self.fields.pop(name)}
            return [Given(text, self.at(name))]
        return self.each(name, default)

    def word(self, name: str, words: Iterable[str], default: str | None = None) -> str:
        """A field that is one of these."""
        value: str = self.take(name, str, default)
        if value not in words and value != default:
            self.refuse(name, f"is {value!r:.50}; here it must be {', '.join(words)}.")
        return value

    def number(self, name: str, *, whole: bool = False) -> Json:
        """A number from 0 on."""
        require(self.fields, name, type(self.fields.get(name, 0)), self.at(""))
        value = self.fields.pop(name)
        if type(value) not in ((int,) if whole else (int, float)) or value < 0:
            what = f"{value!r:.50}" if isinstance(value, int | float | str) else "no number"
            self.refuse(name, f"is {what}; it must be a {'whole ' * whole}number, 0 or more.")
        return value

    def unread(self) -> Iterator[str]:
        """The names of what was not read and says something, here and inside."""
        for name, value in self.fields.items():
            if value:
                yield name if name == "cache_control" else _INDEX.sub("", self.at(name))
        for one in self._inner:
            yield from one.unread()

"""Gemini's requests read: fields in either spelling, parts, schemas.

Sources: wire notes gemini §1, §5; google-genai 3.4.0 (Nov 2026).
"""

import re
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from gateway.faces.given import Fields
from gateway.faces.openai import typed
from gateway.shapes import Json
from gateway.values import camel

_MEDIA_TYPE = re.compile(r"[\w.+-]{1,40}/[\w.+-]{1,80}(;[^;,\s]{1,40})?", re.ASCII)
_BASE64 = re.compile(r"[\w+/\s-]+={0,2}\s*", re.ASCII)
_PICTURE = re.compile(r"\.(png|jpe?g|webp|gif|heic|heif|bmp)$", re.IGNORECASE)
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_SIZES = re.compile(r"(min|max)(Items|Length|Properties)")
_RENAMED = {"defs": "$defs", "ref": "$ref"}
_AUDIO = {"wav": "wav", "x-wav": "wav", "wave": "wav", "mp3": "mp3", "mpeg": "mp3"}


class Given(Fields):
    """An object of the request, read name by name; what is left is what nobody knows."""

    def __init__(self, value: Json, path: str) -> None:
        given = typed(value, path, dict).items()
        self.fields: dict[str, Json] = {camel(key): one for key, one in given if one is not None}
        self.path = path

    def inner(self, name: str) -> "Given":
        """A field's object; an empty one if it is missing."""
        return Given(self.fields.pop(name, {}), self.at(name))

    def each(self, name: str) -> "list[Given]":
        """A field's list of objects; one alone is taken for a list of one, as Google does."""
        value = self.fields.pop(name, [])
        given = [value] if type(value) is dict else typed(value, self.at(name), list)
        return [Given(one, f"{self.at(name)}[{n}]") for n, one in enumerate(given)]

    def texts(self, name: str) -> list[str]:
        """A field's list of strings."""
        given = self.take(name, list, [])
        return [typed(one, f"{self.at(name)}[{n}]", str) for n, one in enumerate(given)]

    def word(self, name: str, words: Mapping[str, Json]) -> Json:
        """What one of these words means, in letters of any case; None if it is missing."""
        given = self.take(name, str, "unspecified").lower()
        meanings = {word.lower(): meaning for word, meaning in words.items()}
        if given not in meanings and not given.endswith("unspecified"):
            self.refuse(name, f"must be one of {', '.join(words)}.")
        return meanings.get(given)

    def number(self, name: str, *, whole: bool) -> Json:
        """A field's number, which protobuf may write as a string, or as 64.0."""
        value = self.fields.pop(name)
        if type(value) is str and _INTEGER.fullmatch(value):
            value = int(value)
        if type(value) is float and whole and value.is_integer():
            value = int(value)
        if type(value) is int and not -(2**63) <= value < 2**63:
            self.refuse(name, "is too large a number.")
        if type(value) is not int and (whole or type(value) is not float):
            self.refuse(name, f"must be a {'whole ' if whole else ''}number.")
        return value


class OpenCalls:
    """The calls that no result has answered yet, found by id, or else by name.

    Of several, the first of the newest message is meant.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._closed: set[int] = set()
        self._found: dict[tuple[str, str], deque[int]] = {}

    def add(self, calls: list[tuple[str, str]]) -> None:
        """Ids and names of one message's calls."""
        first = len(self._ids)
        self._ids += [id for id, _ in calls]
        for number, (id, name) in reversed(list(enumerate(calls, first))):
            for key in (("id", id), ("name", name)):
                self._found.setdefault(key, deque()).appendleft(number)

    def take(self, id: str, name: str) -> str | None:
        """The id of the call that a result answers; None where there is none."""
        for key in (("id", id), ("name", name)):
            numbers = self._found.get(key, deque())
            while numbers:
                number = numbers.popleft()
                if number not in self._closed:
                    self._closed.add(number)
                    return self._ids[number]
        return None


class Piece(NamedTuple):
    """A part of a content."""

    kind: str
    part: Given
    is_thought: bool
    signed: dict[str, Json]


def json_schema(given: Given) -> dict[str, Json]:
    """Google's Schema as JSON Schema: small letters, null as a type, no order of properties."""
    is_nullable = given.take("nullable", bool, False)
    schema: dict[str, Json] = {}
    for name, value in given.fields.items():
        path = given.at(name)
        if name in ("properties", "defs", "$defs"):
            inner = typed(value, path, dict).items()
            value = {key: _within(one, f"{path}.{key}") for key, one in inner}
        elif name in ("items", "anyOf", "oneOf", "allOf", "prefixItems", "additionalProperties"):
            value = _within(value, path)
        elif name == "type":
            types = [str(one).lower() for one in (value if type(value) is list else [value])]
            value = types if type(value) is list else types[0]
        elif name == "ref":
            value = str(value).replace("#/defs/", "#/$defs/")
        elif _SIZES.fullmatch(name) and _INTEGER.fullmatch(str(value)):
            value = int(value)  # protobuf writes it as a string
        if name != "propertyOrdering" and value != "type_unspecified":
            schema[_RENAMED.get(name, name)] = value
    if is_nullable:
        if type(schema.get("type")) is str:
            schema["type"] = [schema["type"], "null"]
        for name, null in (("enum", None), ("anyOf", {"type": "null"})):
            if type(schema.get(name)) is list:
                schema[name] = [*schema[name], null]
    return schema


def part_of(piece: Piece) -> dict[str, Json]:
    """A text, picture, sound or file as OpenAI's part."""
    if piece.kind == "text":
        return {"type": "text", "text": piece.part.take("text", str)}
    given = piece.part.inner(piece.kind)
    media_type = given.take("mimeType", str, "")
    family, _, form = media_type.lower().partition("/")
    if piece.kind == "fileData":
        url = given.take("fileUri", str)
        if not url.lower().startswith(("https://", "http://")):
            given.refuse("fileUri", "must be an address that begins with https://.")
        if family == "image" or (not family and _PICTURE.search(url.partition("?")[0])):
            return {"type": "image_url", "image_url": {"url": url}}
        return {"type": "file", "file": {"file_data": url}}
    if not _MEDIA_TYPE.fullmatch(media_type):
        given.refuse("mimeType", "must be a media type, such as image/png.")
    data = given.take("data", str)
    if not _BASE64.fullmatch(data[:1024]):  # the beginning tells: it may be many megabytes
        given.refuse("data", "must be base64.")
    # Google's SDKs write the alphabet of addresses, which other platforms refuse.
    data = "".join(data.split()).replace("-", "+").replace("_", "/")
    if family == "audio" and form in _AUDIO:
        return {"type": "input_audio", "input_audio": {"data": data, "format": _AUDIO[form]}}
    url = f"data:{media_type};base64,{data}"
    if family == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    name = given.take("displayName", str, f"file.{form.partition(';')[0]}")
    return {"type": "file", "file": {"file_data": url, "filename": name}}


def _within(value: Json, path: str) -> Json:
    """What stands inside a schema where a schema, or some, may stand."""
    if type(value) is list:
        return [_within(one, f"{path}[{n}]") for n, one in enumerate(value)]
    return json_schema(Given(value, path)) if type(value) is dict else value

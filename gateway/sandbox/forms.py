"""The bodies of media requests, a form with files or JSON, read into one shape and checked. Pure.

The form's parser is the sandbox's own, and a strict one: it is the second opinion on the forms that
the gateway writes.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any

import httpx
import orjson

from gateway.sandbox.checks import Refused

MAX_PROMPT = 32_000  # characters, as OpenAI's own limit
_TYPE = "invalid_type"
_MAX_HEAD = 4 * 2**10  # bytes; more before a part's content is no head of a part


@dataclass(frozen=True, slots=True)
class File:
    """One file of a request."""

    name: str
    """The field as it was sent: `image`, `image[]`, `images[0].image_url`."""
    content: bytes

    @property
    def param(self) -> str:
        """The field to name in an error: without the brackets that only a form has."""
        return self.name if "." in self.name else self.name.partition("[")[0]


@dataclass(frozen=True, slots=True)
class Given:
    """What a request holds. Each look at a field checks it, and raises Refused."""

    fields: dict[str, Any]
    files: tuple[File, ...] = ()
    is_form: bool = False
    """All fields are texts then: `"3"`, `"true"`."""

    def text(self, name: str, most: int = 200) -> str:
        """A string that has to be there, of 1 to `most` characters."""
        value = self.fields.get(name)
        if value is None:
            message = f"'{name}' is missing; it must be a string."
            raise Refused(message, name, "missing_required_parameter")
        if type(value) is not str:
            raise Refused(f"'{name}' has the wrong type; it must be a string.", name, _TYPE)
        if not 1 <= len(value) <= most:
            right = f"1 to {most} are right"
            raise Refused(f"'{name}' has {len(value)} characters; {right}.", name)
        return value

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number from `least` to `most`; in a form, its digits."""
        value = self.fields.get(name)
        if value is None:
            return default
        if self.is_form and value.isascii() and value.isdigit() and len(value) < 10:
            value = int(value)
        if type(value) is not int:
            raise Refused(f"'{name}' has the wrong type; it must be a whole number.", name, _TYPE)
        if not least <= value <= most:
            raise Refused(f"'{name}' is {value}; it must be from {least} to {most}.", name)
        return value

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """One of `choices`."""
        value = self.fields.get(name)
        if value is None:
            return default
        if type(value) is not str:
            raise Refused(f"'{name}' has the wrong type; it must be a string.", name, _TYPE)
        if value not in choices:
            right = ", ".join(choices)
            raise Refused(f"'{name}' is '{value[:100]}'; known are {right}.", name)
        return value

    def named(self, name: str) -> list[File]:
        """The files of a field: `name`, or several as `name[]` or `name[0]`, `name[1]`."""
        return [file for file in self.files if file.param == name]

    def refuse_stream(self) -> None:
        """The sandbox's pictures come whole."""
        if self.fields.get("stream") not in (None, False, "false"):
            raise Refused(
                "'stream' is not served here; the sandbox's pictures come whole.", "stream"
            )


def given(request: httpx.Request) -> Given:
    """The body of a request, which has been read. Raises Refused."""
    head = Message()
    head["content-type"] = request.headers.get("content-type", "application/json")
    if head.get_content_type() == "multipart/form-data":
        boundary = head.get_boundary()
        if not boundary:
            raise Refused("The Content-Type names no boundary; a form's parts need one.")
        return _form(request.content, boundary.encode())
    try:
        fields = orjson.loads(request.content)
    except orjson.JSONDecodeError:
        message = "The body is neither a form nor JSON; one of them is needed."
        raise Refused(message, code="invalid_json") from None
    if type(fields) is not dict:
        raise Refused("The body is not an object; a request is one.", code=_TYPE)
    return Given(fields)


def referred(reference: Any, path: str) -> File:
    """The file of `{"image_url": "data:…"}`, OpenAI's form of a picture in JSON. Raises Refused."""
    if type(reference) is not dict:
        raise Refused(f"'{path}' has the wrong type; it must be an object.", path, _TYPE)
    if reference.get("file_id") is not None:
        raise Refused(f"'{path}.file_id' is not known; the sandbox keeps no files.", path)
    url = reference.get("image_url")
    if type(url) is not str:
        message = f"'{path}.image_url' is missing; it must be a string."
        raise Refused(message, f"{path}.image_url", "missing_required_parameter")
    return File(f"{path}.image_url", from_data_url(url, f"{path}.image_url"))


def from_data_url(url: str, path: str) -> bytes:
    """The bytes of a data URL. Raises Refused."""
    head, comma, data = url.partition(",")
    if not head.startswith("data:"):
        raise Refused(f"'{path}' is an address; the sandbox has no network: give a data URL.", path)
    try:
        if not comma or not head.endswith(";base64"):
            raise ValueError
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        message = f"'{path}' is no data URL; right is data:image/png;base64, and the picture."
        raise Refused(message, path) from None


def _form(body: bytes, boundary: bytes) -> Given:
    before, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if before or not parts or parts[-1].rstrip(b"\r\n") != b"--":
        raise Refused("The form is not whole; it must begin and end with its boundary.")
    fields: dict[str, Any] = {}
    files = []
    for part in parts[:-1]:
        head, content = _part(part)
        name = head.get_param("name", header="content-disposition")
        if not isinstance(name, str):
            raise Refused("A part of the form has no name; each needs one.")
        if head.get_filename() is not None:
            files.append(File(name, content))
            continue
        try:
            fields[name] = content.decode()
        except UnicodeDecodeError:
            raise Refused(f"'{name[:100]}' is not UTF-8; a text field has to be.", name) from None
    return Given(fields, tuple(files), is_form=True)


def _part(part: bytes) -> tuple[Message, bytes]:
    end = part.find(b"\r\n\r\n", 0, _MAX_HEAD)
    if not part.startswith(b"\r\n") or end < 0:
        raise Refused("A part of the form has no head; each begins with a Content-Disposition.")
    head = Message()
    for line in part[2:end].decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        head[name.strip()] = value.strip()
    return head, part[end + 4 :]

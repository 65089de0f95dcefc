"""OpenAI clients asking for pictures and films: forms and JSON, in all spellings; tasks as answers.

Forms and JSON meet in the same fields before any rule runs. Spellings: `image`, `image[]`,
`image[0]`, `images`, `images[0][image_url]`; `input_reference`, `input_reference[]`,
`input_reference[image_url]`; each a file, an address, a data URL, bare base64, or a list of them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import orjson

from gateway.errors import BadRequest
from gateway.faces.openai import as_url, require, typed
from gateway.shapes import Json

MAX_PICTURES = 16  # OpenAI's own limit
MAX_PROMPT = 32_000  # characters
MAX_MODEL = 200  # characters
MAX_IMAGES = 10
MAX_SECONDS = 3600
_PICTURES = ("image", "images", "mask", "input_reference")
_REFERENCE = ("image_url", "url", "b64_json", "data")
_INDEX = re.compile(r"\[([^\[\]]*)\]")
# Fields of a form that are text whatever they look like.
_TEXTS = frozenset(
    ("prompt", "model", "user", "size", "negative_prompt", "safety_identifier", "style", "quality")
)
_FLAGS = ("async", "stream")  # their text is understood as it is
_SIZE = re.compile(r"[A-Za-z0-9:_.*-]{1,40}")
_NUMBER = re.compile(r"[0-9]{1,18}")  # more digits than Python reads would be an error
_FORMATS = ("b64_json", "url")


@dataclass(frozen=True, slots=True)
class Input:
    """A picture as the caller gave it: a text, or an uploaded file."""

    name: str
    """As the caller wrote the field."""
    text: str = field(default="", repr=False)
    """An address, or a data URL."""
    upload: Any = None
    """Django's uploaded file; opaque here."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call of one of the media endpoints asks for, checked."""

    model: str
    """ "": not said; a remix takes the model of the film it is made from."""
    prompt: str
    inputs: tuple[Input, ...] = ()
    mask: Input | None = None
    n: int = 1
    size: str | None = None
    seconds: int | None = None
    response_format: str = "b64_json"
    is_async: bool = False
    options: Mapping[str, Json] = field(default_factory=dict)


Pairs = Iterable[tuple[str, Any]]


def from_form(texts: Pairs, files: Pairs) -> dict[str, Json]:
    """A form's fields as the JSON that they stand for; files stay what they are."""
    fields: dict[str, Json] = {}
    for name, value in (*texts, *files):
        base, _, rest = name.partition("[")
        keys = _INDEX.findall(f"[{rest}") if rest else []
        if not isinstance(value, str) and base not in _PICTURES:
            raise BadRequest(
                f"'{name[:100]}' is a file; files belong in {', '.join(_PICTURES)}.",
                param=name[:100],
            )
        if base in _PICTURES:
            _add_picture(fields, base, keys, Input(name[:100], upload=value), value)
        else:
            _place(fields, [base, *keys], name, value)
    return fields


def _place(where: Any, keys: list[str], name: str, value: str) -> None:
    """Put the value of `a`, `a[]`, `a[b]` or `a[b][c]` where its name says."""
    for key, inner in pairwise(keys):
        where = where.setdefault(key, {} if inner else []) if isinstance(where, dict) else None
        if not isinstance(where, dict if inner else list):
            what = f"'{name[:100]}' and another field cannot both be; use one spelling of the name."
            raise BadRequest(what, param=name[:100], code="invalid_form")
    if isinstance(where, list):
        where.append(value)
    else:
        where[keys[-1]] = _scalar(keys[-1], value)


def _add_picture(
    fields: dict[str, Json], base: str, keys: list[str], upload: Input, value: Any
) -> None:
    pictures = fields.setdefault(base, [])
    if not isinstance(value, str):
        pictures.append(upload)
    elif value.strip():
        pictures.append({"file_id": value} if keys[-1:] == ["file_id"] else value)


def _scalar(name: str, value: Json) -> Json:
    """A form's text as number, boolean, object or null, where it is one."""
    if not isinstance(value, str) or name in _TEXTS or name in _FLAGS:
        return value
    if value[:1] in "{[-0123456789tfn" and len(value) < 100_000:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def read_images(fields: dict[str, Json], *, edit: bool) -> Asked:
    """A call of images/generations, or with `edit` of images/edits. Raises BadRequest."""
    fields = dict(fields)
    pictures = _pictures(fields, "image", "images")
    if edit and not pictures:
        raise BadRequest(
            "'image' is missing; give the picture to edit as a file, an https URL, a data URL or "
            "base64, or a list of them.",
            param="image",
            code="missing_required_parameter",
        )
    if pictures and not edit:
        raise BadRequest(
            "'image' belongs to images/edits; images/generations makes pictures from words alone.",
            param="image",
        )
    masks = _pictures(fields, "mask")
    if len(masks) > 1:
        raise BadRequest("'mask' is given more than once; one mask is allowed.", param="mask")
    stream, partial = _flag(fields, "stream"), fields.pop("partial_images", None)
    if stream or partial:
        raise BadRequest(
            "'stream' is not supported for images: the answer comes whole. Leave 'stream' and "
            "'partial_images' out, or ask with ?async=true and poll.",
            param="stream" if stream else "partial_images",
            code="unsupported_parameter",
        )
    response_format = fields.pop("response_format", None) or "b64_json"
    if response_format not in _FORMATS:
        raise BadRequest(
            f"'response_format' is {_shown(response_format)}; it must be b64_json or url.",
            param="response_format",
        )
    return Asked(
        model=_model(fields),
        prompt=_prompt(fields),
        inputs=tuple(pictures),
        mask=masks[0] if masks else None,
        n=_count(fields, "n", MAX_IMAGES) or 1,
        size=_size(fields),
        response_format=response_format,
        is_async=_flag(fields, "async"),
        options=_options(fields, "image"),
    )


def read_video(fields: dict[str, Json], *, remix: bool = False) -> Asked:
    """A call of videos, or of videos/{id}/remix, which may leave the model out."""
    fields = dict(fields)
    _flag(fields, "async")  # a film is always a task
    fields.pop("response_format", None)
    return Asked(
        model=_model(fields, required=not remix),
        prompt=_prompt(fields),
        inputs=tuple(_pictures(fields, "input_reference")),
        size=_size(fields),
        seconds=_count(fields, "seconds", MAX_SECONDS),
        is_async=True,
        options=_options(fields, "input_reference"),
    )


def _model(fields: dict[str, Json], *, required: bool = True) -> str:
    if not required and not fields.get("model"):
        fields.pop("model", None)
        return ""
    model: str = require(fields, "model", str)
    del fields["model"]
    if not model.strip():
        raise BadRequest("'model' is empty; name a model.", param="model")
    if len(model) > MAX_MODEL:
        raise BadRequest(
            f"'model' has {len(model)} characters; {MAX_MODEL} are the most.", param="model"
        )
    return model


def _prompt(fields: dict[str, Json]) -> str:
    prompt: str = require(fields, "prompt", str)
    del fields["prompt"]
    if not prompt.strip():
        raise BadRequest("'prompt' is empty; say what is to be made.", param="prompt")
    if len(prompt) > MAX_PROMPT:
        raise BadRequest(
            f"'prompt' has {len(prompt)} characters; {MAX_PROMPT} are the most.", param="prompt"
        )
    return prompt


def _count(fields: dict[str, Json], name: str, most: int) -> int | None:
    """A whole number, which SDKs also send as text."""
    value = fields.pop(name, None)
    if value is None or value == "":
        return None
    number = int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value
    if type(number) is float and number.is_integer():
        number = int(number)
    if type(number) is not int or not 1 <= number <= most:
        raise BadRequest(
            f"'{name}' is {_shown(value)}; it must be a whole number from 1 to {most}.", param=name
        )
    return number


def _size(fields: dict[str, Json]) -> str | None:
    size = fields.pop("size", None)
    if size is None or size in ("auto", ""):
        return None
    if not isinstance(size, str) or not _SIZE.fullmatch(size):
        raise BadRequest(
            f"'size' is {_shown(size)}; it must be width x height, such as 1024x1024.", param="size"
        )
    return size


def _flag(fields: dict[str, Json], name: str) -> bool:
    value = fields.pop(name, None)
    return is_true(value) if isinstance(value, str) else bool(typed(value or False, name, bool))


def is_true(text: str) -> bool:
    """Whether a query's or form's text says yes."""
    return text.strip().lower() in ("true", "1", "yes", "on")


def _options(fields: dict[str, Json], pictures: str) -> dict[str, Json]:
    """What is left. Raises BadRequest for pictures under a name that has no meaning here."""
    for name in _PICTURES:
        if fields.get(name):
            raise BadRequest(
                f"'{name}' has no meaning here; pictures belong in '{pictures}'.", param=name
            )
        fields.pop(name, None)
    return {name: value for name, value in fields.items() if value is not None and value != ""}


def _pictures(fields: dict[str, Json], *names: str) -> list[Input]:
    """All pictures under these names, in their order."""
    found: list[Input] = []
    for name in names:
        value = fields.pop(name, None)
        if value is None:
            continue
        several = isinstance(value, list)
        for place, item in enumerate(value if several else [value]):
            if len(found) == MAX_PICTURES:  # before a million of them are looked at
                raise BadRequest(
                    f"'{name}' holds more than {MAX_PICTURES} pictures, the most.", param=name
                )
            path = f"{name}[{place}]" if several and len(value) > 1 else name
            found.append(_picture(item, path))
    return found


def _picture(item: Json, path: str) -> Input:
    if isinstance(item, Input):
        return item
    if isinstance(item, dict):
        if "file_id" in item:
            raise BadRequest(
                f"'{path}.file_id' names an uploaded file; there are none here. Send the picture "
                "itself, or its https URL.",
                param=path,
            )
        inner = next((item[name] for name in _REFERENCE if item.get(name)), None)
        item = inner.get("url") if isinstance(inner, dict) else inner
    if not isinstance(item, str):
        raise BadRequest(
            f"'{path}' is no picture; give an https URL, a data URL or base64, or in a form a "
            "file.",
            param=path,
            code="invalid_type",
        )
    return Input(path, as_url(item.strip(), path, "a picture"))


def _shown(value: Json) -> str:
    return orjson.dumps(value, default=str).decode()[:100]

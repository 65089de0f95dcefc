"""Values of JSON that anybody may have sent, taken for what they should be. Pure.

What is of another type counts as nothing: a client is not to be failed by a platform's odd field.
"""

import re

from gateway.shapes import Json


def as_text(value: Json) -> str:
    """A string; "" for all else."""
    return value if isinstance(value, str) else ""


def as_object(value: Json) -> dict[str, Json]:
    """An object; an empty one for all else."""
    return value if isinstance(value, dict) else {}


def as_objects(value: Json) -> list[dict[str, Json]]:
    """The objects of a list; none for all else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def as_count(value: Json) -> int:
    """A whole number above 0; 0 for all else."""
    return value if type(value) is int and value > 0 else 0


def size(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def camel(name: str) -> str:
    """A field's name as Google's own documents spell it."""
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name) if "_" in name else name

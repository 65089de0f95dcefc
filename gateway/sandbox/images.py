"""The sandbox's image models: they draw the prompt, and below it what they were given to edit.

Models: `sandbox-image`, and with failures by name `sandbox-image-429`, `-500`, `-slow`,
`-moderated`; `-truncated`, `-empty`, `-html` and `-base64` answer 200 with a picture that is none.
"""

import asyncio
import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from gateway.sandbox import replies
from gateway.sandbox.answers import Answer, Asked, error, failed, too_many, unknown_model
from gateway.sandbox.checks import Refused
from gateway.sandbox.forms import MAX_PROMPT, File, Given, given, referred
from gateway.sandbox.looks import FORMATS, Format, Look

if TYPE_CHECKING:
    from gateway.sandbox.drawing import Seen

MAX_PICTURES = 10  # values of `n`, as OpenAI's own limit
MAX_INPUTS = 16  # as OpenAI's own limit
LEAST, MOST = 16, 2048  # pixels of a side
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
_PIXELS_PER_TOKEN = 1024  # made up; 1024x1024 then costs 1024 tokens
_FAILURES: dict[str, Callable[[], Answer]] = {
    "sandbox-image-429": too_many,
    "sandbox-image-500": failed,
    "sandbox-image-moderated": lambda: error(
        400,
        "The prompt was refused by the content rules, as this model's name promises.",
        "moderation_blocked",
    ),
}
_SPOILT: dict[str, Callable[[bytes], str]] = {
    "sandbox-image-truncated": lambda file: _base64(file[: len(file) // 2]),
    "sandbox-image-empty": lambda file: "",
    "sandbox-image-html": lambda file: _base64(HTML),
    "sandbox-image-base64": lambda file: "This is not base64!",
}
"""What stands in `b64_json` instead of the picture."""
MODELS = ("sandbox-image", "sandbox-image-slow", *_FAILURES, *_SPOILT)


@dataclass(frozen=True, slots=True)
class _Order:
    model: str
    prompt: str
    n: int
    quality: str
    look: Look
    inputs: tuple[File, ...] = ()


async def generations(asked: Asked) -> Answer:
    """`POST /v1/images/generations`. Raises Refused."""
    return await _answer(asked, _order(given(asked.request)))


async def edits(asked: Asked) -> Answer:
    """`POST /v1/images/edits`, a form with files or JSON with data URLs. Raises Refused."""
    body = given(asked.request)
    return await _answer(asked, _order(body, _inputs(body)))


def _order(body: Given, inputs: tuple[File, ...] = ()) -> _Order:
    body.refuse_stream()
    body.choice("response_format", ("b64_json",), "b64_json")
    quality = body.choice("quality", ("auto", "low", "medium", "high"), "auto")
    return _Order(
        model=body.text("model"),
        prompt=body.text("prompt", MAX_PROMPT),
        n=body.whole("n", 1, 1, MAX_PICTURES),
        quality="medium" if quality == "auto" else quality,
        look=_look(body),
        inputs=inputs,
    )


def _look(body: Given) -> Look:
    width, height = size(body.fields.get("size"))
    chosen = body.choice("output_format", FORMATS, "png")
    format: Format = next(known for known in FORMATS if known == chosen)
    compression = body.whole("output_compression", 100, 0, 100)
    if format == "png" and compression != 100:
        message = "'output_compression' is for jpeg and webp; 'output_format' is png."
        raise Refused(message, "output_compression")
    background = body.choice("background", ("auto", "opaque", "transparent"), "auto")
    if format == "jpeg" and background == "transparent":
        message = "'background' is transparent; 'output_format' has to be png or webp then."
        raise Refused(message, "background")
    return Look(width, height, format, compression, background == "transparent")


def size(value: object) -> tuple[int, int]:
    """Width and height; 1024x1024 where nothing is said. Raises Refused."""
    if value is None or value == "auto":
        return 1024, 1024
    if not isinstance(value, str):
        raise Refused("'size' has the wrong type; it must be a string.", "size", "invalid_type")
    sides = _SIZE.fullmatch(value)
    if not sides or not all(LEAST <= int(side) <= MOST for side in sides.groups()):
        right = f"auto or WIDTHxHEIGHT is right, each side from {LEAST} to {MOST}"
        raise Refused(f"'size' is '{value[:100]}'; {right}.", "size")
    return int(sides[1]), int(sides[2])


def _inputs(body: Given) -> tuple[File, ...]:
    """The pictures to edit, and the mask last."""
    name = "image" if body.is_form else "images"
    if body.is_form:
        files, masks = body.named("image"), body.named("mask")
    else:
        references = body.fields.get("images")
        if references is not None and type(references) is not list:
            message = "'images' has the wrong type; it must be an array."
            raise Refused(message, "images", "invalid_type")
        files = [referred(one, f"images[{n}]") for n, one in enumerate(references or ())]
        mask = body.fields.get("mask")
        masks = [referred(mask, "mask")] if mask is not None else []
    if not files:
        message = f"'{name}' is missing; at least one picture is needed."
        raise Refused(message, name, "missing_required_parameter")
    if len(files) > MAX_INPUTS:
        raise Refused(f"'{name}' has {len(files)} pictures; {MAX_INPUTS} are most.", name)
    if len(masks) > 1:
        raise Refused(f"'mask' has {len(masks)} files; one is right.", "mask")
    return (*files, *masks)


async def _answer(asked: Asked, order: _Order) -> Answer:
    if order.model in _FAILURES:
        return _FAILURES[order.model]()
    if order.model not in MODELS:
        return unknown_model(order.model)
    if order.model == "sandbox-image-slow":
        await asyncio.sleep(asked.pace.slow_picture_s)
    return await asyncio.to_thread(_made, order, asked.now_ms // 1000)


def _made(order: _Order, created: int) -> Answer:
    from gateway.sandbox import drawing  # loads Pillow: see looks.py

    inputs = [drawing.seen(file) for file in order.inputs]
    _check_mask(order.inputs, inputs)
    encode = _SPOILT.get(order.model, _base64)
    data = []
    for number in range(1, order.n + 1):
        label = "sandbox" if order.n == 1 else f"sandbox {number}/{order.n}"
        data.append({"b64_json": encode(drawing.drawn(order.look, order.prompt, label, inputs))})
    body = {
        "created": created,
        "background": "transparent" if order.look.transparent else "opaque",
        "output_format": order.look.format,
        "size": f"{order.look.width}x{order.look.height}",
        "quality": order.quality,
        "data": data,
        "usage": _usage(order, inputs),
    }
    return Answer((orjson.dumps(body),))


def _check_mask(files: Sequence[File], inputs: Sequence["Seen"]) -> None:
    if not files or not files[-1].name.startswith("mask"):
        return
    (width, height), first = inputs[-1].size, inputs[0].size
    if (width, height) != first:
        right = f"the first picture's {first[0]}x{first[1]} is right"
        raise Refused(f"'mask' has {width}x{height} pixels; {right}.", "mask")


def _usage(order: _Order, inputs: Sequence["Seen"]) -> dict[str, object]:
    text = len(replies.tokens(order.prompt))
    read = sum(_tokens(*one.thumbnail.size) for one in inputs)
    made = order.n * _tokens(order.look.width, order.look.height)
    return {
        "input_tokens": text + read,
        "output_tokens": made,
        "total_tokens": text + read + made,
        "input_tokens_details": {"text_tokens": text, "image_tokens": read},
        "output_tokens_details": {"image_tokens": made, "text_tokens": 0},
    }


def _tokens(width: int, height: int) -> int:
    return -(-width * height // _PIXELS_PER_TOKEN)


def _base64(file: bytes) -> str:
    return base64.b64encode(file).decode("ascii")

"""Asking the sandbox for pictures, and looking at them."""

import base64
import io
from typing import Any

import httpx
from PIL import Image

from tests.gateway.sandbox.asking import ask, client, picture

GENERATIONS, EDITS = "images/generations", "images/edits"
ASKED = {"model": "sandbox-image", "prompt": "A harbour"}
DATA_URL = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
Files = list[tuple[str, tuple[str, bytes, str]]]


def files(*names: str, content: bytes | None = None) -> Files:
    content = picture() if content is None else content
    return [(name, ("a.png", content, "image/png")) for name in names]


async def generate(**over: Any) -> httpx.Response:
    return await ask(path=GENERATIONS, **{**ASKED, "size": "64x48", **over})


async def edit(sent: Files, **over: str) -> httpx.Response:
    async with client() as sandbox:
        return await sandbox.post(EDITS, data={**ASKED, "size": "320x200", **over}, files=sent)


def opened(row: dict[str, str]) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(row["b64_json"], validate=True)))
    image.load()
    return image


def reds(image: Image.Image) -> int:
    """How many pixels are of the inputs' colour, which no background and no letter has."""
    colours = image.convert("RGB").getcolors(image.width * image.height)
    assert colours is not None
    return sum(
        count
        for count, colour in colours
        if isinstance(colour, tuple) and colour[0] > 200 and max(colour[1:]) < 60
    )

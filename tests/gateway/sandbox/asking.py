"""Asking the sandbox directly, as the gateway would over the network; without its pauses."""

import io
from collections.abc import Callable
from typing import Any

import httpx
from PIL import Image

from gateway.sandbox import SandboxTransport, now_ms
from gateway.sandbox.answers import Pace

URL = "sandbox://local/v1"


PACE = Pace(token_s=0, slow_first_s=0, slow_token_s=0, slow_picture_s=0)


def client(clock: Callable[[], int] = now_ms) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=SandboxTransport(PACE, clock), base_url=f"{URL}/")


async def ask(method: str = "POST", path: str = "chat/completions", **chat: Any) -> httpx.Response:
    async with client() as sandbox:
        return await sandbox.request(
            method, f"{URL}/{path}", json=chat if method == "POST" else None
        )


def said(text: str = "Hello") -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def picture(size: tuple[int, int] = (40, 30), format: str = "PNG") -> bytes:
    """A picture's file, all red."""
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, format)
    return file.getvalue()

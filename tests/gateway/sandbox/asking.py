"""Asking the sandbox directly, as the gateway would over the network; without its pauses."""

from typing import Any

import httpx

from gateway.sandbox import SandboxTransport
from gateway.sandbox.answers import Pace

URL = "sandbox://local/v1"


def client() -> httpx.AsyncClient:
    pace = Pace(token_s=0, slow_first_s=0, slow_token_s=0)
    return httpx.AsyncClient(transport=SandboxTransport(pace))


async def ask(method: str = "POST", path: str = "chat/completions", **chat: Any) -> httpx.Response:
    async with client() as sandbox:
        return await sandbox.request(
            method, f"{URL}/{path}", json=chat if method == "POST" else None
        )


def said(text: str = "Hello") -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]

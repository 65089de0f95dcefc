"""Many clients at once against a real server; what each of them saw, to the byte."""

import asyncio
from dataclasses import dataclass, field

import httpx


@dataclass
class Seen:
    """What the clients saw."""

    complete: list[str] = field(default_factory=list)
    """Ids of answers that were whole."""
    broken: list[str] = field(default_factory=list)
    """What was wrong with answers that had begun."""
    refused: int = 0
    """Calls that found nobody listening."""


async def run(
    url: str, key: str, clients: int, stop: asyncio.Event, *, model: str, seen: Seen | None = None
) -> Seen:
    """Clients that call in turn, blocking and streamed, until `stop`; `seen` may be looked at."""
    seen = seen or Seen()
    limits = httpx.Limits(max_connections=None)
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=30) as client,
        asyncio.TaskGroup() as group,
    ):
        for number in range(clients):
            group.create_task(_calls(client, seen, stop, model, streamed=bool(number % 2)))
    return seen


async def _calls(
    client: httpx.AsyncClient, seen: Seen, stop: asyncio.Event, model: str, *, streamed: bool
) -> None:
    while not stop.is_set():
        body = {
            "model": model,
            "messages": [{"role": "user", "content": "Hello there"}],
            "stream": streamed,
        }
        began = ""
        try:
            async with client.stream("POST", "chat/completions", json=body) as response:
                began = response.headers["x-request-id"]
                text = "".join([piece async for piece in response.aiter_text()])
        except httpx.TransportError as error:
            if began:
                seen.broken.append(f"{began}: {error!r}")
            else:
                seen.refused += 1
            await asyncio.sleep(0.01)
            continue
        whole = text.endswith("data: [DONE]\n\n") if streamed else text.endswith("}")
        if response.status_code == 200 and whole:
            seen.complete.append(began)
        else:
            seen.broken.append(f"{began}: {response.status_code} {text[-200:]}")

"""Asking the sandbox for videos, at any time one likes."""

import base64
from dataclasses import dataclass
from typing import Any

import httpx

from tests import openai_schema
from tests.gateway.sandbox.asking import PACE, client, picture

ASKED = {"model": "sandbox-video", "prompt": "Waves"}
FORM = {**ASKED, "seconds": "8"}
DONE_MS = int(PACE.film_s * 1000)
SLOW_MS = int(PACE.slow_film_s * 1000)
DATA_URL = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"


@dataclass
class Clock:
    """Stands still until it is moved."""

    ms: int = 1_790_000_000_900

    def __call__(self) -> int:
        return self.ms


async def call(clock: Clock, method: str, path: str, **sent: Any) -> httpx.Response:
    """Each call asks a sandbox of its own: it must not depend on what an earlier one did."""
    async with client(clock) as sandbox:
        return await sandbox.request(method, path, **sent)


async def create(clock: Clock, **over: Any) -> dict[str, Any]:
    response = await call(clock, "POST", "videos", json={**ASKED, **over})
    video: dict[str, Any] = response.json()
    openai_schema.video(video)
    return video


async def show(clock: Clock, id: str) -> dict[str, Any]:
    video: dict[str, Any] = (await call(clock, "GET", f"videos/{id}")).json()
    if video["status"] != "dreaming":
        openai_schema.video(video)
    return video


async def finished(model: str = "sandbox-video", **over: Any) -> tuple[Clock, str]:
    """The id of a video that is done, and the time that it is then."""
    clock = Clock()
    video = await create(clock, model=model, **over)
    clock.ms += DONE_MS
    return clock, f"videos/{video['id']}"

"""Killed or stopped under load: nothing that a client saw is lost or booked twice."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live import load
from tests.live.server import Server, served

pytestmark = pytest.mark.live

BOOKED = """
from gateway.models import UsageRecord, UsageDay
from django.db.models import Sum
records = UsageRecord.objects
names = ("prompt_tokens", "completion_tokens", "cost_micros")
result = {
    "ids": list(records.values_list("request_id", flat=True)),
    "outcomes": list(records.values_list("outcome", flat=True)),
    "of_records": [records.count(), *(records.aggregate(s=Sum(n))["s"] for n in names)],
    "of_days": [UsageDay.objects.aggregate(s=Sum(n))["s"] for n in ("requests", *names)],
}
"""


async def loaded(server: Server, key: str, seconds: float, clients: int = 60) -> Any:
    """Load for a while; a task that ends when `stop` is set."""
    stop, seen = asyncio.Event(), load.Seen()
    url = f"{server.url}/sandbox/v1/"
    task = asyncio.get_running_loop().create_task(
        load.run(url, key, clients, stop, model="sandbox-chat", seen=seen)
    )
    async with asyncio.timeout(30):  # a busy machine needs longer than a quiet one
        while len(seen.complete) <= 50:
            await asyncio.sleep(0.01)
    await asyncio.sleep(seconds)
    return task, stop


@pytest.mark.parametrize("seconds", [0.7, 1.1, 1.6])
async def test_what_a_client_saw_whole_survives_kill_9_exactly_once(
    tmp_path: Path, seconds: float
) -> None:
    with served(tmp_path) as server:
        key = server.prepare()
        server.start()
        task, stop = await loaded(server, key, seconds)
        server.kill()
        stop.set()
        seen = await task
        server.start()
        server.stop()

        booked = server.query(BOOKED)

    assert len(seen.complete) > 50
    counts = Counter(booked["ids"])
    assert [id for id in seen.complete if counts[id] != 1] == []
    assert max(counts.values()) == 1
    assert booked["of_records"] == booked["of_days"]


async def test_sigterm_breaks_no_answer_and_books_all(tmp_path: Path) -> None:
    with served(tmp_path, TOKENS_DRAIN_S="15") as server:
        key = server.prepare()
        server.start()
        task, stop = await loaded(server, key, 1.0)
        code = await asyncio.to_thread(server.stop)
        stop.set()
        seen = await task

        booked = server.query(BOOKED)

    assert code == 0
    assert seen.broken == []
    assert len(seen.complete) > 50
    assert sorted(seen.complete) == sorted(booked["ids"])
    assert booked["of_records"] == booked["of_days"]


async def test_a_stream_longer_than_the_drain_time_ends_with_an_error(tmp_path: Path) -> None:
    with served(tmp_path, TOKENS_DRAIN_S="1") as server:
        key = server.prepare()
        server.start()
        body = {
            "model": "sandbox-slow",
            "messages": [{"role": "user", "content": "word " * 200}],
            "stream": True,
        }
        async with (
            httpx.AsyncClient(timeout=20) as client,
            client.stream(
                "POST",
                f"{server.url}/sandbox/v1/chat/completions",
                json=body,
                headers={"Authorization": f"Bearer {key}"},
            ) as response,
        ):
            pieces = response.aiter_text()
            text = await anext(pieces)
            stopping = asyncio.get_running_loop().create_task(asyncio.to_thread(server.stop))
            text += "".join([piece async for piece in pieces])
            code = await stopping

        booked = server.query(BOOKED)

    assert code == 0
    assert "[DONE]" not in text
    assert '"code":"shutting_down"' in text.rstrip().split("\n")[-1]
    assert booked["outcomes"] == ["truncated"]

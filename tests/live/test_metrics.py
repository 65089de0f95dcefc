"""Metrics of a real server with two workers, over its main port and a port of its own."""

import asyncio
import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from gateway.metrics import series
from gateway.metrics.shared import Shared
from tests.gateway.metrics_text import Samples, samples
from tests.gateway.redis_server import running_redis
from tests.live.server import Server, free_port, served
from tests.live.test_workers import until_workers, workers

pytestmark = pytest.mark.live
TOKEN = "a-token-for-the-scraper"
CALLS = 20


def completed(found: Samples) -> float:
    return sum(
        value
        for key, value in found.items()
        if key[0] == series.REQUESTS and {"completed", "sandbox"} <= set(key)
    )


def written(server: Server) -> float:
    """Calls in the workers' files; what a worker has counted since it wrote dies with it."""
    found = Shared(server.folder / "metrics").others()
    return completed({key: values[0] for key, values in found.items()})


def scraped(url: str) -> Samples:
    """Any worker's answer; a connection that the killed one had is tried again."""
    end = time.monotonic() + 20
    while True:
        try:
            answer = httpx.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=5)
        except httpx.TransportError:
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            assert answer.status_code == 200
            return samples(answer.text)


def call(server: Server) -> None:
    body = {"model": "sandbox-chat", "messages": [{"role": "user", "content": "Hello"}]}
    answer = httpx.post(
        f"{server.url}/sandbox/v1/chat/completions",
        json=body,
        headers={"Authorization": f"Bearer {server.key}"},
        timeout=20,
    )
    assert answer.status_code == 200


async def test_whichever_worker_is_asked_says_what_all_have_counted(tmp_path: Path) -> None:
    port = free_port()
    settings = {"TOKENS_METRICS_TOKEN": TOKEN, "TOKENS_METRICS_PORT": str(port)}
    with running_redis() as url, served(tmp_path, REDIS_URL=url, **settings) as server:
        server.prepare()
        server.options = ("--workers", "2")
        server.start()
        await until_workers(server, 2)
        for _ in range(CALLS):
            call(server)

        main, own = f"{server.url}/metrics", f"http://127.0.0.1:{port}/metrics"
        async with asyncio.timeout(10):  # each worker writes once a second
            while written(server) != CALLS:
                await asyncio.sleep(0.1)
        assert {completed(scraped(place)) for place in (main, main, main, own)} == {CALLS}
        for victim in workers(server):  # one of them has the port
            os.kill(victim, signal.SIGKILL)
            await until_workers(server, 2, apart_from=victim)
            assert completed(scraped(own)) == CALLS
        assert completed(scraped(main)) == CALLS
        assert server.stop() == 0
        assert "Traceback" not in server.log()

"""Three machines behind one nginx, over one PostgreSQL and one Redis, are one gateway."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.databases import database_of_its_own
from tests.gateway.redis_server import running_redis
from tests.live.nginx import nginx
from tests.live.server import Server, served
from tests.upstreams import DONE, Connection, Play, Upstream, chunk, running_upstream, sse

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("live-three-machines"),
]
SHARED = {
    "TOKENS_SECRET_KEY": "s" * 50,
    "TOKENS_LICENCE_PEPPER": "p" * 50,
    "TOKENS_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "TOKENS_BUDGET_WAIT_S": "30",
}
PRICED = """
from licences.issuing import issue
from platforms.models import ModelMapping, Platform
ModelMapping.objects.update_or_create(
    platform=Platform.objects.get(slug="up"),
    public_name="m-request",
    defaults={"price_request_micros": 1000},
)
result = issue(name="ten calls", budget_total_micros=10_000)[1]
"""
BOOKED = """
from django.db.models import Sum
from gateway.models import UsageDay, UsageRecord
result = {
    "records": UsageRecord.objects.filter(status=200).count(),
    "micros": UsageRecord.objects.aggregate(sum=Sum("cost_micros"))["sum"] or 0,
    "day_micros": UsageDay.objects.aggregate(sum=Sum("cost_micros"))["sum"] or 0,
}
"""


@dataclass
class Site:
    """The whole of it."""

    url: str
    """nginx's."""
    machines: list[Server]
    upstream: Upstream

    @property
    def key(self) -> str:
        return self.machines[0].key

    def chat(self, url: str = "", key: str = "", **over: Any) -> httpx.Response:
        return httpx.post(
            f"{url or self.url}/up/v1/chat/completions",
            json={"model": "m", "messages": [{"role": "user", "content": "Hello"}], **over},
            headers={"Authorization": f"Bearer {key or self.key}"},
            timeout=60,
        )

    def everywhere(self, key: str) -> list[int]:
        """What each machine answers to this key."""
        return [self.chat(machine.url, key).status_code for machine in self.machines]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:
        settings = {
            **SHARED,
            "DATABASE_URL": stack.enter_context(database_of_its_own()),
            "REDIS_URL": stack.enter_context(running_redis()),
        }
        upstream = stack.enter_context(running_upstream())
        machines = [
            stack.enter_context(served(tmp_path_factory.mktemp(f"machine-{n}"), **settings))
            for n in range(3)
        ]
        folder = tmp_path_factory.mktemp("nginx")
        url = stack.enter_context(nginx(folder, [machine.port for machine in machines]))
        key = machines[0].prepare(upstream.base_url)
        with ThreadPoolExecutor(3) as threads:  # all at once, as after a power cut
            list(threads.map(Server.start, machines))
        for machine in machines:
            machine.key = key
        yield Site(url, machines, upstream)


def within_a_second(holds: Any) -> None:
    """Fails the test if it does not. What was asked before the second was over counts."""
    end = time.monotonic() + 1.0
    while not holds():
        assert time.monotonic() < end, "a second was not enough"
        time.sleep(0.02)


def held(go_on: asyncio.Event) -> Play:
    """A stream whose second half comes when the test has set `go_on`."""
    loop = asyncio.get_running_loop()  # the test's; the upstream has another

    async def play(peer: Connection) -> None:
        await peer.head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
        await peer.piece(sse(chunk("first")))
        waited = asyncio.run_coroutine_threadsafe(go_on.wait(), loop)
        await asyncio.wait_for(asyncio.wrap_future(waited), 60)
        await peer.piece(sse(chunk("last"), chunk(reason="stop")) + DONE)
        await peer.send(b"0\r\n\r\n")

    return play


async def streamed(site: Site, url: str, begun: asyncio.Event) -> str:
    """All text of a stream; sets `begun` when its first event is there."""
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}
    headers = {"Authorization": f"Bearer {site.key}"}
    text = ""
    async with (
        httpx.AsyncClient(timeout=60) as client,
        client.stream("POST", f"{url}/up/v1/chat/completions", json=body, headers=headers) as got,
    ):
        async for piece in got.aiter_text():
            text += piece
            if "first" in text:
                begun.set()
    return text


async def test_nginx_passes_each_event_on_at_once(site: Site) -> None:
    """The upstream sends its last event only after the client has seen the first."""
    seen = asyncio.Event()
    site.upstream.plays.append(held(seen))

    text = await streamed(site, site.url, seen)

    assert "last" in text
    assert text.endswith("data: [DONE]\n\n")


def test_a_licence_acts_on_all_machines_within_a_second_and_so_does_its_end(site: Site) -> None:
    issued = json.loads(site.machines[0].manage("licence", "issue", "--name", "eve", "--json"))
    within_a_second(lambda: site.everywhere(issued["key"]) == [200, 200, 200])

    site.machines[1].manage("licence", "revoke", str(issued["id"]))
    within_a_second(lambda: site.everywhere(issued["key"]) == [401, 401, 401])


async def test_a_budget_for_ten_is_ten_over_all_machines(site: Site) -> None:
    key = site.machines[0].query(PRICED)
    within_a_second(lambda: 401 not in _known(site, key))
    calls = await _at_once(site, key, 200, model="m-request")

    assert Counter(calls) == {200: 10, 429: 190}


def _known(site: Site, key: str) -> list[int]:
    headers = {"Authorization": f"Bearer {key}"}
    return [
        httpx.get(f"{one.url}/up/v1/models/none", headers=headers, timeout=20).status_code
        for one in site.machines
    ]


async def _at_once(site: Site, key: str, count: int, model: str = "m") -> list[int]:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    limits = httpx.Limits(max_connections=count)
    async with (
        httpx.AsyncClient(timeout=90, limits=limits) as client,
        asyncio.TaskGroup() as group,
    ):
        headers = {"Authorization": f"Bearer {key}"}
        url = f"{site.url}/up/v1/chat/completions"
        calls = [
            group.create_task(client.post(url, json=body, headers=headers)) for _ in range(count)
        ]
    return [call.result().status_code for call in calls]


async def test_a_killed_machine_costs_others_callers_nothing_and_sums_are_right(
    site: Site,
) -> None:
    """Killed, stopped, and begun again."""
    victim, *others = reversed(site.machines)
    go_on = asyncio.Event()
    begun = [asyncio.Event() for _ in range(20)]
    site.upstream.plays += [held(go_on)] * len(begun)
    async with asyncio.TaskGroup() as group:
        streams = [
            group.create_task(streamed(site, others[number % 2].url, event))
            for number, event in enumerate(begun)
        ]
        for event in begun:
            await asyncio.wait_for(event.wait(), 60)
        victim.kill()
        through_nginx = await _at_once(site, site.key, 60)
        go_on.set()

    assert all(one.result().endswith("data: [DONE]\n\n") for one in streams)
    assert Counter(through_nginx) == {200: 60}
    victim.start()  # books what its journal still holds
    for machine in site.machines:
        assert machine.stop() == 0
    booked = victim.query(BOOKED)
    chats = [request for request in site.upstream.requests if request.body]  # not lists of models
    assert booked["records"] == len(chats)
    priced = [request for request in chats if request.json["model"] == "m-request"]
    assert booked["micros"] == booked["day_micros"] == 1000 * len(priced)
    for machine in site.machines:  # for the tests that may come after
        machine.start()

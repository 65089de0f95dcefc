"""Keys that are told to go slower or refused, on real servers: what clients see, who is asked."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from bench.chaos import machines
from bench.chaos.machines import Machine
from tests.upstreams import Connection, Play, Upstream, answer, completion

pytestmark = pytest.mark.live
KEYS = 5
RATE = {
    "error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}
}
REFUSED = {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}


@dataclass
class Account:
    """The platform's side of five keys: what it answers each, and when each was asked."""

    plays: dict[str, Callable[[], Play]] = field(default_factory=dict)
    """Default: a whole answer."""
    asked: list[tuple[float, str]] = field(default_factory=list)
    """Chats: when, and with which key."""

    async def play(self, peer: Connection) -> None:
        key = peer.request.headers["authorization"].removeprefix("Bearer secret-")
        if peer.request.method == "POST":
            self.asked.append((time.monotonic(), key))
            # As a platform takes some time: so calls overlap.
            await asyncio.sleep(0.02)
        await self.plays.get(key, lambda: answer(completion(key)))()(peer)

    def counts(self) -> Counter[str]:
        """Chats so far, by key."""
        return Counter(key for _at, key in self.asked)


@dataclass
class Site:
    """Some servers over one database, in front of one account."""

    machines: list[Machine]
    account: Account
    client: httpx.AsyncClient
    key: str

    async def chat(self, machine: int = 0, **over: Any) -> httpx.Response:
        """One blocking chat."""
        return await self.client.post(
            f"{self.machines[machine].url}/up/v1/chat/completions",
            json={"model": "m-1", "messages": [{"role": "user", "content": "Hello"}], **over},
            headers={"Authorization": f"Bearer {self.key}"},
        )


@contextlib.asynccontextmanager
async def running(folder: Path, count: int = 1, **settings: str) -> AsyncIterator[Site]:
    account = Account()
    upstream = Upstream(account.play)
    shared = machines.environment(folder, f"sqlite:///{folder}/tokens.sqlite3", "") | settings
    async with upstream, httpx.AsyncClient(timeout=20) as client:
        credentials: dict[str, Any] = {f"k{number}": {} for number in range(KEYS)}
        platform = {"slug": "up", "fields": {"base_url": f"{upstream.base_url}/v1"}}
        plan = {
            "platforms": [{**platform, "credentials": credentials, "models": {}}],
            "licences": [{"name": "ada"}],
        }
        prepared = await machines.inside(shared, "prepare", stdin=orjson.dumps(plan))
        [[_id, key]] = orjson.loads(prepared)["licences"]
        async with machines.running(count, folder, shared) as started:
            yield Site(started, account, client, key)


def rate(**headers: str) -> Callable[[], Play]:
    return lambda: answer(RATE, 429, **headers)


async def test_a_storm_on_one_of_five_keys_costs_clients_no_error(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        site.account.plays["k0"] = rate(retry_after="1")
        seconds, clients = 4.0, 10
        statuses: Counter[int] = Counter()
        end = time.monotonic() + seconds

        async def call(number: int) -> None:
            while time.monotonic() < end:
                response = await site.chat(user=f"conversation {number}", stream=False)
                statuses[response.status_code] += 1

        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                group.create_task(call(number))

    counts = site.account.counts()
    assert statuses.keys() == {200}
    assert sum(counts[key] for key in ("k1", "k2", "k3", "k4")) == statuses[200] > 100
    # Each time its rest is over, those calls learn of the next one that are on the way by then.
    assert 1 <= counts["k0"] <= (seconds + 1) * clients


def soon() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)


FORMS: dict[str, Callable[[], dict[str, str]]] = {
    "seconds": lambda: {"retry_after": "3"},
    "milliseconds": lambda: {"retry_after_ms": "3000"},
    "date": lambda: {
        "retry_after": soon(),
        "date": format_datetime(datetime.now(UTC), usegmt=True),
    },
}


@pytest.mark.parametrize("form", FORMS)
async def test_all_five_resting_is_a_429_that_says_when_the_first_is_free(
    tmp_path: Path, form: str
) -> None:
    async with running(tmp_path, TOKENS_QUEUE_S="1") as site:
        for number in range(KEYS):
            site.account.plays[f"k{number}"] = lambda: answer(RATE, 429, **FORMS[form]())
        began = time.monotonic()
        first = await site.chat()
        took = time.monotonic() - began
        again = await site.chat()
        asked = site.account.counts()

        site.account.plays.clear()
        await asyncio.sleep(float(again.headers["retry-after"]))
        after = await site.chat()

    assert [first.status_code, again.status_code] == [429, 429]
    assert took < 1.5  # three seconds are more than it may wait: told at once
    assert {first.headers["retry-after"], again.headers["retry-after"]} <= {"2", "3"}
    assert [one.json()["error"]["code"] for one in (first, again)] == ["rate_limit_exceeded"] * 2
    assert asked == {f"k{number}": 1 for number in range(KEYS)}  # none before its time
    assert after.status_code == 200


async def test_all_five_resting_for_a_moment_is_waited_out(tmp_path: Path) -> None:
    async with running(tmp_path, TOKENS_QUEUE_S="3") as site:

        def once(key: str) -> Play:
            first = site.account.counts()[key] == 1
            return rate(retry_after_ms="700")() if first else answer(completion(key))

        for number in range(KEYS):
            site.account.plays[f"k{number}"] = partial(once, f"k{number}")
        began = time.monotonic()
        response = await site.chat()
        took = time.monotonic() - began

    assert response.status_code == 200
    assert 0.7 <= took < 3
    assert len(site.account.asked) == KEYS + 1


async def test_a_refused_key_is_called_by_no_process_and_no_conversation(tmp_path: Path) -> None:
    sessions = [f"session {number}" for number in range(40)]

    async with running(tmp_path, 3) as site:

        async def keys_of(machine: int) -> dict[str, str]:
            found = {}
            for session in sessions:
                response = await site.chat(machine, session_id=session)
                assert response.status_code == 200, response.text
                found[session] = response.json()["choices"][0]["message"]["content"]
            return found

        before = [await keys_of(machine) for machine in range(3)]
        assert before[0] == before[1] == before[2]  # one conversation, one key, everywhere
        [*loyal] = [session for session, key in before[0].items() if key == "k0"]
        site.account.plays["k0"] = lambda: answer(REFUSED, 401)
        asked = site.account.counts()["k0"]

        assert (await site.chat(0, session_id=loyal[0])).status_code == 200
        assert site.account.counts()["k0"] == asked + 1
        assert "k0" not in (await keys_of(0)).values()
        await asyncio.sleep(1)  # by then the others have learnt of it
        during = [await keys_of(machine) for machine in range(3)]

    assert site.account.counts()["k0"] == asked + 1
    assert during[0] == during[1] == during[2]
    moved = [session for session in sessions if during[0][session] != before[0][session]]
    assert moved == loyal

"""A call is in the journal before the counters of limits learn what it came to.

A process that dies between the two has then lost nothing that the database would not tell them.
"""

import asyncio
from typing import Any

import orjson
import pytest

from gateway.runtime import Gateway
from licences.limits.memory import MemoryCounters
from licences.limits.terms import Ask
from tests.gateway.conftest import Site
from tests.gateway.test_limits import limit
from tests.upstreams import Play, answer, completion, hello, sse, stream

BROKEN = {"error": {"message": "It broke", "type": "server_error"}}
VECTORS = {"object": "list", "model": "m", "data": [{"embedding": [1.0], "index": 0}]}
CASES: dict[str, tuple[str, Play, dict[str, Any]]] = {
    "blocking": ("chat/completions", answer(completion()), {}),
    "streamed": ("chat/completions", hello(), {"stream": True}),
    "cut": ("chat/completions", stream(sse({"choices": []}), end=False), {"stream": True}),
    "failed": ("chat/completions", answer(BROKEN, 500), {}),
    "embedded": ("embeddings", answer(VECTORS), {"input": "Hello"}),
}


@pytest.mark.parametrize("case", CASES)
async def test_it_is_journaled_before_it_is_settled(
    site: Site, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, site.upstream.default, more = CASES[case]
    await limit(site, rpm=10)
    settling, go_on = asyncio.Event(), asyncio.Event()
    settle = MemoryCounters.settle

    async def held(self: MemoryCounters, ask: Ask, slot: int, tokens: int, cost: int) -> None:
        settling.set()
        await go_on.wait()
        await settle(self, ask, slot, tokens, cost)

    monkeypatch.setattr(MemoryCounters, "settle", held)
    body = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}], **more}
    async with asyncio.TaskGroup() as group:
        call = group.create_task(
            site.client.post(f"/acme/v1/{path}", json=body, headers=site.headers())
        )
        await asyncio.wait_for(settling.wait(), 10)
        [line] = journaled(site.gateway)
        assert not call.done()  # and the client does not have its last byte before it is settled
        go_on.set()

    assert line["request_id"] == call.result().headers["x-request-id"]


def journaled(gateway: Gateway) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in gateway.journal.path.read_bytes().splitlines()]

"""What a call has made is gone with it, without the garbage collector, which stops all calls.

What fails leaves nothing either: else the bodies of refused calls would fill the memory until the
collector comes by.
"""

import asyncio
import contextlib
import gc
import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from gateway import failover
from gateway.direct.wire import DirectWire
from gateway.wires import NameUnknown, Refused
from tests.gateway.conftest import Site
from tests.upstreams import Play, answer, completion, hello, raw

OURS = ("gateway", "licences", "platforms", "uvicorn")
BROKEN = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{")
GONE = raw(b"")
ERROR = answer({"error": {"message": "no", "type": "x"}}, 500)
GOOD = answer(completion())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "BACKOFF_S", 0.0)


@contextlib.contextmanager
def collected() -> Iterator[Counter[str]]:
    """By type, what only the collector finds of what is ours."""
    found: Counter[str] = Counter()
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        found.update(type(one).__qualname__ for one in gc.garbage if is_ours(one))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        if was_enabled:
            gc.enable()


def is_ours(one: Any) -> bool:
    return type(one).__module__.partition(".")[0] in OURS


@pytest.mark.parametrize(
    ("plays", "asked", "status"),
    [
        ([GOOD], {}, 200),
        ([hello()], {"stream": True}, 200),
        ([], {"platform": "nobody-has-it"}, 404),
        ([], {"messages": "none"}, 400),
        ([ERROR], {}, 502),
        ([GONE, GONE, GOOD], {}, 200),
        ([BROKEN], {}, 502),
        ([GONE, hello()], {"stream": True}, 200),
    ],
    ids=["answer", "stream", "unknown", "refused", "error", "retried", "broken", "retried stream"],
)
async def test_a_call_leaves_nothing_for_the_collector(
    site: Site, plays: list[Play], asked: dict[str, Any], status: int
) -> None:
    site.configure(attempts=len(plays) or 1)
    for turn in range(2):
        with collected() as found:
            for _ in range(2):
                site.upstream.plays += plays
                assert (await site.chat(**asked)).status_code == status
            await asyncio.sleep(0)  # the last call's task has ended, too
        if turn:  # what is done once, the first time, may leave what it likes
            assert found == Counter()


@pytest.mark.parametrize("place", ["refused", "unknown", "silent"])
async def test_a_platform_that_cannot_be_reached_leaves_nothing(
    wire: DirectWire, place: str
) -> None:
    """Least of all the body that was to go there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        url = {
            "refused": "http://127.0.0.1:9",
            "unknown": "http://nobody.invalid",
            "silent": f"https://127.0.0.1:{port}",  # no TLS will stand there
        }[place]

        async def fails(url: str) -> None:
            with pytest.raises((NameUnknown, Refused, TimeoutError)):
                await wire.send("POST", url, (), bytes(2**18), 0.1, {})

        with collected() as found:
            for _ in range(2):
                async with asyncio.TaskGroup() as group:
                    for _ in range(3):
                        group.create_task(fails(url))
            await asyncio.sleep(0)
        assert found == Counter()


async def test_of_a_call_that_django_answers_the_line_to_its_client_is_not_left(site: Site) -> None:
    """Django leaves its requests, and so what they know."""
    for turn in range(2):
        with collected() as found:
            for _ in range(2):
                listed = await site.client.get("/acme/v1/models", headers=site.headers())
                assert listed.status_code == 200
            await asyncio.sleep(0)
        if turn:
            assert found["Line"] == 0

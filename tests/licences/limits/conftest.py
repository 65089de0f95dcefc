"""A Redis, counters in it, and the clock that they go by."""

from collections.abc import AsyncIterator, Iterator

import pytest

from licences.limits.redis import RedisCounters
from tests.gateway.redis_server import running_redis
from tests.licences.limits.counting import Clock


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with running_redis() as url:
        yield url


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def in_redis(redis_url: str, clock: Clock) -> AsyncIterator[RedisCounters]:
    """Counters in an empty Redis."""
    found = RedisCounters(redis_url, clock=clock)
    await found._client.flushall()
    yield found
    await found.aclose()

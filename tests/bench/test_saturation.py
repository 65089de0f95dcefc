"""The saturation benchmark counts what was really booked and admitted."""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import servers
from bench.chaos.machines import command, environment
from bench.saturation import booking, counted, journals, limits, report, wire
from bench.scale import fill
from gateway.usage.rows import checked
from licences.limits.redis import RedisCounters


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A Redis of the test's own."""
    try:
        servers.program("redis-server")
    except servers.NotInstalled as error:
        pytest.skip(str(error))
    with servers.running_redis() as url:
        yield url


def test_its_lines_are_usage_records_of_whom_the_filled_database_knows() -> None:
    assert (journals.LICENCES, journals.PLATFORMS) == (fill.LICENCES, fill.PLATFORMS)
    chance = random.Random(1)

    records = [checked(journals.line(chance, n, 500, 1_795_435_200_000_000)) for n in range(500)]

    assert len({record["request_id"] for record in records}) == 500
    licences = [record["licence_id"] for record in records]
    assert 1 <= min(licences) <= max(licences) <= fill.LICENCES
    assert 1 < len(set(licences)) < 500


async def test_what_several_bookers_book_is_counted(tmp_path: Path) -> None:
    settings = environment(tmp_path, f"sqlite:///{tmp_path}/tokens.sqlite3", "")
    inside = (sys.executable, "-m", "bench.saturation.inside", "prepare", "0")
    await command(inside, settings)

    booked = await booking.run(
        *(settings, tmp_path / "journals"), processes=2, records=60, batch=20, seed=1, server=None
    )

    assert (booked.records, booked.processes) == (60, 2)
    assert booked.bookers_cpu_s > 0
    assert not list((tmp_path / "journals").rglob("*.jsonl"))
    assert "sqlite" in report.table("booking", [booked.figures()])


@pytest.mark.parametrize("all_kinds", [False, True])
async def test_calls_written_down_before_are_admitted_and_settled(
    redis_url: str, all_kinds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counted, "LICENCES", 3)
    await counted.fill(redis_url, all_kinds=all_kinds, seconds=2, under_way=1)
    before = await _used(redis_url)

    heard = await wire.run(redis_url, await wire.words(all_kinds=all_kinds), 0.1)

    assert heard.calls > 0
    assert heard.refused == 0
    assert len(heard.waits_s) == 2 * heard.calls
    after = await _used(redis_url)
    assert sum(one[0] for one in after) - sum(one[0] for one in before) == heard.calls
    assert [one[1] for one in after] == [1, 1, 1]


async def test_a_paced_run_makes_no_more_calls_than_it_may(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counted, "LICENCES", 3)
    said = await wire.words(all_kinds=False)
    await counted.fill(redis_url, all_kinds=False, seconds=0, under_way=0)

    heard = await wire.run(redis_url, said, 0.5, per_s=100)

    assert 0 < heard.calls <= 100 * 0.5 + wire.CONNECTIONS


async def test_the_limiters_callers_are_measured(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counted, "LICENCES", 3)
    settings = environment(tmp_path, f"sqlite:///{tmp_path}/unused.sqlite3", "")

    found = await limits.limited(settings, redis_url, 1, processes=1, callers=2, seconds=0.2)

    assert found["calls_per_s"] > 0
    assert found["failures"] == 0


async def _used(url: str) -> list[tuple[int, int]]:
    """Requests and calls under way of each licence."""
    store = RedisCounters(url)
    try:
        usages = [
            await store.usage(counted.buckets_of(licence, all_kinds=False)[0], counted.today())
            for licence in range(3)
        ]
        return [(usage.requests, usage.under_way) for usage in usages]
    finally:
        await store.aclose()

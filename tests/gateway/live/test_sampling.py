"""What is told of requests under way: enough, in time, and never more than there is room for."""

from typing import Any

import orjson

from gateway.live.outbox import MOST_AT_ONCE, MOST_WAITING, Outbox
from gateway.live.rows import row_of
from gateway.live.sampling import ALIVE_ROUNDS, MOST_ROWS, Sample, Sampler
from gateway.live.under_way import MOST_ENDED, UnderWay
from gateway.metrics.counts import Metrics
from gateway.models import Outcome
from gateway.observe import AccessLog
from gateway.usage.entry import Entry


def make_entry(platform: str = "acme") -> Entry:
    metrics = Metrics(lambda slug: True)
    return Entry(
        *("chat", platform),
        journal=None,
        access=AccessLog(enabled=False),
        metrics=metrics,
        traces=None,
    )


def begun(under_way: UnderWay, count: int = 1) -> list[Entry]:
    entries = [make_entry() for _ in range(count)]
    for entry in entries:
        under_way.begin(entry)
    return entries


def ended(
    under_way: UnderWay, *entries: Entry, outcome: Outcome = Outcome.COMPLETED, status: int = 200
) -> None:
    for entry in entries:
        entry.write(outcome, status)
        under_way.end(entry)


def watched() -> tuple[UnderWay, Sampler]:
    under_way = UnderWay()
    under_way.watch(watched=True)
    return under_way, Sampler(under_way, "p1")


def ids(sample: Sample) -> list[str]:
    return [row["id"] for row in sample["rows"]]


async def test_a_request_is_told_of_when_it_begins_changes_and_ends() -> None:
    under_way, sampler = watched()
    [entry] = begun(under_way)
    first = sampler.sample()
    unchanged = sampler.sample()
    entry.stream = True
    entry.first_byte()
    streaming = sampler.sample()
    ended(under_way, entry)
    last = sampler.sample()

    states = [[row["state"] for row in s["rows"]] for s in (first, unchanged, streaming, last)]
    assert states == [["waiting"], [], ["streaming"], ["ended"]]
    assert (last["running"], last["ended"], last["failed"]) == (0, 1, 0)
    assert sampler.sample()["rows"] == []


async def test_an_end_that_was_announced_comes_however_much_else_there_is() -> None:
    under_way, sampler = watched()
    followed = begun(under_way, 3 * MOST_ROWS)
    seen: set[str] = set()
    for _ in range(3):
        seen.update(ids(sampler.sample()))
    ended(under_way, *begun(under_way, 500), *followed)

    samples = [sampler.sample() for _ in range(4)]

    assert seen == {entry.id for entry in followed}
    assert {len(sample["rows"]) <= MOST_ROWS for sample in samples} == {True}
    told = {row["id"] for s in samples for row in s["rows"] if row["state"] == "ended"}
    assert seen <= told
    assert sum(sample["left_out"] for sample in samples) + len(told) == 500 + len(followed)


async def test_failed_requests_come_before_good_ones() -> None:
    under_way, sampler = watched()
    good = begun(under_way, 200)
    [bad] = begun(under_way)
    ended(under_way, bad, outcome=Outcome.UPSTREAM_ERROR, status=502)
    ended(under_way, *good)

    sample = sampler.sample()

    assert ids(sample)[0] == bad.id
    assert sample["left_out"] == 201 - MOST_ROWS
    assert sample["failed"] == 1


async def test_what_ends_between_two_looks_is_bounded_and_counted() -> None:
    under_way, sampler = watched()
    for _ in range(MOST_ENDED + 7):
        ended(under_way, *begun(under_way))

    sample = sampler.sample()

    assert sample["ended"] == MOST_ENDED + 7
    assert sample["left_out"] == MOST_ENDED + 7 - MOST_ROWS


async def test_every_stream_progresses_though_there_are_more_than_fit() -> None:
    class Reading:
        usage = None
        text_length = 0

    under_way, sampler = watched()
    entries = begun(under_way, 2 * MOST_ROWS)
    reading = Reading()
    for entry in entries:
        entry.stream, entry.reader = True, reading  # type: ignore[assignment] # two fields are read
        entry.first_byte()
    sampler.sample(), sampler.sample()

    reading.text_length = 400
    told = [row for _ in range(2) for row in sampler.sample()["rows"]]

    assert {row["id"] for row in told} == {entry.id for entry in entries}
    assert {(row["completion"], row["measured"]) for row in told} == {(100, False)}


async def test_who_comes_later_is_told_of_all_that_is_under_way() -> None:
    under_way, sampler = watched()
    entries = begun(under_way, 3)
    sampler.sample()

    sampler.restart()
    sample = sampler.sample()

    assert sorted(ids(sample)) == sorted(entry.id for entry in entries)
    assert sorted(sample["alive"] or []) == sorted(entry.id for entry in entries)
    assert [sampler.sample()["alive"] is None for _ in range(ALIVE_ROUNDS)].count(False) == 1


async def test_nothing_is_kept_while_nobody_watches() -> None:
    under_way = UnderWay()
    ended(under_way, *begun(under_way, 5))

    assert under_way.take_ended() == ([], 0)
    assert under_way.count == 0
    assert under_way.none.is_set()


async def test_a_row_is_short_whatever_the_caller_sends() -> None:
    entry = make_entry("p" * 10_000)
    entry.model = "m" * 10_000
    entry.tries = [{"platform": "p" * 10_000, "model": "m" * 10_000}] * 1000

    assert len(orjson.dumps(row_of(entry))) < 5000


async def test_an_outbox_that_nobody_empties_does_not_grow() -> None:
    under_way, sampler = watched()
    outbox = Outbox(1)
    for _ in range(20):
        ended(under_way, *begun(under_way, MOST_ROWS))
        outbox.put(sampler.sample())

    taken: list[Any] = []
    while (message := outbox.take())["rows"]:
        assert len(message["rows"]) <= MOST_AT_ONCE
        taken.append(message)

    assert sum(len(message["rows"]) for message in taken) == MOST_WAITING
    assert sum(message["left_out"] for message in taken) == 20 * MOST_ROWS - MOST_WAITING
    assert sum(message["ended"] for message in taken) == 20 * MOST_ROWS

"""The judge of a chaos run: whatever is wrong breaks a claim, by name; and so does an empty run."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from bench.chaos import claims, clients, platform
from bench.chaos.clients import Asking, Seen, Whole
from bench.chaos.platform import Content
from bench.servers import HOST

CONTENT = Content(7, 3)
WHOLE = Whole(1, CONTENT, stream=True, at_s=0, took_s=0.1)
RECORD = {
    "request_id": "a",
    "at": "2026-11-23T10:00:00Z",
    "licence_id": 1,
    "platform": "north",
    "model": "m-1",
    "outcome": "completed",
    "status": 200,
    "prompt_tokens": 10,
    "completion_tokens": 4,
    "cached_tokens": 0,
    "cost_micros": 97,
    "latency_ms": 5,
}
DAY = {**RECORD, "day": "2026-11-23", "requests": 1}
SPENDS = [
    {"licence_id": 1, "window": window, "starts_on": start, "cost_micros": 97}
    for window, start in (("total", "1970-01-01"), ("day", "2026-11-23"), ("month", "2026-11-01"))
]


def judged(
    seen: Seen, served: set[int], records: Any, days: Any = (DAY,), spends: Any = SPENDS
) -> dict[str, claims.Claim]:
    found = [*claims.booked(seen, records), *claims.whole(seen, served)]
    found += [claims.told(seen, records), *claims.agreeing(records, days, spends)]
    return {claim.text: claim for claim in found}


def seen(**over: Any) -> Seen:
    return Seen(**{"whole": {"a": WHOLE}, "told": {"b": "429 rate_limit_exceeded"}, **over})


TOLD = {**RECORD, "request_id": "b", "status": 429, "outcome": "refused", "cost_micros": 0}
TOLD |= {"prompt_tokens": 0, "completion_tokens": 0, "latency_ms": 0}
GOOD = [RECORD, TOLD]
DAY["requests"] = 2


def test_a_good_run_breaks_nothing() -> None:
    assert {
        text: claim.wrong for text, claim in judged(seen(), {7}, GOOD).items() if not claim.holds
    } == {}


@pytest.mark.parametrize(
    ("text", "claim"),
    {
        "not booked": ("a client saw whole is booked", lambda: judged(seen(), {7}, [TOLD])),
        "booked twice": (
            "No request is booked twice",
            lambda: judged(seen(), {7}, [*GOOD, RECORD]),
        ),
        "of another licence": (
            "with the answer's licence",
            lambda: judged(seen(), {7}, [{**RECORD, "licence_id": 2}, TOLD]),
        ),
        "other tokens": (
            "with the answer's licence",
            lambda: judged(seen(), {7}, [{**RECORD, "completion_tokens": 5}, TOLD]),
        ),
        "cut at the platform": ("No client saw a cut answer", lambda: judged(seen(), {6}, GOOD)),
        "not the whole text": (
            "No client saw a cut answer",
            lambda: judged(seen(whole={"a": Whole(1, None, True, 0, 0)}), {7}, GOOD),
        ),
        "an odd end": ("No client saw a cut answer", lambda: judged(seen(odd=["?"]), {7}, GOOD)),
        "another's answer": (
            "No two clients",
            lambda: judged(seen(whole={"a": WHOLE, "c": WHOLE}), {7}, GOOD),
        ),
        "a failure that is not booked": (
            "says that it failed",
            lambda: judged(seen(), {7}, [RECORD]),
        ),
        "a day's sum": (
            "Sums by day",
            lambda: judged(seen(), {7}, GOOD, [{**DAY, "cost_micros": 98}]),
        ),
        "a day too many": (
            "Sums by day",
            lambda: judged(seen(), {7}, GOOD, [DAY, {**DAY, "model": "m-2"}]),
        ),
        "a spend": (
            "Spends in total",
            lambda: judged(
                seen(), {7}, GOOD, (DAY,), [*SPENDS[:2], {**SPENDS[2], "cost_micros": 96}]
            ),
        ),
        "nothing at all": ("a client saw whole is booked", lambda: judged(Seen(), set(), [])),
    }.values(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_breaks_its_claim(
    text: str, claim: Callable[[], dict[str, claims.Claim]]
) -> None:
    [found] = [one for said, one in claim().items() if text in said]

    assert not found.holds
    assert found.line().startswith("BROKEN")


@pytest.mark.parametrize(
    ("text", "row", "budget"),
    [
        ("stays reserved", {"reserved": 5}, 1000),
        ("stays reserved", {"under_way": 1}, 1000),
        ("what is booked", {"spent": 98}, 1000),
        ("exceeded", {}, 0),
    ],
)
def test_counters_and_budgets_that_are_wrong_break_their_claims(
    text: str, row: dict[str, int], budget: int
) -> None:
    good = {"key": "licence:1", "under_way": 0, "reserved": 0, "spent": 97}

    found = claims.limited([{**good, **row}], {"1": budget}, SPENDS, [RECORD])

    assert [text in claim.text for claim in found if not claim.holds] == [True]
    assert all(claim.holds for claim in claims.limited([good], {"1": 1}, SPENDS, [RECORD]))


@pytest.mark.parametrize("ends", [{}, {"x.jsonl": 9}])
def test_a_journal_that_is_not_booked_to_its_end_breaks_its_claim(ends: dict[str, int]) -> None:
    assert not claims.all_booked({"x.jsonl": 10}, ends).holds
    assert claims.all_booked({"x.jsonl": 10}, {"x.jsonl": 10}).holds


def test_a_credential_out_of_service_breaks_its_claim() -> None:
    row = {"name": "north-1", "enabled": True, "disabled_reason": "key: refused"}

    assert not claims.in_service([row], 8).holds


@pytest.mark.parametrize("text", ["#7/3 w0 w1", "#7/3 w0 w1 w2 w3", "#7/3", "", "hello", "#x/3"])
def test_a_text_that_is_not_whole_is_no_content(text: str) -> None:
    assert Content.read(text) is None
    assert Content.read("#7/3 w0 w1 w2") == CONTENT


ENDS = {"whole": True, "cut": False, "cut_cleanly": False, "error_inside": False}


@pytest.mark.parametrize(("play", "whole"), ENDS.items())
async def test_without_a_gateway_clients_see_what_the_platform_plays(
    play: str, whole: bool
) -> None:
    """So that it is the gateway's doing if they do not see it."""
    seen, stop = Seen(), asyncio.Event()
    async with platform.running({play: 1}, seed=1) as upstream:
        url = f"http://{HOST}:{upstream.port}"
        asking = Asking(lambda: [url], [(1, "key")], ["m-1"], random.Random(1), 0)
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(clients.run(asking, 2, stop, seen))
            while upstream.calls.total() < 10:
                await asyncio.sleep(0.01)
            stop.set()

    answers = [answer.content for answer in seen.whole.values()]
    assert (None not in answers) == whole or not answers
    assert bool(upstream.whole) == whole
    assert not whole or (seen.cut.total(), seen.odd, seen.told) == (0, [], {})


HOURS = [
    {**RECORD, "by": by, "name": name, "hour": "2026-11-23T10:00:00Z", "requests": 2}
    for by, name in (("all", ""), ("platform", "north"), ("model", "m-1"))
]


def test_hours_that_agree_break_nothing() -> None:
    assert claims.hourly(GOOD, HOURS).holds


@pytest.mark.parametrize(
    "hours",
    [HOURS[:2], [*HOURS[:2], {**HOURS[2], "requests": 3}], [*HOURS, {**HOURS[1], "name": "x"}]],
)
def test_an_hour_that_differs_is_seen(hours: list[dict[str, Any]]) -> None:
    assert not claims.hourly(GOOD, hours).holds

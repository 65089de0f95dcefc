"""Tasks as rows: who gets which, in which order, and what holds when a worker is gone."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gateway.errors import ApiError
from gateway.media import tasks
from gateway.media.outcome import record_of
from gateway.models import MediaTask, TaskState, UsageHour, UsageTiming
from licences.models import Licence
from tests.gateway.conftest import Site
from tests.gateway.media.pictures import images, png
from tests.gateway.media.platform import FilmMaker
from tests.upstreams import answer


def make(id: str, **over: Any) -> MediaTask:
    now = timezone.now()
    fields: dict[str, Any] = {
        "id": id,
        "kind": "video",
        "endpoint": "videos",
        "request_id": f"r-{id}",
        "licence_id": first.pk if (first := Licence.objects.first()) else 1,
        "platform": "acme",
        "model": "m-1",
        "upstream_model": "m-1",
        "asked": {
            "prompt": "x",
            "n": 1,
            "size": None,
            "seconds": 4,
            "options": {},
            "sources": [],
            "mask": None,
            "remix": None,
        },
        "created_at": now,
        "due_at": now,
        "deadline_at": now + timedelta(hours=1),
        **over,
    }
    return MediaTask.objects.create(**fields)


def leased(worker: str = "w", room: int = 100) -> list[str]:
    return [task.pk for task in tasks.lease(worker, room, timezone.now())]


@pytest.mark.django_db
def test_tasks_end_in_the_sums_of_their_hour_and_are_not_timed() -> None:
    make("a")
    make("b")
    [well, badly] = tasks.lease("w", 2, timezone.now())
    assert tasks.move(well, TaskState.QUEUED, state=TaskState.RUNNING)

    assert tasks.complete(well, [], record_of(well, ()))
    error = ApiError(502, "It broke.", type="server_error", code="x")
    assert tasks.fail(badly, tasks.Ended(error), record_of(badly, (), error), frees_key=False)
    assert not tasks.complete(well, [], record_of(well, ()))  # it has ended

    found = UsageHour.objects.get(by="platform", name="acme")
    assert (found.requests, found.failed, found.seconds) == (2, 1, 4)
    assert not UsageTiming.objects.exists()


@pytest.mark.django_db
class TestLeases:
    def test_a_row_is_leased_once(self) -> None:
        make("a")

        assert (leased("one"), leased("two")) == (["a"], [])

    def test_the_row_of_a_dead_worker_is_taken_over_and_it_can_change_nothing(self) -> None:
        make("a", state=TaskState.RUNNING)
        [mine] = tasks.lease("dead", 1, timezone.now())
        MediaTask.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

        [theirs] = tasks.lease("alive", 1, timezone.now())

        assert not tasks.move(mine, TaskState.RUNNING, progress=50)
        assert tasks.move(theirs, TaskState.RUNNING, progress=60)

    def test_what_is_renewed_is_not_taken_over(self) -> None:
        make("a")
        leased("one")
        MediaTask.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

        tasks.renew("one", ["a"])

        assert leased("two") == []

    def test_what_is_not_due_waits(self) -> None:
        make("a", due_at=timezone.now() + timedelta(minutes=1))

        assert leased() == []

    def test_what_has_ended_is_left_alone(self) -> None:
        make("a", state=TaskState.COMPLETED)
        make("b", state=TaskState.FAILED)

        assert leased() == []


@pytest.mark.django_db
class TestTurns:
    def test_a_licence_with_a_thousand_tasks_does_not_starve_another(self) -> None:
        first = fields_of(make("first"))
        MediaTask.objects.bulk_create([MediaTask(**first, id=f"many-{n}") for n in range(999)])
        make("single", licence_id=2)

        assert "single" in leased(room=4)

    def test_no_licence_gets_more_than_its_share(self, settings: Any) -> None:
        settings.TOKENS_TASKS_PER_LICENCE = 3
        for number in range(10):
            make(f"a{number}")
        make("running", state=TaskState.RUNNING, due_at=timezone.now() + timedelta(hours=1))

        assert len(leased()) == 2

    def test_turns_go_round_the_oldest_first(self) -> None:
        start = timezone.now() - timedelta(minutes=10)
        for number, (id, licence) in enumerate([("a1", 1), ("a2", 1), ("b1", 2), ("b2", 2)]):
            make(id, licence_id=licence, created_at=start + timedelta(seconds=number))

        assert sorted(leased(room=2)) == ["a1", "b1"]


def fields_of(task: MediaTask) -> dict[str, Any]:
    skipped = ("id",)
    return {
        field.name: getattr(task, field.name)
        for field in task._meta.concrete_fields
        if field.name not in skipped
    }


async def test_a_submit_without_a_worker_is_never_repeated(site: Site, films: FilmMaker) -> None:
    from asgiref.sync import sync_to_async

    past = timezone.now() - timedelta(seconds=1)
    await sync_to_async(make)(
        "lost", state=TaskState.SUBMITTING, lease_by="dead", lease_until=past, submitted_at=past
    )

    ended = await site.gateway.media.end_of("lost", 10)

    assert ended is not None
    assert (ended.state, ended.error_code) == ("failed", "submit_outcome_unknown")
    assert films.submits == 0


async def test_a_task_that_takes_too_long_is_given_up(site: Site, films: FilmMaker) -> None:
    from asgiref.sync import sync_to_async

    films.polls_needed = 10**6
    now = timezone.now()
    await sync_to_async(make)("late", deadline_at=now + timedelta(seconds=0.3))

    ended = await site.gateway.media.end_of("late", 10)

    assert ended is not None
    assert (ended.state, ended.error_code) == ("failed", "timeout")


async def test_a_queued_task_waits_while_the_platform_is_busy(site: Site) -> None:
    site.upstream.plays = [
        answer({"error": {"message": "slow down"}}, 429),
        answer({"error": {"message": "full"}}, 503),
        images(png()),
    ]

    response = await site.client.post(
        "/acme/v1/images/generations?async=true",
        json={"model": "m-1", "prompt": "a cat"},
        headers=site.headers(),
    )
    ended = await site.gateway.media.end_of(response.json()["id"], 10)

    assert ended is not None
    assert (ended.state, ended.attempts) == ("completed", 3)


async def test_a_poll_that_fails_is_only_repeated(site: Site, films: FilmMaker) -> None:
    films.on_poll = answer({"error": {"message": "broken"}}, 500)
    response = await site.client.post(
        "/acme/v1/videos", json={"model": "m-1", "prompt": "a cat"}, headers=site.headers()
    )
    while films.polls < 2:
        await asyncio.sleep(0.01)
    films.on_poll = None

    ended = await site.gateway.media.end_of(response.json()["id"], 10)

    assert ended is not None
    assert (ended.state, films.submits) == ("completed", 1)


async def test_a_task_stays_with_its_credential_even_when_that_is_switched_off(
    site: Site, films: FilmMaker
) -> None:
    from platforms.models import Credential

    films.polls_needed = 10**6
    response = await site.client.post(
        "/acme/v1/videos", json={"model": "m-1", "prompt": "a cat"}, headers=site.headers()
    )
    while not films.polls:
        await asyncio.sleep(0.01)
    await Credential.objects.aupdate(enabled=False)
    await site.reload()
    films.polls_needed = 0

    ended = await site.gateway.media.end_of(response.json()["id"], 10)

    assert ended is not None
    assert ended.state == "completed"
    keys = {request.headers.get("authorization") for request in site.upstream.requests}
    assert len(keys) == 1


async def test_five_hundred_tasks_are_all_looked_at_within_fifteen_seconds(
    site: Site, films: FilmMaker, settings: Any
) -> None:
    """An upstream that takes 1 s a poll, and the settings as they come."""
    from asgiref.sync import sync_to_async

    settings.TOKENS_POLL_S = 5.0
    films.polls_needed = 10**6
    films.poll_s = 1.0

    def rows() -> None:
        first = fields_of(make("t", state=TaskState.RUNNING, upstream_id="up_0"))
        MediaTask.objects.bulk_create(
            [MediaTask(**{**first, "upstream_id": f"up_{n}"}, id=f"t-{n}") for n in range(499)]
        )

    began = time.monotonic()
    await sync_to_async(rows)()
    while await MediaTask.objects.filter(progress__gt=0).acount() < 500:
        assert time.monotonic() - began < 15
        await asyncio.sleep(0.1)

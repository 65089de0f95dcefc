"""What one process learns of a credential, the others know by way of the database."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from platforms import sharing
from platforms.models import Credential
from platforms.news import News
from platforms.pool import Pool
from platforms.records import Cooldown, PoolReport
from platforms.reporting import BEAT, Reporter
from tests.make import make_credential, make_platform

pytestmark = pytest.mark.django_db


@pytest.fixture
def key() -> Credential:
    return make_credential(make_platform())


def told(pool: Pool) -> None:
    """Pass on one process's news."""
    sharing.tell(pool.news.taken(pool.clock()))


def test_a_rest_goes_from_process_to_process_and_only_grows(key: Credential) -> None:
    one, other = Pool(), Pool()
    until = one.clock() + 60
    one.news.cooled[key.pk, "m"] = until, "slower"
    told(one)
    other.news.cooled[key.pk, "m"] = other.clock() + 20, "slower"
    told(other)

    sharing.heard().tell(other)

    assert other.health(key.pk).free_in("m", other.clock()) == pytest.approx(60, abs=2)
    assert Cooldown.objects.count() == 1
    key.refresh_from_db()
    assert key.cooling_until is not None
    assert (key.cooling_until - timezone.now()).total_seconds() > 55
    assert not one.news


def test_a_rest_that_is_over_is_not_passed_on(key: Credential) -> None:
    pool = Pool()
    pool.news.cooled[key.pk, "m"] = pool.clock() - 1, "slower"
    told(pool)

    assert Cooldown.objects.count() == 0


def test_out_of_service_counts_once_however_many_see_it(key: Credential) -> None:
    for _process in range(3):
        sharing.tell(News(disabled={key.pk: "key: refused"}))
    pool = Pool()

    sharing.heard().tell(pool)
    key.refresh_from_db()

    assert pool.health(key.pk).disabled == "key: refused"
    assert (key.strikes, key.disabled_reason) == (1, "key: refused")
    assert key.probe_at is not None
    assert 25 < (key.probe_at - timezone.now()).total_seconds() <= 30


def test_each_probe_is_claimed_by_one_and_later_each_time(key: Credential) -> None:
    sharing.tell(News(disabled={key.pk: "key: refused"}))
    pauses = []
    for _ in range(10):
        Credential.objects.update(probe_at=timezone.now())
        claimed = sharing.claim_probes(8)
        assert [row.pk for row in claimed] == [key.pk]
        assert sharing.claim_probes(8) == []  # another process
        sharing.still_out(key.pk, "key: refused still")
        key.refresh_from_db()
        assert key.probe_at is not None
        pauses.append(round((key.probe_at - timezone.now()).total_seconds()))

    assert pauses[:4] == [60, 120, 240, 480]
    assert max(pauses) == sharing.MOST_PROBE_S
    assert key.last_error == "key: refused still"


def test_a_probe_that_went_well_brings_it_back_and_its_strikes_last_until_a_call_did(
    key: Credential,
) -> None:
    pool = Pool()
    sharing.tell(News(disabled={key.pk: "quota: empty"}))
    sharing.heard().tell(pool)

    sharing.revive(key.pk)
    sharing.heard().tell(pool)
    key.refresh_from_db()

    assert pool.health(key.pk).disabled == ""
    assert pool.health(key.pk).recovering
    assert key.strikes == 1
    sharing.tell(News(recovered={key.pk}))
    key.refresh_from_db()
    assert key.strikes == 0


def test_the_operators_word_is_obeyed_once_by_each_process(key: Credential) -> None:
    one, other = Pool(), Pool()
    for pool in (one, other):
        pool.others_cooled(key.pk, "m", 60)
    sharing.reset([key.pk])
    for pool in (one, other):
        sharing.heard().tell(pool)
        assert pool.health(key.pk).rests == {}

    one.others_cooled(key.pk, "m", 60)  # learnt since
    sharing.heard().tell(one)

    assert one.health(key.pk).why("m", one.clock()) == "rate"


@pytest.mark.parametrize("model", ["m" * 300, "a\x00b", "模型"])
def test_any_name_of_a_model_can_rest(key: Credential, model: str) -> None:
    sharing.tell(News(cooled={(key.pk, model): (60.0, "x" * 1000)}))

    [row] = Cooldown.objects.all()
    assert row.model == model[:200].replace("\x00", "")


def test_news_of_a_deleted_credential_holds_up_no_other(key: Credential) -> None:
    gone = key.pk + 1000
    news = News(
        cooled={(gone, "m"): (60.0, "x"), (key.pk, "m"): (60.0, "x")},
        disabled={gone: "key: refused"},
        recovered={gone},
    )

    sharing.tell(news)

    assert [row.credential_id for row in Cooldown.objects.all()] == [key.pk]


def test_news_that_could_not_be_told_is_kept_and_what_is_newer_wins() -> None:
    pool = Pool()
    pool.news.cooled[1, "m"] = pool.clock() + 10, "old"
    pool.news.disabled[2] = "old"
    taken = pool.news.taken(pool.clock())
    pool.news.cooled[1, "m"] = pool.clock() + 60, "new"
    pool.news.recovered.add(3)

    pool.news.put_back(taken, pool.clock())

    assert pool.news.cooled[1, "m"][1] == "new"
    assert pool.news.disabled == {2: "old"}
    assert pool.news.recovered == {3}


@pytest.mark.parametrize(
    "columns", [{"enabled": False}, {"disabled_reason": ""}, {"probe_at": None}]
)
def test_only_what_is_due_is_probed(key: Credential, columns: dict[str, Any]) -> None:
    due = {"disabled_reason": "key: no", "probe_at": timezone.now() - timedelta(seconds=1)}
    Credential.objects.update(**{**due, **columns})

    assert sharing.claim_probes(8) == []


def test_reports_of_dead_processes_and_old_rests_are_swept_out(key: Credential) -> None:
    old = timezone.now() - timedelta(hours=1)
    PoolReport.objects.create(process="dead", at=old)
    Cooldown.objects.create(credential=key, model="m", until=old)

    sharing.report("alive", {})

    assert [row.process for row in PoolReport.objects.all()] == ["alive"]
    assert Cooldown.objects.count() == 0


def test_who_else_serves_over_this_database_is_known_while_it_lives() -> None:
    reporter = Reporter(Pool())
    told = [reporter.report() for _ in range(2 * BEAT)]

    assert [one is not None for one in told].count(True) == 2  # a beat now and then, of nothing
    sharing.report("one", {})
    assert (sharing.others("one"), sharing.others("two")) == (0, 1)
    PoolReport.objects.update(at=timezone.now() - timedelta(seconds=20))
    assert sharing.others("two") == 0


def test_a_probe_that_went_well_leaves_a_models_rest(key: Credential) -> None:
    pool = Pool()
    sharing.tell(News(cooled={(key.pk, "m"): (60.0, "slower")}, disabled={key.pk: "quota: empty"}))
    sharing.heard().tell(pool)

    sharing.revive(key.pk)
    sharing.heard().tell(pool)

    assert pool.health(key.pk).why("m", pool.clock()) == "rate"
    assert pool.health(key.pk).why("other", pool.clock()) is None


def test_a_reset_that_comes_while_news_are_read_is_not_undone(key: Credential) -> None:
    pool = Pool()
    sharing.tell(News(cooled={(key.pk, "m"): (60.0, "slower")}))
    sharing.heard().tell(pool)
    done: list[int] = []

    def reset_after_the_first(execute: Any, *args: Any) -> Any:
        result = execute(*args)
        if not done:
            done.append(1)
            sharing.reset([key.pk])
        return result

    with connection.execute_wrapper(reset_after_the_first):
        sharing.heard().tell(pool)
    sharing.heard().tell(pool)

    assert pool.health(key.pk).why("m", pool.clock()) is None

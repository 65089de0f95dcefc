"""Alerts open once, remind, worsen and close; who wants them is told, and nobody in a storm."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction

from gateway.alert_rows import Alert, AlertKind, AlertMessage, AlertNotice, AlertRound
from gateway.alerts import conditions, rounds
from gateway.alerts.conditions import credentials
from gateway.models import Outcome
from licences.issuing import issue
from licences.models import Licence
from platforms.models import Credential
from tests.gateway.alerts.scene import NOON, Scene, calls, disable, everything, make_target, spend
from tests.make import make_credential, make_platform

pytestmark = pytest.mark.django_db
OUT = "Credential “main” of acme is out of service"


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def key() -> Credential:
    """One of two of a platform, so that this is not down without it."""
    platform = make_platform("acme")
    make_credential(platform, "other")
    return make_credential(platform)


def test_a_refused_credential_is_told_once_reminded_daily_and_told_to_be_well(
    scene: Scene, key: Credential
) -> None:
    make_target()
    assert scene.later() == []
    disable(key)

    assert scene.later(seconds=15) == [OUT]
    assert scene.later(seconds=15) == []
    assert scene.later(hours=23) == []
    assert scene.later(hours=1) == [f"Still so: {OUT}"]
    assert scene.later(hours=1) == []
    disable(key, reason="")
    assert scene.later(seconds=15) == []
    assert scene.later(minutes=10) == [f"Resolved: {OUT}"]
    assert scene.later(days=3) == []
    assert Alert.objects.get().settled_at is not None


def test_what_comes_and_goes_is_told_once(scene: Scene, key: Credential) -> None:
    make_target()
    for _time in range(20):
        disable(key)
        scene.later(minutes=4)
        disable(key, reason="")
        scene.later(minutes=4)

    assert scene.told == [OUT]
    assert Alert.objects.get().count == 20


def test_what_comes_back_after_it_was_settled_is_told_again(scene: Scene, key: Credential) -> None:
    make_target()
    for _time in range(2):
        disable(key)
        scene.later(minutes=1)
        disable(key, reason="")
        scene.later(minutes=1)
        scene.later(minutes=11)

    assert scene.told == [OUT, f"Resolved: {OUT}"] * 2


def test_a_platform_is_down_when_none_of_its_credentials_can_carry_calls(
    scene: Scene, key: Credential
) -> None:
    make_target(kinds=[AlertKind.PLATFORM_DOWN])
    other = Credential.objects.get(name="other")
    disable(key)
    assert scene.later(seconds=15) == []
    Credential.objects.filter(pk=other.pk).update(draining=True)

    assert scene.later(seconds=15) == ["Critical: No credential of acme can carry calls"]
    Credential.objects.filter(pk=other.pk).update(draining=False)
    scene.later(minutes=1)
    assert scene.later(minutes=11) == ["Resolved: No credential of acme can carry calls"]


def test_what_the_operator_has_switched_off_is_no_alert(scene: Scene, key: Credential) -> None:
    disable(key)
    Credential.objects.update(enabled=False)

    assert credentials(scene.now) == []


@pytest.mark.parametrize(
    ("window", "of"), [("total", "in total"), ("day", "of the day"), ("month", "of the month")]
)
def test_a_budget_is_told_at_80_and_at_100_percent(scene: Scene, window: str, of: str) -> None:
    make_target()
    licence, _key = issue(name="ada", **{f"budget_{window}_micros": 1_000_000})
    spend(licence, window, 799_999)
    assert scene.later(seconds=15) == []
    spend(licence, window, 800_000)

    assert scene.later(seconds=15) == [f"Licence “ada” has spent 80 % of its budget {of}"]
    spend(licence, window, 950_000)
    assert scene.later(seconds=15) == []
    spend(licence, window, 1_000_000)
    worse = f"Critical: Now worse: Licence “ada” has spent its budget {of}"
    assert scene.later(seconds=15) == [worse]
    assert scene.later(minutes=3) == []
    Licence.objects.update(**{f"budget_{window}_micros": 10_000_000})
    scene.later(seconds=15)
    assert len(scene.later(minutes=11)) == 1


def test_a_new_day_is_a_new_budget(scene: Scene) -> None:
    make_target()
    licence, _key = issue(name="ada", budget_day_micros=100)
    spend(licence, "day", 90)
    scene.later()
    scene.later(hours=12)
    spend(licence, "day", 90, scene.now)

    assert scene.later(seconds=15) == ["Licence “ada” has spent 90 % of its budget of the day"]


def test_a_budget_of_nothing_and_a_revoked_licence_are_no_alerts(scene: Scene) -> None:
    none, _key = issue(name="none", budget_total_micros=0)
    revoked, _key = issue(name="revoked", budget_total_micros=10)
    for licence in (none, revoked):
        spend(licence, "total", 10)
    Licence.objects.filter(pk=revoked.pk).update(revoked_at=NOON)
    make_target()

    assert scene.later() == []


def test_a_share_of_errors_is_told_from_enough_calls_on(scene: Scene, settings: Any) -> None:
    settings.TOKENS_ALERT_ERROR_PERCENT = 20
    settings.TOKENS_ALERT_ERROR_REQUESTS = 20
    make_target()
    make_platform("acme")
    calls("acme", Outcome.UPSTREAM_ERROR, 19, scene.now)
    assert scene.later(seconds=15) == []
    calls("acme", Outcome.COMPLETED, 76, scene.now)
    calls("acme", Outcome.REFUSED, 500, scene.now)
    calls("acme", Outcome.CANCELLED, 500, scene.now)

    assert scene.later(seconds=15) == ["Critical: 20 % of the calls of acme fail"]
    calls("acme", Outcome.COMPLETED, 20, scene.now)
    scene.later(seconds=15)
    assert scene.later(minutes=11) == ["Resolved: 20 % of the calls of acme fail"]


def test_a_platform_that_everybody_leaves_is_not_well_for_that(scene: Scene) -> None:
    make_target()
    make_platform("acme")
    calls("acme", Outcome.TRUNCATED, 30, scene.now)
    scene.later()
    calls("acme", Outcome.UPSTREAM_ERROR, 2, scene.now + timedelta(minutes=9))
    scene.later(minutes=11)  # the 30 are out of the window, the two are too few by themselves

    assert Alert.objects.get().closed_at is None


def test_a_licence_that_ends_is_told_a_week_before_and_when_it_has_ended(scene: Scene) -> None:
    make_target()
    licence, _key = issue(name="ada")
    Licence.objects.filter(pk=licence.pk).update(expires_at=NOON + timedelta(days=8))
    assert scene.later() == []

    assert scene.later(days=2) == ["Licence “ada” expires soon"]
    assert scene.later(days=2) == []
    assert scene.later(days=4) == ["Critical: Now worse: Licence “ada” has expired"]


def test_targets_hear_of_what_they_want(scene: Scene, key: Credential) -> None:
    wants: dict[str, dict[str, Any]] = {
        "all": {},
        "critical": {"min_severity": "critical"},
        "elsewhere": {"platforms": ["other"]},
        "here": {"platforms": ["acme"]},
        "budgets": {"kinds": ["budget"]},
        "off": {"enabled": False},
    }
    for name, wish in wants.items():
        make_target(name, **wish)
    disable(key)
    scene.later()

    told = AlertMessage.objects.values_list("target__name", flat=True)
    assert sorted(told) == ["all", "here"]


def test_a_muted_alert_is_silent_until_its_time_is_over(scene: Scene, key: Credential) -> None:
    make_target()
    disable(key)
    scene.later()
    Alert.objects.update(muted_until=scene.now + timedelta(hours=30))

    assert scene.later(hours=25) == []
    assert scene.later(hours=6) == [f"Still so: {OUT}"]


def test_five_hundred_refusals_at_once_are_one_message_a_target(scene: Scene) -> None:
    targets = [make_target(f"t{n}") for n in range(3)]
    platform = make_platform("acme")
    rows = Credential.objects.bulk_create(
        Credential(platform=platform, name=f"key {n:03}", secret_encrypted="x") for n in range(500)
    )
    disable(*rows)

    scene.later()

    assert AlertMessage.objects.count() == len(targets)
    message = AlertMessage.objects.first()
    assert message is not None
    assert message.content["subject"] == "[Tokens] 501 alerts"
    assert "- No credential of acme can carry calls" in message.content["text"]
    assert "… and 481 more." in message.content["text"]
    assert not AlertNotice.objects.filter(message=None).exists()


def test_a_target_gets_no_more_messages_an_hour_than_it_wants(scene: Scene) -> None:
    make_target(per_hour=4)
    platform = make_platform("acme")
    make_credential(platform, "well")
    for n in range(30):  # one every half minute, for a quarter of an hour
        disable(make_credential(platform, f"key {n}"))
        scene.later(seconds=30)
    assert len(scene.told) == 4
    scene.later(minutes=30)
    assert len(scene.told) == 4

    assert scene.later(minutes=20) == ["26 alerts"]


def test_an_alert_is_alive_once_only(scene: Scene, key: Credential) -> None:
    disable(key)
    scene.later()
    alert = Alert.objects.get()
    alert.pk = None

    with pytest.raises(IntegrityError), transaction.atomic():
        alert.save(force_insert=True)


def test_who_has_lost_the_turn_writes_nothing(scene: Scene, key: Credential) -> None:
    make_target()
    disable(key)
    rounds.take_turn(NOON)
    mine = rounds.take_turn(NOON)
    found = credentials(NOON)
    assert rounds.take_turn(NOON) == ""
    theirs = rounds.take_turn(NOON + rounds.EVERY)
    assert theirs

    assert rounds.write(found, NOON, mine) is False
    assert not Alert.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_several_processes_tell_of_it_once() -> None:
    """Threads with connections of their own, all at the same moments, as processes have."""
    make_target()
    platform = make_platform("acme")
    make_credential(platform, "other")
    disable(make_credential(platform))
    AlertRound.objects.create(pk=1, due_at=NOON)
    gate, turns = threading.Barrier(6), []

    def process() -> None:
        try:
            for number in range(5):
                now = NOON + number * rounds.EVERY
                gate.wait(20)
                if token := rounds.take_turn(now):
                    turns.append(number)
                    found = everything(now)
                    rounds.write(found, now, token)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=process) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert turns == [0, 1, 2, 3, 4], connection.vendor
    assert Alert.objects.count() == AlertNotice.objects.count() == 1


def test_what_is_long_over_is_removed(scene: Scene, key: Credential) -> None:
    make_target()
    disable(key)
    scene.later()
    disable(key, reason="")
    scene.later(minutes=1)
    scene.later(minutes=11)

    rounds.tidy(scene.now + timedelta(days=29))
    assert (Alert.objects.count(), AlertMessage.objects.count()) == (1, 2)
    rounds.tidy(scene.now + timedelta(days=91))
    assert (Alert.objects.count(), AlertMessage.objects.count()) == (0, 0)


def test_of_very_many_calls_the_newest_tell(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "MOST_RECORDS", 50)
    make_target()
    make_platform("acme")
    calls("acme", Outcome.COMPLETED, 500, scene.now - timedelta(minutes=5))
    for second in range(60):
        calls("acme", Outcome.UPSTREAM_ERROR, 1, scene.now - timedelta(seconds=second))

    assert scene.later() == ["Critical: 100 % of the calls of acme fail"]

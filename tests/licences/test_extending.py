"""Letting a licence work for longer: the function, the page, the command."""

import json
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError
from django.test import Client
from django.utils import timezone

from licences import issuing
from licences.forms import ExtendForm, end_of
from licences.models import Licence, LicenceVersion, State
from tests.licences.people import ada, bob
from tests.licences.test_admin import history, page
from tests.licences.test_command import run, run_json

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("platforms")]
DAY = timedelta(days=1)
NEARLY = timedelta(minutes=1)


@dataclass
class Case:
    """How far away its end is, and what is asked."""

    id: str
    left: timedelta | None
    by: timedelta | None = None
    until: timedelta | None = None
    ends_in: timedelta | None = None
    """None: it is refused."""


CASES = [
    Case("one in force, from its end", 10 * DAY, by=30 * DAY, ends_in=40 * DAY),
    Case("one that is over, from now", -10 * DAY, by=30 * DAY, ends_in=30 * DAY),
    Case("to a moment", 10 * DAY, until=12 * DAY, ends_in=12 * DAY),
    Case("one that is over, to a moment", -10 * DAY, until=2 * DAY, ends_in=2 * DAY),
    Case("never to an earlier moment", 10 * DAY, until=9 * DAY),
    Case("never to the past", -10 * DAY, until=-5 * DAY),
    Case("not by nothing", 10 * DAY, by=timedelta(0)),
    Case("not backwards", 10 * DAY, by=-DAY),
    Case("not beyond the calendar", 10 * DAY, by=timedelta(weeks=999_999)),
    Case("not what never ends", None, by=30 * DAY),
    Case("not what never ends, to a moment", None, until=30 * DAY),
    Case("not by nothing at all", 10 * DAY),
]


def ending(left: timedelta | None) -> Licence:
    """A licence whose end is so far away."""
    licence, _key = ada(expires_at=None)
    end = None if left is None else timezone.now() + left
    Licence.objects.filter(pk=licence.pk).update(expires_at=end)
    licence.refresh_from_db()
    return licence


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_extending(case: Case) -> None:
    licence = ending(case.left)
    before, version = licence.expires_at, LicenceVersion.current()
    until = None if case.until is None else timezone.now() + case.until

    if case.ends_in is None:
        with pytest.raises(ValidationError):
            issuing.extend(licence, by=case.by, until=until)
    else:
        issuing.extend(licence, by=case.by, until=until)

    licence.refresh_from_db()
    if case.ends_in is None:
        assert licence.expires_at == before
    else:
        assert licence.expires_at is not None
        assert abs(licence.expires_at - timezone.now() - case.ends_in) < NEARLY
        assert licence.state(timezone.now()) in (State.ACTIVE, State.EXPIRING)
        assert LicenceVersion.current() > version


def test_a_revoked_licence_is_never_extended(operator: Client) -> None:
    licence = ending(10 * DAY)
    issuing.revoke(licence)
    before = Licence.objects.values().get()

    with pytest.raises(ValidationError, match="is revoked, which is for good"):
        issuing.extend(licence, by=DAY)
    answer = operator.post(page(licence, "extend"), {"by_days": "30"})

    assert "is revoked, which is for good" in answer.content.decode()
    assert Licence.objects.values().get() == before


def test_a_licence_that_is_switched_off_stays_off() -> None:
    licence = ending(-DAY)
    issuing.disable(licence)

    issuing.extend(licence, by=DAY)

    assert licence.state(timezone.now()) == State.SWITCHED_OFF


@pytest.mark.parametrize("days", ["7", "30", "90", "365"])
def test_the_page_extends_by_days_and_writes_history(operator: Client, days: str) -> None:
    licence = ending(-DAY)

    answer = operator.post(page(licence, "extend"), {"by_days": days}, follow=True)

    licence.refresh_from_db()
    assert licence.expires_at is not None
    assert abs(licence.expires_at - timezone.now() - int(days) * DAY) < NEARLY
    assert answer.redirect_chain == [(page(licence), 302)]
    assert "Extended until" in answer.content.decode()
    assert history(licence) == [f"Extended until {licence.expires_at.isoformat('T', 'minutes')}"]


def test_the_page_extends_to_the_end_of_a_day_in_the_operators_zone(operator: Client) -> None:
    licence = ending(DAY)
    operator.cookies["tokens_zone"] = "Asia/Shanghai"
    day = (timezone.now() + 40 * DAY).date()

    operator.post(page(licence, "extend"), {"by_days": "until", "until_day": day.isoformat()})

    licence.refresh_from_db()
    assert licence.expires_at == datetime(day.year, day.month, day.day, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"by_days": "8"},
        {"by_days": "until"},
        {"by_days": "until", "until_day": "2020-01-01"},
        {"by_days": "until", "until_day": "soon"},
        {"by_days": "30", "until_day": "2099-01-01"},
    ],
)
def test_the_page_names_a_mistake_and_changes_nothing(
    operator: Client, wrong: dict[str, str]
) -> None:
    licence = ending(DAY)

    answer = operator.post(page(licence, "extend"), wrong)

    assert answer.status_code == 200
    assert 'class="errorlist' in answer.content.decode()
    assert Licence.objects.get().expires_at == licence.expires_at
    assert history(licence) == []


def test_the_page_says_of_each_choice_when_it_would_end() -> None:
    licence = ending(DAY)

    choices = [str(label) for _value, label in ExtendForm(licence).fields["by_days"].choices]  # type: ignore[attr-defined]

    assert choices[0].startswith("7 more days, until ")
    assert len(choices) == 5


def test_the_last_day_of_all_calendars_is_no_crash() -> None:
    assert end_of(date.max).year == MAXYEAR


@pytest.mark.parametrize(
    ("arguments", "ends_in"),
    [(["--by", "30d"], 31 * DAY), (["--by", "12h"], 1.5 * DAY)],
)
def test_the_command_extends_by(arguments: list[str], ends_in: timedelta) -> None:
    licence = ending(DAY)

    said = run_json("extend", licence.pk, *arguments)

    assert abs(datetime.fromisoformat(said["expires_at"]) - timezone.now() - ends_in) < NEARLY


def test_the_command_extends_to_the_last_minute_of_a_day_or_to_a_moment() -> None:
    licence = ending(DAY)

    to_day = run("extend", licence.pk, "--until", "2098-12-31")
    to_moment = run_json("extend", licence.pk, "--until", "2099-12-31T18:00+00:00")

    assert "extended until 2099-01-01T00:00" in to_day
    assert to_moment["expires_at"] == "2099-12-31T18:00:00+00:00"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--by", "long"], "--by is “long”; it takes"),
        (["--until", "30d"], "--until is “30d”; it takes 2026-12-31"),
        (["--until", "2026-02-31"], "--until is “2026-02-31”; it takes"),
        (["--until", "2020-01-01"], "not later than its present end"),
        (["--by", "0s"], "not later than its present end"),
        ([], "one of the arguments --by --until is required"),
        (["--by", "1d", "--until", "2099-01-01"], "not allowed with"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], sentence: str) -> None:
    licence = ending(DAY)

    with pytest.raises(CommandError, match=sentence):
        run("extend", licence.pk, *arguments)

    assert Licence.objects.get().expires_at == licence.expires_at


def test_the_command_does_not_extend_what_never_ends() -> None:
    licence, _key = bob()

    with pytest.raises(CommandError, match="never expires"):
        run("extend", licence.pk, "--by", "30d")


def test_who_may_only_look_cannot_extend(viewer: Client) -> None:
    licence = ending(DAY)

    answers: list[Any] = [
        viewer.get(page(licence, "extend")),
        viewer.post(page(licence, "extend"), {"by_days": "30"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert json.dumps(history(licence)) == "[]"
    assert Licence.objects.get().expires_at == licence.expires_at

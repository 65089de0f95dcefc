"""The upper part of a licence's page: what it shows, and its buttons."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.safestring import mark_safe

from licences import issuing
from licences.limits.terms import Usage
from licences.models import Licence
from licences.panels import panels
from tests.licences.people import ada, bob
from tests.licences.test_admin import LIST, history, page
from tests.licences.test_command_limits import spend

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("platforms")]
VERBS = ("rotate", "end_overlap", "extend", "revoke", "switch")
HOUR = timedelta(hours=1)


def shown(client: Client, licence: Licence) -> str:
    answer = client.get(page(licence))
    assert answer.status_code == 200
    return answer.content.decode()


def bar(text: str, words: str) -> int:
    """How full the bar of these words is."""
    found = re.search(rf">{re.escape(words)}</span>\s*<progress [^>]*value=\"(\d+)\"", text)
    assert found, words
    return int(found[1])


def test_budgets_are_bars_with_words_and_say_when_they_begin_anew(operator: Client) -> None:
    licence, _key = ada(budget_day_micros=2_000_000, budget_total_micros=10_000_000)
    spend(licence, total=12_000_000, day=1_700_000, month=3_000_000)

    text = shown(operator, licence)

    assert bar(text, "12.00 USD spent in total of 10.00, 0.00 left") == 100
    assert bar(text, "1.70 USD spent today of 2.00, 0.30 left") == 85
    assert "tk-progress tk-progress-bad" in text
    assert "tk-progress tk-progress-warn" in text
    assert "3.00 USD spent this month<" in text
    assert text.count("Begins anew on") == 1


def test_rates_now_are_bars_where_somebody_counts(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    licence, _key = ada(rpm=60, concurrency=4, model_limits={"gpt-5*": {"tpm": 1000}})
    usage = Usage(30, 250, 4, 0, None, 0, 0)
    monkeypatch.setattr(panels, "usages_of", lambda buckets: [usage for _bucket in buckets])

    text = shown(operator, licence)

    assert bar(text, "30 of 60 requests in the last 60 seconds") == 50
    assert bar(text, "4 of 4 requests under way") == 100
    assert bar(text, "gpt-5*: 250 of 1,000 tokens in the last 60 seconds") == 25


def test_without_counters_the_bounds_are_named(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    licence, _key = ada(rpm=60)
    alone = shown(operator, licence)
    monkeypatch.setattr(panels, "usages_of", lambda _buckets: None)

    assert "60 requests per minute" in alone
    assert "60 requests per minute" in shown(operator, licence)


def test_a_registered_panel_is_on_the_page(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    licence, _key = ada()

    def usage(_request: Any, asked: Licence) -> str:
        return mark_safe(f"<p>the use of {asked.pk}</p>")  # our own

    monkeypatch.setattr(panels, "usage", usage)

    assert f"<p>the use of {licence.pk}</p>" in shown(operator, licence)


def test_while_an_old_key_works_the_page_says_so_and_can_end_it(operator: Client) -> None:
    licence, _key = ada()
    issuing.rotate(licence, HOUR)
    before = shown(operator, licence)

    answer = operator.post(page(licence, "end_overlap"), follow=True)

    licence.refresh_from_db()
    after = answer.content.decode()
    assert "the old key works until" in before
    assert page(licence, "end_overlap") in before
    assert (licence.previous_key_hash, licence.previous_key_until) == (None, None)
    assert "Ended the old key." in after
    assert page(licence, "end_overlap") not in after
    assert history(licence) == ["Ended the old key."]


def test_an_overlap_that_is_over_is_not_shown_and_ending_it_changes_nothing(
    operator: Client,
) -> None:
    licence, _key = ada()
    issuing.rotate(licence, HOUR)
    Licence.objects.update(previous_key_until=timezone.now() - HOUR)

    answer = operator.post(page(licence, "end_overlap"), follow=True)

    assert "the old key works until" not in answer.content.decode()
    assert history(licence) == []


def test_switching_off_and_on(operator: Client) -> None:
    licence, _key = ada()

    operator.post(page(licence, "switch"), {"on": "no"})
    was_off = not Licence.objects.get().enabled
    operator.post(page(licence, "switch"), {"on": "yes"})

    assert was_off
    assert Licence.objects.get().enabled
    assert history(licence) == ["Switched off.", "Switched on."]


def test_revoking_one_asks_first(operator: Client) -> None:
    licence, _key = ada()

    asked = operator.get(page(licence, "revoke")).content.decode()
    untouched = Licence.objects.get().revoked_at
    answer = operator.post(page(licence, "revoke"), follow=True)

    assert "stop working within a second, for good" in asked
    assert untouched is None
    assert Licence.objects.get().revoked_at is not None
    assert "for good" in answer.content.decode()
    assert history(licence) == ["Revoked."]


def test_a_revoked_licence_has_no_buttons_and_cannot_be_switched_on(operator: Client) -> None:
    licence, _key = ada(expires_at=timezone.now() + HOUR)
    issuing.revoke(licence)

    text = shown(operator, licence)
    answer = operator.post(page(licence, "switch"), {"on": "yes"}, follow=True)

    assert not any(page(licence, verb) in text for verb in VERBS)
    assert "is revoked, which is for good" in answer.content.decode()


def test_who_may_only_look_sees_all_and_may_do_nothing(viewer: Client) -> None:
    licence, _key = ada(expires_at=timezone.now() + HOUR, budget_total_micros=10_000_000)
    issuing.rotate(licence, HOUR)
    before = Licence.objects.values().get()

    text = shown(viewer, licence)
    refused = [viewer.post(page(licence, verb), {"on": "no"}).status_code for verb in VERBS]

    assert "0.00 USD spent in total of 10.00, 10.00 left" in text
    assert "the old key works until" in text
    assert not any(page(licence, verb) in text for verb in VERBS)
    assert refused == [403] * len(VERBS)
    assert Licence.objects.values().get() == before


@pytest.mark.parametrize("verb", ["end_overlap", "switch"])
def test_what_does_not_ask_is_posted_only(operator: Client, verb: str) -> None:
    licence, _key = ada()

    assert operator.get(page(licence, verb)).status_code == 405


@pytest.mark.parametrize("verb", VERBS)
def test_there_is_no_such_page_for_a_licence_that_is_not_there(operator: Client, verb: str) -> None:
    assert operator.post(f"{LIST}999/{verb.replace('_', '-')}/").status_code == 404


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"expires_at": None}, "Never expires"),
        ({"expires_at": timezone.now() + 50 * HOUR}, "in 2\xa0days"),
        ({"expires_at": datetime(2090, 1, 1, tzinfo=UTC)}, "Expires on Jan. 1, 2090"),
    ],
)
def test_the_page_says_when_it_ends(operator: Client, over: dict[str, Any], words: str) -> None:
    licence, _key = ada(**over)

    assert words in shown(operator, licence)


def test_the_list_has_bars_badges_and_warns_of_an_end_that_is_near(operator: Client) -> None:
    licence, _key = ada(budget_day_micros=2_000_000, expires_at=timezone.now() + 50 * HOUR)
    spend(licence, total=9, day=1_900_000, month=9)
    bob(platforms=["a", "b", "c", "d", "e"])

    listed = operator.get(LIST).content.decode()

    assert re.search(r'progress class="tk-progress tk-progress-warn" max="100" value="95"', listed)
    assert '<span class="licence-soon">in 2\xa0days</span>' in listed
    assert "tk-badge tk-badge-warn" in listed
    assert "a, b, c and 2 more" in listed


def test_a_page_costs_the_same_number_of_queries_however_many_licences(operator: Client) -> None:
    licence, _key = ada()

    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            operator.get(path)
        return len(seen)

    before = count(LIST), count(page(licence))
    for _number in range(5):
        bob(expires_at=timezone.now() + HOUR, budget_day_micros=1)

    assert (count(LIST), count(page(licence))) == before

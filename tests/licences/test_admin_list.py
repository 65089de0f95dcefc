"""The list of licences in the admin: what it shows, filters and finds."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from licences import issuing
from licences.models import Licence, State
from tests.licences.people import ada, bob

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("platforms"),
]
LIST = "/admin/licences/licence/"


def in_list(client: Client, **query: str) -> set[str]:
    answer = client.get(LIST, query)
    assert answer.status_code == 200
    return {licence.name for licence in answer.context["cl"].result_list}


@pytest.fixture
def crowd() -> None:
    """One licence for each question of the filters."""
    now = timezone.now()
    everywhere, _key = ada(expires_at=now + timedelta(days=20))
    Licence.objects.filter(pk=everywhere.pk).update(last_used_at=now)
    bob(expires_at=now + timedelta(days=3))
    issuing.issue(name="acme_2", platforms=["acme_2"])
    issuing.revoke(issuing.issue(name="gone", platforms=["sandbox"])[0])


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"ada", "bob", "acme_2", "gone"}),
        ({"state": State.REVOKED}, {"gone"}),
        ({"state": State.EXPIRING}, {"bob"}),
        ({"state": State.ACTIVE}, {"ada", "acme_2"}),
        ({"platform": "acme"}, {"ada", "bob"}),
        ({"platform": "*"}, {"ada"}),
        ({"expiring": "7"}, {"bob"}),
        ({"expiring": "30"}, {"ada", "bob"}),
        ({"expiring": "never"}, {"acme_2", "gone"}),
        ({"used": "never"}, {"bob", "acme_2", "gone"}),
        ({"used": "lately"}, {"ada"}),
        ({"used": "not_lately"}, set()),
        ({"q": "team"}, {"bob"}),
        ({"q": "nobody"}, set()),
    ],
)
def test_filters_and_search(operator: Client, query: dict[str, str], expected: set[str]) -> None:
    assert in_list(operator, **query) == expected


def test_a_licence_is_found_by_the_key_as_logs_show_it(operator: Client) -> None:
    licence, _key = ada()
    bob()

    assert in_list(operator, q=licence.shown_key) == {"ada"}


def test_the_list_shows_state_and_reach(operator: Client) -> None:
    licence, _key = bob()

    listed = operator.get(LIST).content.decode()
    changing = operator.get(f"{LIST}{licence.pk}/change/").content.decode()

    assert "tk-badge-good" in listed
    assert licence.shown_key in listed
    for name in ("log_content", "key_hash"):
        assert name not in changing


def test_there_is_no_page_for_a_licence_that_is_not_there(operator: Client) -> None:
    assert operator.get(f"{LIST}999/rotate/").status_code == 404

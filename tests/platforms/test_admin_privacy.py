"""What the console's pages keep to themselves, and from whom."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.views.debug import SafeExceptionReporterFilter

from platforms.models import Credential, Platform
from tests.make import make_credential, make_platform

pytestmark = pytest.mark.django_db
MARKER = "MARKER-SECRET-4711"
PROXY = f"http://user:{MARKER}@proxy.example:3128"


def staff(may: str) -> Client:
    """Staff with all permissions that begin with this word."""
    user = User.objects.create(username=may or "all", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith=may))
    client = Client()
    client.force_login(user)
    return client


def text(client: Client, verb: str, *rows: Platform | Credential) -> str:
    """All of the pages of these rows, in one text."""
    pages = []
    for row in rows:
        name = f"admin:platforms_{row._meta.model_name}_{verb}"
        answer = client.get(reverse(name, args=[] if verb == "changelist" else [row.pk]))
        assert answer.status_code == 200
        pages.append(answer.content.decode())
    return "\n".join(pages)


@pytest.fixture
def rows() -> tuple[Platform, Credential]:
    platform = make_platform("acme", proxy=PROXY)
    return platform, make_credential(platform, secret=MARKER, proxy=PROXY)


def test_who_may_only_look_sees_a_proxy_without_its_password(
    rows: tuple[Platform, Credential],
) -> None:
    viewer = staff("view_")

    shown = text(viewer, "change", *rows)

    assert shown.count("http://user:…@proxy.example:3128") == len(rows)
    assert MARKER not in shown + text(viewer, "changelist", *rows)
    assert 'name="secret"' not in shown


@pytest.mark.parametrize("name", ["platform", "credential"])
@pytest.mark.parametrize("field", ["proxy__startswith", "secret_encrypted__regex"])
def test_lists_answer_no_guesses_of_what_is_not_shown(
    rows: tuple[Platform, Credential], name: str, field: str
) -> None:
    listed = reverse(f"admin:platforms_{name}_changelist")

    assert staff("view_").get(listed, {field: PROXY[:20]}).status_code == 400


def test_who_may_change_a_proxy_gets_it_whole(rows: tuple[Platform, Credential]) -> None:
    shown = text(staff(""), "change", *rows)

    assert shown.count(PROXY) == len(rows)


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": f"{MARKER}\x00"},
        {"secret": f"{MARKER}\u00e9"},
        {"secret": MARKER * 1_000},
        {"secret": MARKER, "proxy": "nonsense"},
        {"secret": MARKER, "weight": "0"},
        {"secret": MARKER, "name": ""},
        {"secret": MARKER, "name": "main"},
    ],
)
def test_no_refusal_repeats_the_secret(rows: tuple[Platform, Credential], wrong: Any) -> None:
    form = {"platform": rows[0].pk, "name": "new", "weight": 1, "enabled": "on", **wrong}

    answer = staff("").post(reverse("admin:platforms_credential_add"), form)

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert MARKER not in answer.content.decode()
    assert Credential.objects.count() == 1


def test_history_tells_that_a_secret_was_changed_but_not_which(
    rows: tuple[Platform, Credential],
) -> None:
    _platform, credential = rows
    form = {"platform": credential.platform_id, "name": "main", "weight": 1, "enabled": "on"}
    client = staff("")
    url = reverse("admin:platforms_credential_change", args=[credential.pk])

    client.post(url, {**form, "secret": f"{MARKER}-2", "proxy": ""})

    [entry] = LogEntry.objects.all()
    assert "secret" in entry.get_change_message().lower()
    assert MARKER not in str(vars(entry)) + text(client, "history", credential)


@pytest.mark.parametrize("page", ["platform", "credential"])
def test_a_report_of_a_failure_leaves_out_what_was_entered(page: str) -> None:
    form = {"secret": MARKER, "proxy": PROXY, "name": "new"}

    request = staff("").post(reverse(f"admin:platforms_{page}_add"), form).wsgi_request

    reported = SafeExceptionReporterFilter().get_post_parameters(request)
    assert reported["name"] == "new"
    assert MARKER not in str(dict(reported))


def test_deleting_shows_what_goes_and_no_secret(rows: tuple[Platform, Credential]) -> None:
    shown = text(staff(""), "delete", *rows)

    assert "acme: main" in shown
    assert MARKER not in shown


def test_a_platforms_page_costs_the_same_queries_however_many_credentials(
    rows: tuple[Platform, Credential],
) -> None:
    client, platform = staff(""), rows[0]
    text(client, "change", platform)  # permissions and content types are looked up once

    counts = []
    for name in ("a", "b"):
        with CaptureQueriesContext(connection) as queries:
            text(client, "change", platform)
        counts.append(len(queries))
        make_credential(platform, name)

    assert counts[0] == counts[1]

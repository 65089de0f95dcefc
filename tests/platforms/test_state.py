"""How a credential is, as the console and the commands show it; and the buttons that change it."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from platforms import probing, sharing
from platforms.models import CatalogueVersion, Credential
from platforms.news import News
from platforms.probing import ProbeResult
from platforms.records import PoolReport
from platforms.state import Shown, State, counts, in_state, shown
from tests.make import make_credential, make_platform
from tests.platforms.running import run, run_json

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def key(**over: Any) -> Credential:
    return make_credential(make_platform(), **over)


def state_of(row: Credential) -> Shown:
    row.refresh_from_db()
    return shown([row])[row.pk]


def reported(
    row: Credential, process: str = "one", age: timedelta = timedelta(), **told: Any
) -> None:
    data = {"in_flight": 0, "ok": 0, "failed": 0, "rests": {}, **told}
    at = timezone.now() - age
    PoolReport.objects.create(process=process, at=at, data={str(row.pk): data})


def client(*codenames: str) -> Client:
    user = User.objects.create(username="-".join(codenames), is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    found = Client()
    found.force_login(user)
    return found


@pytest.mark.parametrize(
    ("columns", "state", "reason"),
    [
        ({}, State.ACTIVE, ""),
        ({"enabled": False, "disabled_reason": "key: no"}, State.OFF, ""),
        ({"disabled_reason": "key: no", "draining": True}, State.OUT, "key: no"),
        ({"draining": True}, State.DRAINING, "nothing under way any more"),
    ],
)
def test_the_first_state_that_fits_is_shown(
    columns: dict[str, Any], state: State, reason: str
) -> None:
    found = state_of(key(**columns))

    assert (found.state, found.reason) == (state, reason)


def test_a_rest_is_shown_with_its_model_its_reason_and_its_end() -> None:
    row = key()
    sharing.tell(News(cooled={(row.pk, "m-1"): (5.0, "slower"), (row.pk, "m-2"): (60.0, "day")}))

    found = state_of(row)

    assert (found.state, found.reason) == (State.RESTING, "m-2: day")
    assert found.until is not None
    assert 55 < (found.until - timezone.now()).total_seconds() <= 60
    assert list(in_state(Credential.objects.all(), State.RESTING)) == [row]
    assert list(in_state(Credential.objects.all(), State.ACTIVE)) == []


def test_what_processes_report_is_added_up_and_dead_ones_are_left_out() -> None:
    row = key()
    reported(row, "one", in_flight=2, ok=7, failed=1)
    reported(row, "two", in_flight=1, ok=2, failed=0)
    reported(row, "dead", timedelta(seconds=60), in_flight=9, ok=0, failed=99)

    found = state_of(row)

    assert (found.in_flight, found.ok, found.failed, found.success_percent) == (3, 9, 1, 90)


def test_an_open_breaker_of_any_process_is_shown() -> None:
    row = key()
    until = (timezone.now() + HOUR).timestamp()
    reported(row, rests={"m-1": ["open", until]})

    found = state_of(row)

    assert (found.state, found.reason) == (State.FAILING, "m-1 keeps failing")
    assert counts() == {("acme", "failing"): 1}


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        ("enable-now", {"disabled_reason": "key: no", "strikes": 3}, State.ACTIVE),
        ("enable-now", {"enabled": False}, State.ACTIVE),
        ("drain", {}, State.DRAINING),
        ("undrain", {"draining": True}, State.ACTIVE),
    ],
)
def test_a_button_acts_at_once_and_stands_in_the_history(
    verb: str, before: dict[str, Any], after: State
) -> None:
    row = key(**before)

    url = reverse("admin:platforms_credential_do", args=[row.pk, verb])
    answer = client("change_credential").post(url)

    assert answer.status_code == 302
    assert state_of(row).state == after
    assert LogEntry.objects.count() == 1
    if verb == "enable-now":
        assert (row.strikes, row.probe_at) == (0, None)
        assert sharing.heard().resets[0][0] == row.pk


@pytest.mark.parametrize("codename", ["view_credential", "change_platform"])
def test_a_button_is_for_those_who_may_change_credentials(codename: str) -> None:
    row = key(disabled_reason="key: no")
    url = reverse("admin:platforms_credential_do", args=[row.pk, "enable-now"])

    assert client(codename).post(url).status_code == 404
    assert state_of(row).state == State.OUT


def test_a_button_changes_nothing_when_a_link_leads_there() -> None:
    row = key(disabled_reason="key: no")
    url = reverse("admin:platforms_credential_do", args=[row.pk, "enable-now"])

    assert client("change_credential").get(url).status_code == 405
    assert state_of(row).state == State.OUT


def test_the_page_has_the_buttons_that_fit_and_the_list_shows_why() -> None:
    row = key(disabled_reason="key: <b>no</b>", draining=True)
    browser = client("change_credential", "view_credential")

    page = browser.get(reverse("admin:platforms_credential_change", args=[row.pk])).content
    listed = browser.get(reverse("admin:platforms_credential_changelist")).content.decode()

    for verb in ("enable-now", "test", "undrain"):
        assert f"/do/{verb}/".encode() in page
    assert b"/do/drain/" not in page
    assert "key: &lt;b&gt;no&lt;/b&gt;" in listed


def test_a_test_that_goes_well_brings_a_credential_back(monkeypatch: pytest.MonkeyPatch) -> None:
    row = key(disabled_reason="key: no", strikes=2)
    monkeypatch.setattr(probing, "_probes", [lambda *_: ProbeResult(True, 200, 1, "well")])

    probing.probe_and_note(row.platform, row)

    assert state_of(row).state == State.ACTIVE
    assert row.strikes == 2  # until a call has gone well too


def test_a_new_secret_is_not_held_against_what_the_old_one_did(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = key(disabled_reason="key: no", strikes=2)
    monkeypatch.setenv("NEW", "sk-new")

    run("credential", "set-secret", row.pk, "--secret-env", "NEW")

    assert state_of(row).state == State.ACTIVE
    assert row.strikes == 0


def test_the_form_brings_a_credential_back_with_its_new_secret() -> None:
    row = key(disabled_reason="key: no", strikes=2)
    url = reverse("admin:platforms_credential_change", args=[row.pk])
    form = {"platform": row.platform_id, "name": "main", "weight": 1, "tier": 1, "enabled": "on"}

    answer = client("change_credential").post(url, {**form, "secret": "sk-new", "proxy": ""})

    assert answer.status_code == 302
    assert state_of(row).state == State.ACTIVE


def test_commands_show_state_and_bring_credentials_back() -> None:
    row = key(disabled_reason="quota: empty", strikes=1)

    [listed] = run_json("credential", "list")
    enabled = run("credential", "enable", row.pk)

    assert (listed["state"], listed["reason"]) == ("out", "quota: empty")
    assert "switched on" in enabled
    assert state_of(row).state == State.ACTIVE
    assert "draining" in run("credential", "drain", row.pk)
    assert state_of(row).state == State.DRAINING
    run("credential", "drain", row.pk, "--end")
    assert state_of(row).state == State.ACTIVE


def test_a_command_sets_what_steers_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    make_platform("acme")
    monkeypatch.setenv("NEW", "sk-new")

    added = ("credential", "add", "acme", "--secret-env", "NEW", "--priority", 2, "--rpm", 9)
    row = run_json(*added, "--group", "a", "--group", "b", "--concurrency", 4)

    assert (row["tier"], row["groups"], row["concurrency"], row["rpm"]) == (2, ["a", "b"], 4, 9)


def test_news_and_reports_are_no_change_of_the_configuration() -> None:
    row = key()
    before = CatalogueVersion.current()

    sharing.tell(News(cooled={(row.pk, "m"): (5.0, "x")}, disabled={row.pk: "key: no"}))
    sharing.report("one", {})
    sharing.reset([row.pk])

    assert CatalogueVersion.current() == before

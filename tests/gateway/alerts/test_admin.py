"""The console's pages of alerts and targets: what they show, to whom, and what is done there."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from gateway.alert_rows import Alert, AlertMessage, AlertTarget, MessageState
from gateway.alerts import sending
from platforms.secrets import decrypt
from tests.gateway.alerts.scene import Scene, disable, make_target
from tests.make import make_credential, make_platform
from tests.upstreams import Upstream, answer, running_upstream

pytestmark = pytest.mark.django_db
ALERTS, TARGETS = "/admin/gateway/alert/", "/admin/gateway/alerttarget/"
XSS = "<script>alert(1)</script>"
TOKEN = "MARKER-TOKEN-of-an-address"  # a marker


@pytest.fixture(autouse=True)
def no_cache() -> None:
    cache.clear()


@pytest.fixture
def receiver(settings: Any) -> Iterator[Upstream]:
    with running_upstream(answer(b"ok", content_type="text/plain")) as upstream:
        settings.TOKENS_ALERT_ALLOW = [f"127.0.0.1:{upstream.port}"]
        yield upstream


def staff(*may: str) -> Client:
    """Staff with the permissions that begin with these words."""
    user = User.objects.create(username="-".join(may) or "nobody", is_staff=True)
    for word in may:
        user.user_permissions.add(*Permission.objects.filter(codename__startswith=word))
    client = Client()
    client.force_login(user)
    return client


def filled(**over: Any) -> dict[str, Any]:
    """The form of a new target, as a browser sends it."""
    return {
        "name": "chat",
        "kind": "webhook",
        "address": f"https://hooks.example.org/{TOKEN}",
        "secret": "",
        "enabled": "on",
        "min_severity": "warning",
        "language": "en",
        "per_hour": "12",
        **over,
    }


def alert(**over: Any) -> Alert:
    platform = make_platform("acme")
    make_credential(platform, "other")
    disable(make_credential(platform, **over))
    Scene().later()
    return Alert.objects.get()


def test_a_webhooks_secret_is_made_shown_once_and_never_again(admin_client: Client) -> None:
    answered = admin_client.post(f"{TARGETS}add/", filled())

    page = answered.content.decode()
    [secret] = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", page))
    target = AlertTarget.objects.get()
    assert decrypt(target.secret_encrypted) == secret
    assert "no-store" in answered["cache-control"]
    for path in (TARGETS, f"{TARGETS}{target.pk}/change/", f"{TARGETS}{target.pk}/history/"):
        assert secret not in admin_client.get(path).content.decode()
    assert secret not in str(list(LogEntry.objects.values_list("change_message")))


def test_a_secret_of_the_receiver_is_taken_and_stays_when_left_empty(admin_client: Client) -> None:
    secret = sending.new_secret()
    admin_client.post(f"{TARGETS}add/", filled(secret=secret))
    target = AlertTarget.objects.get()
    admin_client.post(f"{TARGETS}{target.pk}/change/", filled(name="renamed"))

    target.refresh_from_db()
    assert target.name == "renamed"
    assert decrypt(target.secret_encrypted) == secret


def test_a_new_secret_replaces_the_old_one(admin_client: Client) -> None:
    target = make_target()
    before = decrypt(target.secret_encrypted)
    page = admin_client.post(f"{TARGETS}{target.pk}/new-secret/").content.decode()

    target.refresh_from_db()
    assert decrypt(target.secret_encrypted) in page.replace("&#x2B;", "+")
    assert decrypt(target.secret_encrypted) != before
    assert admin_client.get(f"{TARGETS}{target.pk}/new-secret/").status_code == 405


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"address": "http://127.0.0.1/x"}, "TOKENS_ALERT_ALLOW"),
        ({"address": "http://169.254.169.254/"}, "not a public address"),
        ({"address": "ftp://example.org/"}, "must begin with https://"),
        ({"kind": "email", "address": "a@b.org, nobody"}, "is no e-mail address"),
        ({"kind": "email", "address": ",".join(["a@b.org"] * 21)}, "more than 20"),
        ({"secret": "hello"}, "begins with whsec_"),
        ({"secret": "whsec_c2hvcnQ="}, "24 to 64 bytes"),
        ({"per_hour": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_work_is_refused(admin_client: Client, over: Any, says: str) -> None:
    page = admin_client.post(f"{TARGETS}add/", filled(**over)).content.decode()

    assert says in page
    assert not AlertTarget.objects.exists()


def test_the_test_button_sends_and_shows_the_answer(
    admin_client: Client, receiver: Upstream
) -> None:
    target = make_target(address=f"{receiver.base_url}/{TOKEN}", enabled=False)

    page = admin_client.post(f"{TARGETS}{target.pk}/test/", follow=True).content.decode()

    assert "The test was delivered: 200 ok" in page
    [request] = receiver.requests
    assert request.json["event"] == "test"
    assert AlertMessage.objects.get().state == MessageState.SENT
    receiver.default = answer(XSS.encode(), 500)
    page = admin_client.post(f"{TARGETS}{target.pk}/test/", follow=True).content.decode()
    assert "The test failed: It answered 500: &lt;script&gt;" in page
    assert XSS not in page


def test_names_and_reasons_are_shown_as_text(admin_client: Client) -> None:
    make_target(name=XSS, kinds=[])
    made = alert(name=XSS)

    for path in (ALERTS, f"{ALERTS}{made.pk}/change/", TARGETS):
        page = admin_client.get(path).content.decode()
        assert XSS not in page
        assert "&lt;script&gt;alert(1)" in page


def test_an_alert_leads_to_what_it_is_about(admin_client: Client) -> None:
    make_target()
    made = alert()
    about = f"/admin/platforms/credential/{made.parameters['id']}/change/"

    assert f'href="{about}"' in admin_client.get(ALERTS).content.decode()
    page = admin_client.get(f"{ALERTS}{made.pk}/change/").content.decode()
    assert f'href="{about}"' in page
    assert "waiting" in page  # the message to the target
    assert admin_client.get(about).status_code == 200


def test_an_empty_list_says_whom_to_add(admin_client: Client) -> None:
    assert f"{TARGETS}add/" in admin_client.get(ALERTS).content.decode()
    make_target()
    assert "nobody is told" not in admin_client.get(ALERTS).content.decode()


def test_an_alert_is_muted_and_unmuted(admin_client: Client) -> None:
    made = alert()
    action = {"action": "mute_selected", "_selected_action": [made.pk]}
    page = admin_client.post(ALERTS, action, follow=True).content.decode()
    muted = Alert.objects.exclude(muted_until=None)

    assert muted.count() == 1
    assert "muted until" in page
    admin_client.post(f"{ALERTS}{made.pk}/do/unmute/")
    assert muted.count() == 0
    assert admin_client.get(f"{ALERTS}{made.pk}/do/mute/").status_code == 405


def test_the_navigation_counts_open_alerts(admin_client: Client) -> None:
    def badges() -> list[str]:
        page = admin_client.get(TARGETS).content.decode()
        return re.findall(r"bg-red-100[^>]*>\s*(\d*)\s*<", page)

    assert badges() == []
    alert()
    cache.clear()
    assert badges() == ["1"]


def test_who_may_only_look_changes_nothing_and_sees_no_token() -> None:
    viewer = staff("view_")
    target = make_target(address=f"https://hooks.example.org/{TOKEN}")
    made = alert()

    pages = [
        viewer.get(path)
        for path in (ALERTS, f"{ALERTS}{made.pk}/change/", TARGETS, f"{TARGETS}{target.pk}/change/")
    ]
    assert [page.status_code for page in pages] == [200] * 4
    text = "".join(page.content.decode() for page in pages)
    assert TOKEN not in text
    assert "https://hooks.example.org/…" in text
    assert "/test/" not in text
    assert "/do/mute/" not in text
    posts = (f"{TARGETS}{target.pk}/test/", f"{TARGETS}{target.pk}/new-secret/")
    assert [viewer.post(path).status_code for path in posts] == [404, 404]
    assert viewer.post(f"{ALERTS}{made.pk}/do/mute/").status_code == 404
    assert viewer.get(f"{TARGETS}add/").status_code == 403
    viewer.post(ALERTS, {"action": "mute_selected", "_selected_action": [made.pk]})
    made.refresh_from_db()
    assert made.muted_until is None
    assert not AlertMessage.objects.filter(is_test=True).exists()


@pytest.mark.parametrize("field", ["address__startswith", "secret_encrypted__regex"])
def test_the_list_answers_no_guesses_of_what_is_not_shown(field: str) -> None:
    make_target(address=f"https://hooks.example.org/{TOKEN}")

    assert staff("view_").get(TARGETS, {field: "https://hooks.example.org/"}).status_code == 400


def test_who_may_not_see_alerts_does_not() -> None:
    nobody = staff()

    assert [nobody.get(path).status_code for path in (ALERTS, TARGETS)] == [403, 403]


def test_nobody_writes_alerts_by_hand(admin_client: Client) -> None:
    made = alert()

    assert admin_client.get(f"{ALERTS}add/").status_code == 403
    assert admin_client.post(f"{ALERTS}{made.pk}/delete/").status_code == 403


def test_secrets_follow_a_new_encryption_key(settings: Any) -> None:
    target = make_target()
    secret = decrypt(target.secret_encrypted)
    old, new = settings.TOKENS_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.TOKENS_ENCRYPTION_KEYS = [new, old]
    call_command("credential", "rotate-encryption")
    settings.TOKENS_ENCRYPTION_KEYS = [new]

    target.refresh_from_db()
    assert decrypt(target.secret_encrypted) == secret

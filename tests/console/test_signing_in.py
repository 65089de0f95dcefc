"""Signing in: guesses are slowed down, a second factor is asked for, sessions end."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import AsyncClient, Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from gateway.audit import AuditEvent, Kind
from gateway.console.addresses import network_of
from tests.console.people import PASSWORD, in_role, person, signed_in

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/"


@pytest.fixture
def ada() -> User:
    return person("ada", "operator", PASSWORD)


def sign_in(client: Client, password: str = PASSWORD) -> Any:
    sent = {"username": "ada", "password": password}
    return client.post(f"{LOGIN}?next=/admin/live/", sent)


def is_in(client: Client) -> bool:
    return SESSION_KEY in client.session


def code_of(user: User) -> str:
    """What the app shows now."""
    return f"{totp(TOTPDevice.objects.get(user=user).bin_key):06d}"


def set_up(client: Client, user: User) -> list[str]:
    """Switch the second factor on; the recovery codes."""
    page = reverse("console:security_app")
    client.get(page)
    shown = client.post(page, {"code": code_of(user)}).content.decode()
    TOTPDevice.objects.update(last_t=-1)  # as if some time had passed
    found = shown.split('id="codes">')[1].split("</pre>")[0].split()
    assert len(found) == 10
    return found


def test_the_right_password_leads_to_where_one_wanted(ada: User, client: Client) -> None:
    response = sign_in(client)

    assert response["Location"] == "/admin/live/"
    assert is_in(client)


@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_nobody_is_sent_to_another_site(ada: User, client: Client, evil: str) -> None:
    response = client.post(f"{LOGIN}?next={evil}", {"username": "ada", "password": PASSWORD})

    assert response["Location"] == "/admin/"


def test_five_wrong_passwords_lock_out_that_name_from_that_address(ada: User) -> None:
    attacker, other = Client(REMOTE_ADDR="203.0.113.7"), Client(REMOTE_ADDR="203.0.113.8")

    statuses = [sign_in(attacker, "wrong").status_code for _try in range(5)]
    locked = sign_in(attacker)

    assert statuses == [200, 200, 200, 200, 429]
    assert locked.status_code == 429
    assert 890 <= int(locked["Retry-After"]) <= 900
    assert "Try again in 15 minutes" in locked.content.decode()
    assert not is_in(attacker)
    assert sign_in(other).status_code == 302
    assert is_in(other)


def test_a_lock_out_ends_by_itself_and_trying_does_not_prolong_it(ada: User) -> None:
    client = Client()
    for _try in range(7):
        sign_in(client, "wrong")
    before = AccessAttempt.objects.get().attempt_time
    sign_in(client)
    assert AccessAttempt.objects.get().attempt_time == before

    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(seconds=901))

    assert sign_in(client).status_code == 302


def test_a_success_forgives_what_was_before(ada: User, client: Client) -> None:
    for _round in range(2):
        for _try in range(4):
            assert sign_in(client, "wrong").status_code == 200
        assert sign_in(client).status_code == 302
        client.post(reverse("admin:logout"))


@pytest.mark.parametrize(
    ("address", "counts"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.7"),
        ("", None),
        ("unix:", None),
    ],
)
def test_of_ipv6_a_whole_customer_counts(rf: Any, address: str, counts: str | None) -> None:
    found = network_of(rf.get("/", REMOTE_ADDR=address))

    assert found == counts or (counts and found and found.lower().endswith("cb00:7107"))


def test_a_second_factor_is_asked_for_before_anybody_is_in(ada: User, client: Client) -> None:
    set_up(signed_in(ada), ada)

    response = sign_in(client)
    assert response["Location"].startswith(reverse("console:sign_in_code"))
    assert not is_in(client)
    assert client.get("/admin/live/").status_code == 302

    wrong = client.post(response["Location"], {"code": "000000"})
    assert wrong.status_code == 200
    assert not is_in(client)
    TOTPDevice.objects.update(throttling_failure_count=0)  # as if some time had passed
    right = client.post(response["Location"], {"code": code_of(ada)})

    assert right["Location"] == "/admin/live/"
    assert is_in(client)


def test_a_code_is_good_once(ada: User) -> None:
    set_up(signed_in(ada), ada)
    code = code_of(ada)
    first, second = Client(), Client()

    for client in (first, second):
        page = sign_in(client)["Location"]
        client.post(page, {"code": code})

    assert is_in(first)
    assert not is_in(second)


def test_a_recovery_code_opens_once_and_is_not_stored(ada: User) -> None:
    code, *_others = set_up(signed_in(ada), ada)
    stored = {*StaticToken.objects.values_list("token", flat=True)}
    first, second = Client(), Client()

    for client in (first, second):
        page = sign_in(client)["Location"]
        client.post(page, {"code": code.upper()})

    assert is_in(first)
    assert not is_in(second)
    assert code.replace("-", "") not in stored
    assert AuditEvent.objects.filter(kind=Kind.CODE_USED, username="ada").count() == 1


def test_wrong_codes_lock_out_like_wrong_passwords(ada: User, client: Client) -> None:
    set_up(signed_in(ada), ada)
    page = sign_in(client)["Location"]

    statuses = [client.post(page, {"code": "000000"}).status_code for _try in range(5)]
    TOTPDevice.objects.update(throttling_failure_count=0)

    assert statuses == [200, 200, 200, 200, 429]
    assert client.post(page, {"code": code_of(ada)}).status_code == 429
    assert not is_in(client)


def test_a_code_beside_a_wrong_password_is_not_kept_with_the_failure(ada: User) -> None:
    client = signed_in(ada)
    code = set_up(client, ada)[0]

    client.post("/admin/confirm/", {"password": "wrong", "code": code})

    kept = str(AccessAttempt.objects.values_list("post_data", flat=True))
    assert "code=***" in kept
    assert code not in kept


def test_failures_of_codes_make_the_next_one_wait(ada: User) -> None:
    set_up(signed_in(ada), ada)
    client = Client()
    page = sign_in(client)["Location"]

    client.post(page, {"code": "000000"})
    client.post(page, {"code": code_of(ada)})  # right, and too soon

    assert not is_in(client)


def test_the_code_page_is_for_those_who_gave_the_password_just_now(
    ada: User, client: Client
) -> None:
    set_up(signed_in(ada), ada)
    assert client.get(reverse("console:sign_in_code"))["Location"] == LOGIN
    page = sign_in(client)["Location"]
    ada.set_password("another long password")
    ada.save()

    response = client.post(page, {"code": code_of(ada)})

    assert response["Location"] == LOGIN
    assert not is_in(client)


def test_switching_it_on_ends_other_sessions_and_off_asks_for_the_password(ada: User) -> None:
    here, there = signed_in(ada), signed_in(ada)
    set_up(here, ada)
    assert not is_in(there)
    assert is_in(here)
    off = reverse("console:security_off")

    here.post(off, {"password": "wrong"})
    assert TOTPDevice.objects.exists()
    here.post(off, {"password": PASSWORD})

    assert not TOTPDevice.objects.exists()
    assert not StaticToken.objects.exists()
    kinds = AuditEvent.objects.filter(username="ada").values_list("kind", flat=True)
    assert {Kind.FACTOR_ON, Kind.FACTOR_OFF} <= {*kinds}


def test_an_owner_takes_anothers_second_factor_away_and_his_sessions_end(ada: User) -> None:
    hers = signed_in(ada)
    set_up(hers, ada)
    owner = in_role("owner")

    owner.post(reverse("admin:auth_user_second_factor", args=[ada.pk]))

    assert not TOTPDevice.objects.exists()
    assert not is_in(hers)
    assert is_in(owner)


def test_new_recovery_codes_end_the_old_ones(ada: User) -> None:
    client = signed_in(ada)
    old = set_up(client, ada)

    shown = client.post(reverse("console:security_codes")).content.decode()

    assert StaticToken.objects.count() == 10
    assert old[0] not in shown


def test_where_it_is_required_nothing_opens_before_it_is_set_up(ada: User, settings: Any) -> None:
    settings.TOKENS_REQUIRE_TOTP = True
    client = signed_in(ada)

    assert client.get("/admin/live/")["Location"] == reverse("console:security")
    assert client.post("/admin/platforms/platform/add/")["Location"] == reverse("console:security")
    set_up(client, ada)

    assert client.get("/admin/live/").status_code == 200


def test_a_new_password_ends_other_sessions(ada: User) -> None:
    here, there = signed_in(ada), signed_in(ada)
    new = "a new and unlikely password"

    here.post(
        reverse("admin:password_change"),
        {"old_password": PASSWORD, "new_password1": new, "new_password2": new},
    )

    assert here.get("/admin/live/").status_code == 200
    assert there.get("/admin/live/").status_code == 302
    assert AuditEvent.objects.filter(kind=Kind.PASSWORD, username="ada").exists()


def test_signing_out_elsewhere_leaves_this_session(ada: User) -> None:
    here, there, bobs = signed_in(ada), signed_in(ada), in_role("viewer")

    here.post(reverse("console:security_elsewhere"))

    assert (is_in(here), is_in(there), is_in(bobs)) == (True, False, True)


def age(client: Client, **seconds: float) -> None:
    """Make a session older: `since` it began, `seen` it was used."""
    session = client.session
    for name, value in seconds.items():
        session[name] -= value
    session.save()


def test_a_session_that_is_used_goes_on_and_one_that_is_not_ends(ada: User) -> None:
    client = signed_in(ada)
    begun = client.session.get_expiry_age()
    age(client, since=20_000, seen=20_000)
    Session.objects.update(expire_date=timezone.now() + timedelta(seconds=60))

    assert client.get("/admin/live/").status_code == 200
    left = (Session.objects.get().expire_date - timezone.now()).total_seconds()
    assert begun == 28_800
    assert 28_700 < left <= 28_800

    Session.objects.update(expire_date=timezone.now())
    assert client.get("/admin/live/").status_code == 302


def test_a_session_is_written_at_most_every_few_minutes(ada: User) -> None:
    client = signed_in(ada)
    client.get("/admin/security/")
    before = Session.objects.get()

    client.get("/admin/security/")

    after = Session.objects.get()
    assert (after.expire_date, after.session_data) == (before.expire_date, before.session_data)


def test_no_session_is_older_than_it_may_be(ada: User) -> None:
    client = signed_in(ada)
    age(client, since=604_000, seen=10_000)
    client.get("/admin/live/")
    left = (Session.objects.get().expire_date - timezone.now()).total_seconds()
    age(client, since=1_000)

    response = client.get("/admin/live/")

    assert 700 < left <= 800  # no longer than is left of the week
    assert response["Location"].startswith(LOGIN)
    assert not is_in(client)


def test_the_command_lets_people_in_again(ada: User, capsys: Any) -> None:
    client = signed_in(ada)
    set_up(client, ada)
    for _try in range(5):
        sign_in(Client(), "wrong")

    call_command("person", "unlock", "ada")
    call_command("person", "reset-factor", "ada")

    assert not is_in(client)
    assert sign_in(Client())["Location"] == "/admin/live/"
    with pytest.raises(CommandError, match="nobody called 'eve'"):
        call_command("person", "unlock", "eve")


@pytest.mark.django_db(transaction=True)
async def test_the_moment_is_told_as_the_server_tells_it_too(async_client: AsyncClient) -> None:
    """The asynchronous way through the middleware, which the server takes."""
    sent = {"username": "ada", "password": "wrong"}
    for _try in range(5):
        await async_client.post(LOGIN, sent)
    await AccessAttempt.objects.aupdate(attempt_time=timezone.now() - timedelta(seconds=601))

    response = await async_client.post(LOGIN, sent)

    assert response.status_code == 429
    assert "Try again in 5 minutes" in response.content.decode()

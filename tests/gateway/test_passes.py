"""A pass as a key, through the whole gateway: on a real socket, with a real person behind it."""

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gateway.models import Outcome
from licences import issuing, passes
from licences.models import Licence
from licences.passes import LIFE_S, Pass
from tests.gateway.conftest import Site

CHAT = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}]}
BODIES: dict[str, dict[str, Any] | None] = {
    "chat/completions": CHAT,
    "messages": {**CHAT, "max_tokens": 9},
    "responses": {"model": "m-1", "input": "Hello"},
    "embeddings": {"model": "m-1", "input": "Hello"},
    "images/generations": {"model": "m-1", "prompt": "Hello"},
    "videos": {"model": "m-1", "prompt": "Hello"},
    "models": None,
    "licence": None,
}


def made(licence: Licence, *, ends_in_s: int = LIFE_S, secret: str = "") -> str:
    """A pass as the server makes it, or nearly so."""
    expires_s = int(timezone.now().timestamp()) + ends_in_s
    return passes.make(
        Pass(licence.pk, 1, expires_s), passes.signing_key(secret or settings.SECRET_KEY)
    )


def given(user: User, licence: Licence) -> tuple[int, str]:
    """What the console answers this user who asks for a pass: the status, and the pass."""
    client = Client()
    client.force_login(user)
    response = client.post(reverse("console:playground_pass"), {"licence": licence.pk})
    is_given = response.status_code == 200
    return response.status_code, json.loads(response.content)["pass"] if is_given else ""


def operator() -> User:
    user = User.objects.create(username="op", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="use_playground"))
    return user


@sync_to_async
def operators_pass() -> tuple[User, Licence, str]:
    user, licence = operator(), Licence.objects.get()
    return user, licence, given(user, licence)[1]


async def call(site: Site, path: str, key: str) -> int:
    headers, body = site.headers(key), BODIES[path]
    if body is None:
        return (await site.client.get(f"/acme/v1/{path}", headers=headers)).status_code
    return (await site.client.post(f"/acme/v1/{path}", json=body, headers=headers)).status_code


async def test_a_call_with_a_pass_is_the_licences_call(site: Site) -> None:
    _user, licence, shown = await operators_pass()

    site.key = shown
    response = await site.chat()

    assert response.status_code == 200, response.text
    [record] = await site.records(1)
    assert (record.licence_id, record.licence_name) == (licence.pk, "ada")
    assert (record.outcome, record.prompt_tokens) == (Outcome.COMPLETED, 9)
    assert shown not in site.log.read_text()
    assert shown not in str(site.upstream.requests[-1])


async def test_the_licences_limits_hold_for_key_and_pass_together(site: Site) -> None:
    _user, licence, shown = await operators_pass()
    licence.rpm = 1
    await licence.asave()
    await site.reload()

    with_key = await site.chat()
    site.key = shown
    with_pass = await site.chat()

    assert (with_key.status_code, with_pass.status_code) == (200, 429)


@pytest.mark.parametrize("path", BODIES)
async def test_a_tampered_expired_or_foreign_pass_is_refused_everywhere(
    site: Site, path: str
) -> None:
    licence = await Licence.objects.aget()
    good = made(licence)
    bad = {
        "tampered": good.replace(f"tkp-{licence.pk}.1.", f"tkp-{licence.pk}.2."),
        "expired": made(licence, ends_in_s=-1),
        "foreign": made(licence, secret="the secret of another site"),
        "of a licence that is gone": made(Licence(pk=licence.pk + 1)),
    }

    assert {name: await call(site, path, key) for name, key in bad.items()} == dict.fromkeys(
        bad, 401
    )
    assert await call(site, path, good) != 401
    assert not any(key in site.log.read_text() for key in bad.values())


async def test_a_revoked_licence_is_refused_by_pass_too(site: Site) -> None:
    _user, licence, shown = await operators_pass()
    await sync_to_async(issuing.revoke)(licence)
    await site.reload()

    response = await site.client.get("/acme/v1/models", headers=site.headers(shown))

    assert (response.status_code, response.json()["error"]["code"]) == (401, "licence_revoked")


@pytest.mark.parametrize("loss", ["permission", "is_staff", "is_active"])
async def test_who_may_no_longer_is_out_when_his_last_pass_ends(site: Site, loss: str) -> None:
    """A pass is not taken back: it is good for its minutes, and there is no next one."""
    user, licence, shown = await operators_pass()
    if loss == "permission":
        await sync_to_async(user.user_permissions.clear)()
    else:
        setattr(user, loss, False)
        await user.asave()

    status, _none = await sync_to_async(given)(await User.objects.aget(pk=user.pk), licence)

    assert status in (302, 403)
    assert await call(site, "models", shown) == 200
    ends_s = int(shown.split(".")[2])
    assert ends_s - timezone.now().timestamp() <= LIFE_S
    key = passes.signing_key(settings.SECRET_KEY)
    assert passes.read(shown.encode(), key, ends_s) is None


async def test_a_pass_does_not_open_the_console(site: Site) -> None:
    _user, _licence, shown = await operators_pass()

    for path in ("/admin/", "/admin/playground/", "/admin/playground/booked/"):
        response = await site.client.get(path, headers=site.headers(shown))
        assert response.status_code == 302
        assert "/admin/login/" in response.headers["location"]

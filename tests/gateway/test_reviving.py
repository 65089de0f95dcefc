"""Credentials come back into service by themselves, also where a platform or one of them is odd."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from gateway import reviving
from gateway.reviving import Reviver
from platforms.models import Credential
from platforms.routes import CredentialSpec, PlatformSpec
from tests.gateway.conftest import Site
from tests.make import make_credential
from tests.upstreams import Connection, Play, answer


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviving, "LOOK_S", 0.02)


async def out_of_service(**which: Any) -> None:
    await Credential.objects.filter(**which).aupdate(
        disabled_reason="key: refused", disabled_at=timezone.now(), probe_at=timezone.now()
    )


def at(plays: dict[str, Play]) -> Play:
    async def play(peer: Connection) -> None:
        await plays[peer.request.path](peer)

    return play


def works(site: Site) -> None:
    gateway = site.gateway
    gateway.own(Reviver(gateway.upstream, gateway.in_database_thread).run(), "probe")


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await done():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("status", "comes_back"), [(400, True), (422, True), (401, False)])
async def test_a_platform_that_has_no_list_of_models_is_asked_for_a_chat(
    site: Site, status: int, comes_back: bool
) -> None:
    no = {"error": {"message": "no", "type": "x"}}
    site.upstream.default = at(
        {"/v1/models": answer(no, 404), "/v1/chat/completions": answer(no, status)}
    )
    await out_of_service()
    works(site)

    async def is_probed() -> bool:
        row = await Credential.objects.aget()
        return row.reset_at is not None or row.strikes > 0

    await until(is_probed)

    assert ((await Credential.objects.aget()).disabled_reason == "") is comes_back


async def test_an_odd_one_does_not_keep_the_others_out(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await Credential.objects.select_related("platform").aget()
    await sync_to_async(make_credential)(row.platform, "odd", "sk-odd")
    reach = reviving.reach

    async def odd(upstream: Any, platform: PlatformSpec, key: CredentialSpec) -> tuple[str, ...]:
        if key.name == "odd":
            raise KeyError("of a kind that nobody has thought of")
        return await reach(upstream, platform, key)

    monkeypatch.setattr(reviving, "reach", odd)
    site.upstream.default = answer({"data": []})
    works(site)
    await out_of_service(name="odd")

    async def is_claimed() -> bool:
        odd = await Credential.objects.aget(name="odd")
        return odd.probe_at is not None and odd.probe_at > timezone.now()

    await until(is_claimed)
    await out_of_service(pk=row.pk)

    async def is_back() -> bool:
        return (await Credential.objects.aget(pk=row.pk)).disabled_reason == ""

    await until(is_back)

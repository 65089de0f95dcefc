"""The socket of live requests: whom it lets in, whom it cuts, and what it tells."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
import websockets
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission, User
from django.test import Client
from websockets.asyncio.client import ClientConnection, connect

from gateway.console.live import socket
from gateway.live import feed
from tests.gateway.conftest import SECRET, Site
from tests.upstreams import DONE, USAGE, answer, chunk, sse, stream

HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "MARKER-CONTENTS of the caller"}]}


def _signed_in(name: str = "olga", *, allowed: bool = True, staff: bool = True) -> str:
    user = User.objects.create_user(name, password="pw", is_staff=staff)
    if allowed:
        user.user_permissions.add(Permission.objects.get(codename="watch_live"))
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


signed_in = sync_to_async(_signed_in)


@contextlib.asynccontextmanager
async def opened(
    site: Site, session: str | None, origin: str | None = "", path: str = "/admin/live/socket"
) -> AsyncIterator[ClientConnection]:
    """`origin` "": the site's own."""
    headers = {"Cookie": f"sessionid={session}"} if session else {}
    own: Any = site.url if origin == "" else origin
    url = site.url.replace("http", "ws") + path
    async with connect(url, additional_headers=headers, origin=own, proxy=None) as found:
        yield found


class Heard:
    """All that a socket tells, as text and by request."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.texts: list[str] = []
        self.rows: list[dict[str, Any]] = []
        self.left_out = 0

    async def until(self, wanted: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        async with asyncio.timeout(15):
            while not wanted(self.rows):
                text = str(await self._connection.recv())
                self.texts.append(text)
                message = orjson.loads(text)
                self.left_out += message["left_out"]
                self.rows += [row for _process, row in message["rows"]]
        return self.rows


def is_ended(rows: list[dict[str, Any]]) -> bool:
    return any(row["state"] == "ended" for row in rows)


async def refused(site: Site, session: str | None, **options: Any) -> int:
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with opened(site, session, **options):
            pass
    return caught.value.response.status_code


async def test_who_may_watch_sees_a_stream_from_its_beginning_to_its_end(site: Site) -> None:
    gate = asyncio.Event()
    end = sse(chunk(reason="stop"), chunk(choices=[], usage=USAGE)) + DONE
    chunks = (sse(chunk("MARKER-ANSWER")), end)
    site.upstream.plays.append(stream(*chunks, gate=gate))
    async with opened(site, await signed_in()) as connection:
        heard = Heard(connection)
        call = asyncio.get_running_loop().create_task(site.chat(stream=True, **HELLO))
        *_, on_the_way = await heard.until(lambda rows: any(r["completion"] for r in rows))
        gate.set()
        assert (await call).status_code == 200
        await heard.until(is_ended)

    last = heard.rows[-1]
    assert (on_the_way["state"], on_the_way["measured"]) == ("streaming", False)
    assert last["id"] == on_the_way["id"]
    assert (last["state"], last["outcome"], last["status"]) == ("ended", "completed", 200)
    assert (last["licence"], last["platform"], last["model"]) == ("ada", "acme", "m-1")
    assert (last["prompt"], last["completion"], last["measured"]) == (9, 4, True)
    assert last["credential"]
    assert last["took"] >= last["first_byte"]
    [record] = await site.records(1)
    assert record.request_id == last["id"]
    assert record.latency_ms == last["took"]


async def test_no_message_holds_contents_or_secrets(site: Site) -> None:
    echo = {"error": {"message": f"MARKER-CONTENTS {SECRET}", "type": "server_error"}}
    site.upstream.plays.append(answer(echo, 500))
    async with opened(site, await signed_in()) as connection:
        heard = Heard(connection)
        await site.chat(**HELLO)
        await heard.until(is_ended)
        await site.client.post(
            "/acme/v1/chat/completions", json=HELLO, headers={"Authorization": "Bearer MARKER-KEY"}
        )
        await heard.until(lambda rows: any(row["status"] == 401 for row in rows))

    said = "".join(heard.texts)
    for secret in ("MARKER", site.key, SECRET, site.key[4:]):
        assert secret not in said
    failed = next(row for row in heard.rows if row["outcome"] == "upstream_error")
    assert failed["tries"][0]["failure"] == "broken"


async def test_what_was_under_way_before_is_told_at_once(site: Site) -> None:
    gate = asyncio.Event()
    site.upstream.plays.append(
        stream(b": nothing yet\n\n", sse(chunk("x", "stop")) + DONE, gate=gate)
    )
    call = asyncio.get_running_loop().create_task(site.chat(stream=True, **HELLO))
    async with asyncio.timeout(10):
        while not site.upstream.requests:
            await asyncio.sleep(0.01)

    async with opened(site, await signed_in()) as connection:
        [row] = await Heard(connection).until(bool)

    gate.set()
    await call
    assert (row["state"], row["attempts"], row["tries"][0]["platform"]) == ("trying", 1, "acme")


@pytest.mark.parametrize(
    ("allowed", "staff"), [(False, True), (True, False)], ids=["no permission", "no staff"]
)
async def test_who_may_not_watch_is_refused(site: Site, allowed: bool, staff: bool) -> None:
    assert await refused(site, await signed_in(allowed=allowed, staff=staff)) == 403


async def test_nobody_is_refused_and_so_is_a_session_that_does_not_exist(site: Site) -> None:
    assert await refused(site, None) == 403
    assert await refused(site, "x" * 32) == 403


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://127.0.0.1:1", "null", "http://[", None],
)
async def test_other_sites_pages_are_refused(site: Site, origin: str | None) -> None:
    assert await refused(site, await signed_in(), origin=origin) == 403


async def test_a_trusted_origin_is_let_in(site: Site, settings: Any) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://*.example.org"]

    async with opened(site, await signed_in(), origin="https://console.example.org"):
        pass


async def test_a_host_that_is_not_allowed_is_refused(site: Site, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["tokens.example.org"]

    assert await refused(site, await signed_in()) == 403


async def test_other_paths_have_no_socket(site: Site) -> None:
    assert await refused(site, await signed_in(), path="/v1/realtime") == 403


def _loses_permission(user: User) -> None:
    user.user_permissions.clear()


def _is_switched_off(user: User) -> None:
    user.is_active = False
    user.save()


def _is_no_staff(user: User) -> None:
    user.is_staff = False
    user.save()


def _changes_password(user: User) -> None:
    user.set_password("another")
    user.save()


def _signs_out(user: User) -> None:
    from django.contrib.sessions.models import Session

    Session.objects.all().delete()


@pytest.mark.parametrize(
    "happens",
    [_loses_permission, _is_switched_off, _is_no_staff, _changes_password, _signs_out],
)
async def test_who_may_not_watch_any_more_is_cut(
    site: Site, monkeypatch: pytest.MonkeyPatch, happens: Callable[[User], None]
) -> None:
    assert socket.CHECK_S < 60
    monkeypatch.setattr(socket, "CHECK_S", 0.1)
    async with opened(site, await signed_in()) as connection:
        await connection.recv()
        await sync_to_async(lambda: happens(User.objects.get()))()
        with pytest.raises(websockets.ConnectionClosed) as caught:
            async with asyncio.timeout(10):
                while True:
                    await connection.recv()

    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == socket.SIGNED_OUT


@pytest.mark.parametrize(
    ("limit", "most", "names"),
    [
        ("MOST_PER_USER", 1, ("olga", "olga")),
        ("MOST_PER_USER", 2, ("olga", "oskar", "olga", "olga")),
        ("MOST_SOCKETS", 2, ("olga", "oskar", "otto")),
    ],
)
async def test_sockets_are_counted_per_user_and_in_all(
    site: Site, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, names: tuple[str, ...]
) -> None:
    monkeypatch.setattr(feed, limit, most)
    sessions = {name: await signed_in(name) for name in dict.fromkeys(names)}
    *let_in, one_more = names
    async with contextlib.AsyncExitStack() as stack:
        for name in let_in:
            first = await stack.enter_async_context(opened(site, sessions[name]))
            await first.recv()
        another = await stack.enter_async_context(opened(site, sessions[one_more]))
        await another.wait_closed()
        assert another.close_code == socket.TOO_MANY

    async with asyncio.timeout(10), opened(site, sessions[one_more]) as again:
        await again.recv()  # there is room again


async def test_who_speaks_is_cut(site: Site) -> None:
    async with opened(site, await signed_in()) as connection:
        await connection.send("hello")
        await connection.wait_closed()

    assert connection.close_code == socket.POLICY


async def test_nothing_is_sampled_after_the_last_has_gone(site: Site) -> None:
    async with opened(site, await signed_in()) as connection:
        await connection.recv()
        assert site.gateway.live()._ended is not None

    async with asyncio.timeout(10):
        while site.gateway.live()._ended is not None:
            await asyncio.sleep(0.01)


async def test_a_reader_that_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "SEND_S", 0.05)
    from gateway.live.under_way import UnderWay

    watched = feed.Feed(UnderWay(), "")
    outbox = watched.join(1)

    async def full(message: Any) -> None:
        await asyncio.Event().wait()

    with pytest.raises(socket._Over) as caught:
        await socket._tell(watched, outbox, full)
    assert caught.value.code == socket.TOO_SLOW

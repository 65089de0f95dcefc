"""What is refused, and how: every path, method, header and body under /<platform>/v1/."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import orjson
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from licences.issuing import disable, issue, revoke, rotate
from licences.keys import new_key
from licences.models import Licence
from tests import openai_schema
from tests.gateway.conftest import Site
from tests.make import make_platform

HELLO = {"model": "m-1", "messages": [{"role": "user", "content": "x"}]}


def check(response: Any, status: int, code: str | None) -> dict[str, Any]:
    body = response.json()
    openai_schema.error(body)
    assert (response.status_code, body["error"]["code"]) == (status, code)
    assert response.headers["content-type"] == "application/json"
    assert "Traceback" not in response.text
    error: dict[str, Any] = body["error"]
    return error


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "invalid_api_key"),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, 401, "invalid_api_key"),
        ({"Authorization": "Bearer sk-somebody-elses"}, 401, "invalid_api_key"),
        ({"Authorization": f"Bearer {new_key()}"}, 401, "invalid_api_key"),
        ({"Authorization": b"Bearer \xff\xfe\x80"}, 401, "invalid_api_key"),
        ({"x-api-key": "tk-x"}, 401, "invalid_api_key"),
    ],
)
@pytest.mark.parametrize("path", ["/acme/v1/chat/completions", "/acme/v1/models"])
async def test_a_wrong_key_is_a_401(
    site: Site, headers: Any, status: int, code: str, path: str
) -> None:
    method = "POST" if "chat" in path else "GET"
    response = await site.client.request(
        method, path, headers=headers, json=HELLO if method == "POST" else None
    )

    check(response, status, code)
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "api-key"])
async def test_a_key_may_come_in_three_headers(site: Site, name: str) -> None:
    value = f"Bearer {site.key}" if name == "authorization" else site.key

    response = await site.client.post(
        "/acme/v1/chat/completions", json=HELLO, headers={name: value}
    )

    assert response.status_code == 200


def _now(**delta: float) -> Any:
    return timezone.now() + timedelta(**delta)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"not_before": _now(hours=1)}, 401, "licence_not_yet_valid"),
        ({"platforms": ["other"]}, 403, "permission_denied"),
        ({"model_patterns": ["gpt-*"]}, 403, "permission_denied"),
        ({"networks": ["203.0.113.0/24"]}, 403, "permission_denied"),
        ({"networks": ["127.0.0.1"], "platforms": ["acme"], "model_patterns": ["m-*"]}, 200, None),
    ],
)
async def test_a_licence_reaches_as_far_as_it_was_issued_for(
    site: Site, fields: Any, status: int, code: str | None
) -> None:
    _licence, site.key = await sync_to_async(issue)(name="bob", **fields)

    response = await site.chat()

    if status == 200:
        assert response.status_code == 200
    else:
        check(response, status, code)
        assert site.upstream.requests == []


async def test_an_expired_a_revoked_and_a_disabled_licence_say_which(site: Site) -> None:
    for change, code in (
        (
            lambda it: Licence.objects.filter(pk=it.pk).update(expires_at=_now(hours=-1)),
            "licence_expired",
        ),
        (disable, "licence_disabled"),
        (revoke, "licence_revoked"),
    ):
        licence, site.key = await sync_to_async(issue)(name="bob")
        assert (await site.chat()).status_code == 200
        await sync_to_async(change)(licence)
        await site.gateway.in_database_thread(site.gateway.register.load)

        check(await site.chat(), 401, code)


async def test_a_rotated_licence_works_under_both_keys_for_a_while(site: Site) -> None:
    licence, old = await sync_to_async(issue)(name="bob")
    new = await sync_to_async(rotate)(licence, timedelta(hours=1))
    await site.reload()

    for site.key in (old, new):
        assert (await site.chat()).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/acme/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/acme/v1/models", 405, "method_not_allowed"),
        ("POST", "/acme/v1/nothing", 404, "unknown_path"),
        ("GET", "/acme/v1", 404, "unknown_path"),
        ("GET", "/acme/v1/", 404, "unknown_path"),
        ("POST", "/acme/v1/chat/completions/", 404, "unknown_path"),
        ("OPTIONS", "/acme/v1/nothing", 404, "unknown_path"),
        ("POST", "/nowhere/v1/chat/completions", 404, "platform_not_found"),
        ("GET", "/nowhere/v1/models", 404, "platform_not_found"),
        ("GET", "/acme/v1/models/none", 404, "model_not_found"),
        ("POST", "/ACME/v1/chat/completions", 404, "platform_not_found"),
        ("POST", "/%E4%BD%A0/v1/chat/completions", 404, "platform_not_found"),
    ],
)
async def test_paths_and_methods_that_are_not_served(
    site: Site, method: str, path: str, status: int, code: str
) -> None:
    response = await site.client.request(
        method, path, headers=site.headers(), json=HELLO if method == "POST" else None
    )

    check(response, status, code)
    if status == 405:
        assert response.headers["allow"] in ("POST", "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    "path",
    [
        "/acme//v1/chat/completions",
        "//acme/v1/chat/completions",
        "/acme/v1/../v1/chat/completions",
        "/acme/v1/./chat/completions",
        "/acme/v1/%2e%2e/chat/completions",
        "/acme/v1/chat%2fcompletions",
        "/acme%2Fv1/chat/completions",
        "/acme/v1\\chat\\completions",
        "/acme/v1/chat/completions%00",
        "/acme/v1/models/a/../../chat/completions",
        "/acme/v1/models/%2e%2e/x",
        "/admin/..%2facme/v1/models",
    ],
)
async def test_path_tricks_are_refused_before_anything_else(site: Site, path: str) -> None:
    status, body = await by_hand(site, f"POST {path} HTTP/1.1")

    assert status == 404
    openai_schema.error(orjson.loads(body))
    assert site.upstream.requests == []


async def by_hand(site: Site, first: str, *headers: str, body: bytes = b"") -> tuple[int, bytes]:
    """A request as typed, for what client libraries would put right."""
    port = int(site.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [first, "host: x", f"authorization: Bearer {site.key}", "connection: close", *headers]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), rest


async def test_headers_that_are_too_long_are_a_431(site: Site) -> None:
    response = await site.client.post(
        "/acme/v1/chat/completions",
        json=HELLO,
        headers={**site.headers(), "x-long": "y" * 70_000},
    )

    check(response, 431, "headers_too_large")


async def test_headers_without_end_are_a_431_and_the_end_of_the_connection(site: Site) -> None:
    port = int(site.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /acme/v1/chat/completions HTTP/1.1\r\n")
    answer = b""
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and not answer:
                writer.write(b"x-long: " + b"y" * 8000 + b"\r\n")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.001):
                        answer = await reader.read(65536)
    writer.transport.abort()

    assert answer.startswith(b"HTTP/1.1 431 ")
    openai_schema.error(orjson.loads(answer.partition(b"\r\n\r\n")[2]))
    assert (await site.chat()).status_code == 200


async def test_what_is_no_http_is_a_400(site: Site) -> None:
    status, body = await by_hand(site, "POST /acme/v1/chat/completions NONSENSE/7")

    assert status == 400
    openai_schema.error(orjson.loads(body))


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
async def test_a_huge_body_is_a_413(site: Site, declared: bool) -> None:
    site.configure(max_chat_body=100_000)

    async def pieces() -> Any:
        for _ in range(50):
            yield b" " * 10_000

    response = await site.client.post(
        "/acme/v1/chat/completions",
        content=b" " * 500_000 if declared else pieces(),
        headers={**site.headers(), "content-type": "application/json"},
    )

    check(response, 413, "request_too_large")


async def test_a_body_that_does_not_come_is_a_408(site: Site) -> None:
    site.configure(body_s=0.1)

    status, body = await by_hand(
        site,
        "POST /acme/v1/chat/completions HTTP/1.1",
        "content-type: application/json",
        "content-length: 100",
        body=b'{"model',
    )

    assert status == 408
    openai_schema.error(orjson.loads(body))


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/vnd.acme+json", 200),
        ("", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
    ],
)
async def test_the_body_must_be_declared_as_json_or_not_at_all(
    site: Site, given: str, status: int
) -> None:
    response = await site.client.post(
        "/acme/v1/chat/completions",
        content=orjson.dumps(HELLO),
        headers={**site.headers(), **({"content-type": given} if given else {})},
    )

    assert response.status_code == status
    if status == 415:
        error = check(response, 415, "unsupported_media_type")
        assert given.split(";")[0] in error["message"]


async def test_broken_json_is_booked_as_refused_without_its_contents(site: Site) -> None:
    response = await site.client.post(
        "/acme/v1/chat/completions",
        content=b'{"model": "private words',
        headers={**site.headers(), "content-type": "application/json"},
    )

    check(response, 400, "invalid_json")
    [record] = await site.records(1)
    assert (record.outcome, record.status, record.error) == ("refused", 400, "")
    site.gateway.access.flush()
    assert "private words" not in site.log.read_text()


async def test_calls_without_a_licence_are_logged_and_not_booked(site: Site) -> None:
    await site.client.post("/acme/v1/chat/completions", json=HELLO)
    await site.chat()

    [record] = await site.records(1)
    site.gateway.access.flush()
    assert record.status == 200
    assert '"status":401' in site.log.read_text()


async def test_a_platform_without_credentials_says_so(site: Site) -> None:
    await sync_to_async(make_platform)("bare")
    await site.reload()

    check(await site.chat("bare"), 503, "no_credential")


async def test_a_licence_that_the_database_cannot_tell_is_a_503(site: Site) -> None:
    site.key = new_key()
    await sync_to_async(_drop_licences)()
    try:
        check(await site.chat(), 503, "licences_unavailable")
    finally:
        await sync_to_async(_restore_licences)()


def _drop_licences() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE licences_licence RENAME TO licences_gone")


def _restore_licences() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE licences_gone RENAME TO licences_licence")

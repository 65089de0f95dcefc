"""The way in: odd paths are refused, also next to those that are remembered."""

import asyncio
from typing import Any

import pytest

from gateway import routing
from gateway.client import Scope, Send
from gateway.watch import Receive
from tokens_site import asgi
from tokens_site.asgi import Entrance


class Behind:
    """What the entrance passes calls on to."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.paths.append(scope["path"])


async def nothing() -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def enter(entrance: Entrance, raw: str, path: str | None = None) -> int | None:
    """The status that the entrance answers itself with; None: it passed the call on."""
    answers: list[Any] = []

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": raw if path is None else path,
        "raw_path": raw.encode("latin-1"),
        "headers": [],
    }
    await entrance(scope, nothing, send)
    return answers[0]["status"] if answers else None


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Path and platform of each call of the chat endpoint, which is not asked itself."""
    found: list[tuple[str, Any]] = []

    async def chat(scope: Scope, receive: Receive, send: Send) -> None:
        found.append((scope["path"], scope["url_route"]["kwargs"].get("platform")))

    [*routes] = routing.urlpatterns
    monkeypatch.setattr(routes[0], "callback", chat)
    return found


def test_a_path_is_matched_once_and_odd_ones_are_refused_before_and_after(
    called: list[tuple[str, Any]],
) -> None:
    behind = Behind()
    entrance = Entrance(behind)
    good = "/acme/v1/chat/completions"

    async def walk() -> list[int | None]:
        return [
            await enter(entrance, raw, path)
            for raw, path in (
                (good, None),
                (good, None),
                ("/v1/chat/completions", None),
                ("/v1/chat/completions", None),
                ("//acme/v1/chat/completions", None),
                ("/acme/../acme/v1/chat/completions", None),
                ("/acme%2fv1/chat/completions", "/acme/v1/chat/completions"),
                ("/acm%65/v1/chat/completions", good),
                (good, None),
            )
        ]

    assert asyncio.run(walk()) == [None, None, None, None, 404, 404, 404, None, None]
    # The first of each path was matched by the router behind; what is remembered goes straight.
    assert behind.paths == [good, "/v1/chat/completions", good]
    assert called == [(good, "acme"), ("/v1/chat/completions", None), (good, "acme")]


def test_paths_that_callers_make_up_do_not_fill_the_memory(
    called: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "_PLACES", 5)
    entrance = Entrance(Behind())

    async def walk() -> None:
        for number in range(20):
            assert await enter(entrance, f"/p{number}/v1/chat/completions") is None
            assert await enter(entrance, f"/{'x' * 300}{number}/v1/chat/completions") is None
            assert await enter(entrance, f"/nothing/{number}") is None
            assert len(entrance._places) <= 5

    asyncio.run(walk())

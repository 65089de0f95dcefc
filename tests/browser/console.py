"""A console as a browser sees it: a running server with people, and pages that are watched."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, Page, Request, Response

from tests.live.server import Server

PASSWORD = "correct horse battery staple"  # the same for all three
PEOPLE = ("owner", "operator", "viewer")

_MAKE_PEOPLE = """
from django.contrib.auth.models import Group, User
for name in {people!r}:
    user, _new = User.objects.get_or_create(username=name, defaults={{"is_staff": True}})
    user.set_password({password!r})
    user.is_superuser = name == "owner" and not Group.objects.filter(name="owner").exists()
    user.save()
    user.groups.set(Group.objects.filter(name=name))
result = None
"""


def make_people(server: Server) -> None:
    """Users `owner`, `operator` and `viewer`, each in the role of that name."""
    server.query(_MAKE_PEOPLE.format(people=PEOPLE, password=PASSWORD))


@dataclass
class Watched:
    """A page, and what nobody should find in it."""

    page: Page
    url: str
    messages: list[str] = field(default_factory=list)
    """Errors and warnings of the browser's console, and exceptions of scripts."""
    strangers: list[str] = field(default_factory=list)
    """Requests to other hosts."""
    failures: list[str] = field(default_factory=list)
    """Answers of 500 and above."""

    def watch(self) -> None:
        self.page.on("console", self._message)
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", self._request)
        self.page.on("response", self._response)

    async def go(self, path: str) -> None:
        """Open a page of the server's and wait until it has settled."""
        await self.page.goto(self.url + path, wait_until="load")

    async def sign_in(self, name: str, path: str = "/admin/") -> None:
        await self.go(f"/admin/login/?next={path}")
        await self.page.fill("[name=username]", name)
        await self.page.fill("[name=password]", PASSWORD)
        await self.page.click("[type=submit]")
        await self.page.wait_for_url(re.compile(re.escape(self.url + path)))

    def _message(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.messages.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:", self.url.replace("http", "ws"))):
            self.strangers.append(request.url)

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self.failures.append(f"{response.status} {response.url}")

    def is_clean(self) -> None:
        """No message, no stranger, no failure so far."""
        assert (self.messages, self.strangers, self.failures) == ([], [], [])


@asynccontextmanager
async def opened(browser: Browser, server: Server, **options: Any) -> AsyncIterator[Watched]:
    """A page in a context of its own; `options` as Playwright's `new_context` has them."""
    context = await browser.new_context(**{"locale": "en-GB", "timezone_id": "UTC", **options})
    context.set_default_timeout(30_000)
    try:
        watched = Watched(await context.new_page(), server.url)
        watched.watch()
        yield watched
    finally:
        await context.close()


def chromium_options() -> dict[str, Any]:
    """How Chromium is started: headless, and asking nobody outside for anything."""
    return {
        "headless": True,
        "args": [
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
            *("--disable-background-networking", "--disable-component-update"),
        ],
    }

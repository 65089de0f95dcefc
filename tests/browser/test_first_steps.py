"""The whole path from an empty server to the first answer, as a person walks it."""

import json
import re
import shlex
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.console import Watched, make_people, opened
from tests.live.server import SECRET, Server, served
from tests.peers.third_party import need
from tests.upstreams import Connection, Upstream, answer, completion, running_upstream

HERE = "/admin/first-steps/"
LISTED = {"object": "list", "data": [{"id": "text-embed-1"}, {"id": "it's <b>big</b>"}]}
_EMPTY = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
result = None
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Lists models and answers chats, for those who show the key."""

    async def play(peer: Connection) -> None:
        if peer.request.headers.get("authorization") != f"Bearer {SECRET}":
            await answer({"error": {"message": "Incorrect API key provided"}}, 401)(peer)
        elif peer.request.method == "GET":
            await answer(LISTED)(peer)
        else:
            await answer(completion("Hello, first caller"))(peer)

    with running_upstream(play) as running:
        yield running


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    need("chromium")
    with served(tmp_path_factory.mktemp("empty")) as server:
        server.query(_EMPTY)
        make_people(server)
        server.start()
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def owner(browser: Browser, empty: Server) -> AsyncIterator[Watched]:
    async with opened(browser, empty) as tab:
        await tab.sign_in("owner", HERE)
        yield tab
        tab.is_clean()


async def done(tab: Watched) -> tuple[str, int]:
    """The words of the progress, and how many steps are ticked."""
    words = await tab.page.inner_text(".fs-path [role=status]")
    return words, await tab.page.locator(".fs-step.fs-done").count()


async def press(tab: Watched, what: str, path: str = "") -> None:
    """Click on what leads to another page, or to this one anew, and be there."""
    async with tab.page.expect_navigation():
        await tab.page.click(what)
    assert tab.page.url.removeprefix(tab.url).startswith(path), tab.page.url


def run(command: str) -> httpx.Response:
    """What a shell and curl would do of it."""
    _curl, url, *rest = shlex.split(command.replace("\\\n", " "))
    options = list(zip(rest[::2], rest[1::2], strict=True))
    headers = dict(value.split(": ", 1) for name, value in options if name == "-H")
    [body] = [value for name, value in options if name == "-d"]
    return httpx.post(url, headers=headers, content=body.encode(), timeout=20)


async def test_a_new_operator_comes_from_nothing_to_the_first_answer(
    owner: Watched, upstream: Upstream
) -> None:
    page = owner.page
    assert await done(owner) == ("0 of 5", 0)

    # A platform, from a preset that is found by typing.
    await press(owner, "a:text-is('Choose a platform')", "/admin/platforms/platform/add/")
    await page.fill("[data-filter]", "anything that speaks")
    assert await page.locator(".pf-preset:visible").count() == 1
    await press(owner, ".pf-preset:visible")
    await page.fill("[name=slug]", "lab")
    await page.fill("[name=base_url]", f"{upstream.base_url}/v1")
    await press(owner, "[name=_save]", HERE)
    assert await done(owner) == ("1 of 5", 1)

    # A wrong key first: the test says so and ticks nothing.
    await press(owner, "a:text-is('Add a credential')", "/admin/platforms/credential/add/")
    await page.fill("[name=name]", "main")
    await page.fill("[name=secret]", "sk-wrong")
    await press(owner, "[name=_save]", HERE)
    await press(owner, "button:text-is('Test now')", HERE)
    assert "Incorrect API key" in await page.inner_text("#main")
    assert await done(owner) == ("2 of 5", 2)

    # The right one.
    await press(owner, "a:text-is('See what the platform said')")
    assert "Incorrect API key" in await page.inner_text(".pf-head")
    await press(owner, "td a:text-is('main')", "/admin/platforms/credential/")
    await page.fill("[name=secret]", SECRET)
    await press(owner, "[name=_save]")
    await owner.go(HERE)
    await press(owner, "button:text-is('Test now')", HERE)
    assert await done(owner) == ("3 of 5", 3)

    # A licence; its key is shown once, with a way back.
    await press(owner, "a:text-is('Issue a licence')", "/admin/licences/licence/add/")
    await page.fill("[name=name]", "ada")
    await press(owner, "[name=_save]")
    [key] = set(re.findall(r"tk-\w{30,}", await page.content()))
    await press(owner, "a:text-is('Back to First steps')", HERE)
    assert await done(owner) == ("4 of 5", 4)

    # The snippet, pasted; the page notices.
    snippet = await page.inner_text("#first-call")
    response = run(snippet.replace("YOUR_KEY", key))
    assert response.status_code == 200, response.text
    assert response.json()["choices"][0]["message"]["content"] == "Hello, first caller"
    assert json.loads(upstream.requests[-1].body)["model"] == "it's <b>big</b>"
    await page.wait_for_selector(".fs-path[data-done='5']")
    assert await done(owner) == ("5 of 5", 5)
    assert await page.locator("a:text-is('Open the playground')").count() == 1


async def test_the_sandbox_is_one_click_and_ticks_nothing(owner: Watched) -> None:
    await press(owner, "button:text-is('Add the sandbox')", HERE)

    assert await done(owner) == ("0 of 5", 0)
    link = owner.page.locator("a:text-is('Open it in the playground')")
    assert (await link.get_attribute("href")) == "/admin/playground/?platform=sandbox"

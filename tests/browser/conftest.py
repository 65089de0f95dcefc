"""One Chromium for all browser tests of a worker, one server for each module of them."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.console import Watched, chromium_options, make_people, opened
from tests.live.server import Server, served
from tests.peers.third_party import need

expect.set_options(timeout=30_000)  # as for everything else; five seconds are little for two cores


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those of a file in one worker, and all of a worker on the event loop of its browser."""
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.xdist_group(f"browser-{item.path.stem}"))
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = need("chromium")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, **chromium_options())
        yield chromium
        await chromium.close()


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server with the sandbox, a licence (`console.key`) and three people."""
    need("chromium")
    with served(tmp_path_factory.mktemp("console")) as server:
        server.prepare()
        make_people(server)
        server.start()
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def tab(browser: Browser, console: Server) -> AsyncIterator[Watched]:
    """A page that nobody has signed in on; it must be clean at the end of the test."""
    async with opened(browser, console) as watched:
        yield watched
        watched.is_clean()

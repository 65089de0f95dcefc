"""axe-core finds nothing serious on the main pages: on a light phone, at a dark desk."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Browser

from tests.browser.console import Watched, make_people, opened
from tests.browser.screenshots import _FILL, PAGES
from tests.live.server import Server, served
from tests.peers.third_party import need

_MAIN = (
    *("dashboard", "first-steps", "playground", "explorer", "requests", "request", "licences"),
    *("licence", "platform", "add-platform", "credentials", "alerts", "security"),
)
_AXE = Path(AXE_FILE_PATH).read_text("utf-8")
_RUN = """
async (source) => {
  if (!window.axe) { (0, eval)(source); }
  const found = await window.axe.run(document, {resultTypes: ["violations"]});
  return found.violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => [one.id, one.help, ...one.nodes.slice(0, 3).map((n) => n.html.slice(0, 160))])
    .map((words) => words.join(" | "));
}
"""


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a month of use in it."""
    need("chromium")
    with served(tmp_path_factory.mktemp("accessible")) as server:
        server.prepare()
        server.query(_FILL)
        make_people(server)
        server.start()
        yield server


@pytest_asyncio.fixture(loop_scope="session", scope="module", params=["light phone", "dark"])
async def signed_in(
    request: pytest.FixtureRequest, browser: Browser, console: Server
) -> AsyncIterator[Watched]:
    look = {"color_scheme": request.param.split()[0]}
    size = {"width": 390, "height": 844} if "phone" in request.param else None
    # axe-core is evaluated in the page, which its policy rightly forbids to anybody else.
    options = {**look, **({"viewport": size} if size else {}), "bypass_csp": True}
    async with opened(browser, console, **options) as watched:
        await watched.sign_in("owner")
        yield watched


@pytest.mark.parametrize("name", _MAIN)
async def test_nothing_serious_stands_in_anybodys_way(signed_in: Watched, name: str) -> None:
    await signed_in.go(PAGES[name])

    found = await signed_in.page.evaluate(_RUN, _AXE)

    assert found == []


async def test_the_first_page_of_all_has_nothing_serious_either(
    browser: Browser, console: Server
) -> None:
    async with opened(browser, console, bypass_csp=True) as watched:
        await watched.go("/admin/login/")

        assert await watched.page.evaluate(_RUN, _AXE) == []

"""The first page an operator sees."""

from tests.browser.console import Watched


async def test_an_owner_signs_in_and_reaches_every_line_of_the_navigation(tab: Watched) -> None:
    await tab.sign_in("owner")

    links = await tab.page.locator("#nav-sidebar-apps a").evaluate_all(
        "all => all.map(a => a.pathname)"
    )

    assert len(links) > 8
    for path in links:
        response = await tab.page.goto(tab.url + path)
        assert response is not None
        assert response.status == 200, path

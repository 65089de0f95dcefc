"""The API's page: drawn, in which a call can be tried, asking nobody else."""

from tests.browser.console import Watched
from tests.live.server import Server


async def test_a_call_can_be_tried_in_the_api_reference(tab: Watched, console: Server) -> None:
    await tab.go("/docs/")
    page = tab.page
    await page.click("button.authorize")
    await page.fill("input[aria-label='auth-bearer-value']", console.key)
    await page.click(".modal-ux button.authorize")
    await page.click(".modal-ux button.btn-done")
    await page.click("#operations-licence-get_v1_licence .opblock-summary-control")
    await page.click("#operations-licence-get_v1_licence .try-out__btn")

    await page.click("#operations-licence-get_v1_licence .execute")

    answer = page.locator("#operations-licence-get_v1_licence .live-responses-table")
    await answer.get_by_text('"object": "licence"').first.wait_for()
    assert "200" in await answer.inner_text()

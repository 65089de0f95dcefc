"""An operator looks for who spent what, down to one request, and takes it home as a file."""

import csv
import io
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.console import Watched
from tests.live.server import Server

_USAGE = """
from datetime import timedelta
from django.utils import timezone
from gateway.usage import rows
from tests.gateway.usage.records import record
now = timezone.now()
tries = [
    {"platform": "acme", "model": "<i>m</i>", "credential": "one", "ms": 120, "at_ms": 1},
    {"platform": "acme", "model": "m-2", "credential": "two", "ms": 80, "at_ms": 200},
]
tries[0]["failure"] = "rate"
rows.insert(
    rows.checked(record(
        at=int((now - timedelta(hours=5 * n)).timestamp() * 1e6),
        licence_id=1 + n % 9, licence_name=f"<b>licence {n % 9}</b>",
        platform="acme" if n % 3 else "other", model="m-%d" % (n % 2),
        cost_micros=1000 * (1 + n % 9), latency_ms=900, first_byte_ms=300, attempts=2, tries=tries,
    ))
    for n in range(90)
)
result = None
"""


@pytest.fixture(scope="module")
def used(console: Server) -> Server:
    console.query(_USAGE)
    return console


async def chart_names(tab: Watched) -> list[str]:
    names: list[str] = await tab.page.evaluate(
        "Chart.getChart(document.querySelector('canvas')).data.datasets.map(d => d.label)"
    )
    return names


async def test_from_all_usage_to_one_request(used: Server, tab: Watched) -> None:
    page = tab.page
    await tab.sign_in("owner", "/admin/explorer/")
    assert len(await chart_names(tab)) == 8
    assert (await chart_names(tab))[-1] == "Others"

    await page.select_option("[name=by]", "platform")
    await page.wait_for_url("**by=platform*")
    assert set(await chart_names(tab)) == {"acme", "other"}
    await page.get_by_role("link", name="Requests", exact=True).first.click()  # what is measured
    await page.wait_for_url("**measure=requests*")
    await page.get_by_role("rowheader").get_by_role("link", name="acme").click()
    await page.wait_for_url("**platform=acme*")
    await expect(page.locator("[name=platform]")).to_have_value("acme")
    await page.get_by_role("link", name="Requests of acme/m-0").click()
    await page.wait_for_url("**/usagerecord/?*")
    await page.locator("#result_list tbody th a").first.click()
    await page.wait_for_url("**/change/*")

    await expect(
        page.get_by_text("Attempt 1 failed after 120 ms: asked too fast").first
    ).to_be_visible()
    await expect(page.get_by_text("acme/<i>m</i>, one").first).to_be_visible()
    copy = page.locator("[data-copy='#request-id']")
    await copy.click()
    await expect(copy).to_have_text("Copied")
    await page.get_by_role("link", name="Earlier").click()
    await expect(page.get_by_role("link", name="Later")).to_be_visible()


async def test_filters_are_kept_in_the_address(used: Server, tab: Watched) -> None:
    page = tab.page
    await tab.sign_in("owner", "/admin/explorer/")

    await page.select_option("[name=period]", "dates")
    await expect(page.locator("[name=from]")).to_be_visible()
    await page.fill("[name=licence]", "3")
    await page.click("#explorer-form [type=submit]")
    await page.wait_for_url("**licence=3*")
    assert "from=" in page.url
    assert "model=" not in page.url
    await page.reload()

    await expect(page.locator("[name=licence]")).to_have_value("<b>licence 2</b> (3)")
    assert await chart_names(tab) == ["<b>licence 2</b>"]


async def test_licences_are_offered_while_one_types(used: Server, tab: Watched) -> None:
    await tab.sign_in("owner", "/admin/explorer/")

    async with tab.page.expect_response("**/explorer/choices/*q=ad*"):
        await tab.page.locator("[name=licence]").press_sequentially("ad")

    await expect(tab.page.locator("#licence-choices option")).to_have_count(1)


async def test_both_files_are_downloaded(used: Server, tab: Watched, tmp_path: Path) -> None:
    await tab.sign_in("owner", "/admin/explorer/")
    found = {}
    for name in ("Sums as CSV", "Requests as CSV"):
        async with tab.page.expect_download() as download:
            await tab.page.get_by_role("link", name=name).click()
        path = tmp_path / (await download.value).suggested_filename
        await (await download.value).save_as(path)
        found[name] = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))

    assert len(found["Sums as CSV"]) == 9
    assert len(found["Requests as CSV"]) == 90
    assert sum(int(row["requests"]) for row in found["Sums as CSV"]) == 90


async def test_a_list_is_filtered_by_what_is_chosen_and_typed(used: Server, tab: Watched) -> None:
    page = tab.page
    await tab.sign_in("owner", "/admin/gateway/usagerecord/")

    await page.locator("a", has_text="Filters").first.click()
    await page.select_option("#changelist-filter [name=platform]", "other")
    await page.wait_for_url("**platform=other*")
    await page.locator("a", has_text="Filters").first.click()
    await page.fill("#changelist-filter [name=licence_id]", "1")
    await page.press("#changelist-filter [name=licence_id]", "Enter")
    await page.wait_for_url("**licence_id=1*")

    assert "platform=other" in page.url
    await expect(page.locator("#result_list tbody tr")).to_have_count(10)

"""The start page in a browser: its charts, its switches, and that it keeps itself up to date."""

import pytest
from playwright.async_api import expect

from tests.browser.console import Watched
from tests.live.server import Server

_USE = """
from datetime import timedelta
from django.db import transaction
from django.utils import timezone
from gateway.usage import rows
from licences.models import Licence
from tests.gateway.usage.records import record
ada = Licence.objects.get()
at = int(timezone.now().timestamp()) * 1_000_000
lines = [
    record(request_id=f"foaicmpl-{start}-{{n}}", at=at, platform=f"p{{n % 3}}", licence_id=ada.pk,
           latency_ms=500 + n, first_byte_ms=200, stream=True, cost_micros=1000 * n)
    for n in range({count})
]
with transaction.atomic():
    rows.insert([rows.checked(line) for line in lines])
result = None
"""
_DRAWN = """canvas => {
    const found = Chart.getChart(canvas);
    const blank = document.createElement("canvas");
    [blank.width, blank.height] = [canvas.width, canvas.height];
    return {
        names: found.data.datasets.map(one => one.label),
        sum: found.data.datasets.flatMap(one => one.data).reduce((a, b) => a + (b || 0), 0),
        inked: canvas.toDataURL() !== blank.toDataURL(),
    };
}"""
REQUESTS = ".dash-figures div:has(dt:text-is('Requests')) .tk-figure-value"


@pytest.fixture(scope="module", autouse=True)
def used(console: Server) -> None:
    console.query(_USE.format(start="first", count=30))


async def test_the_charts_are_drawn_and_show_another_measure(tab: Watched) -> None:
    await tab.sign_in("owner")
    canvas = tab.page.locator("canvas[data-axis=platform]")

    drawn = await canvas.evaluate(_DRAWN)
    assert (drawn["names"], drawn["inked"]) == (["p0", "p1", "p2"], True)
    requests = drawn["sum"]
    await tab.page.get_by_role("button", name="Cost").click()
    drawn = await canvas.evaluate(_DRAWN)

    assert drawn["sum"] == pytest.approx(sum(range(30)) / 1000)
    assert requests >= 30
    await tab.page.reload()  # it is remembered
    await expect(tab.page.get_by_role("button", name="Cost")).to_have_attribute(
        "aria-pressed", "true"
    )
    assert (await canvas.evaluate(_DRAWN))["sum"] == drawn["sum"]
    latency = tab.page.locator("canvas[data-chart=chart-latency]")
    assert (await latency.evaluate(_DRAWN))["inked"]


async def test_a_first_hour_of_use_is_seen_in_the_lines(tab: Watched) -> None:
    await tab.sign_in("owner")
    latency = tab.page.locator("canvas[data-chart=chart-latency]")

    shown = await latency.evaluate(
        "canvas => Chart.getChart(canvas).getDatasetMeta(0).data"
        ".filter(point => !point.skip).map(point => point.options.radius)"
    )

    assert shown == [3]  # no neighbour, so no line


async def test_periods_are_switched_and_licences_follow(tab: Watched) -> None:
    await tab.sign_in("owner")
    await expect(tab.page.get_by_role("link", name="Today")).to_have_attribute(
        "aria-current", "page"
    )

    await tab.page.get_by_role("link", name="30 days").click()

    await expect(tab.page.get_by_role("link", name="30 days")).to_have_attribute(
        "aria-current", "page"
    )
    await expect(tab.page.get_by_role("link", name="ada", exact=True)).to_be_visible()


async def test_the_page_keeps_itself_up_to_date(tab: Watched, console: Server) -> None:
    await tab.page.clock.install()
    await tab.sign_in("owner")
    figure = tab.page.locator(REQUESTS)
    before = int(await figure.inner_text())
    await tab.page.evaluate("window.isTheSamePage = true")
    await tab.page.locator("details[data-part=platform] summary").click()
    await tab.page.locator("h2").first.click()  # the focus is nowhere in particular
    console.query(_USE.format(start="second", count=4))

    await tab.page.clock.fast_forward(31_000)

    await expect(figure).to_have_text(str(before + 4))
    assert await tab.page.evaluate("window.isTheSamePage")
    assert (await tab.page.locator("canvas[data-axis=model]").evaluate(_DRAWN))["sum"] == before + 4
    # What was opened stays open.
    await expect(tab.page.locator("details[data-part=platform] table")).to_be_visible()


async def test_somebody_who_is_signed_out_meanwhile_is_told(tab: Watched) -> None:
    await tab.page.clock.install()
    await tab.sign_in("owner")
    await tab.page.context.clear_cookies()

    await tab.page.clock.fast_forward(31_000)

    await expect(tab.page.get_by_text("you are signed out")).to_be_visible()
    assert int(await tab.page.locator(REQUESTS).inner_text()) >= 30  # what was there stays

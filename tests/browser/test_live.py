"""Live requests as an operator sees them."""

import asyncio
import re
from typing import Any

import httpx
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.browser.console import Watched
from tests.live.server import Server

XSS = "<img src=x onerror=alert(1)>"


def calling(console: Server) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {console.key}"}
    return httpx.AsyncClient(base_url=console.url, headers=headers, timeout=60)


async def chat(client: httpx.AsyncClient, model: str, *, stream: bool = True) -> httpx.Response:
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": "MARKER-CONTENTS"}],
        "stream": stream,
    }
    return await client.post("/sandbox/v1/chat/completions", json=body)


async def opened(tab: Watched, name: str = "owner") -> None:
    await tab.sign_in(name, "/admin/live/")
    await expect(tab.page.locator("#live-connection")).to_have_text("Live")


async def test_requests_appear_change_and_lead_to_their_usage_record(
    tab: Watched, console: Server
) -> None:
    await opened(tab)
    rows = tab.page.locator("#live-rows tr")
    async with calling(console) as client:
        call = asyncio.get_running_loop().create_task(chat(client, "sandbox-slow"))
        row = rows.filter(has_text="sandbox-slow")
        await expect(row).to_contain_text("attempt 1")
        await row.click()
        facts = tab.page.locator("#live-facts")
        await expect(facts).to_contain_text("streaming")
        answer = await call
    await expect(row).to_contain_text("completed")
    await expect(row.locator("td").nth(4)).to_have_text(re.compile(r"^\d+ \+ \d+$"))
    await expect(facts).to_contain_text(answer.headers["x-request-id"])
    assert "MARKER-CONTENTS" not in await tab.page.content()

    link = tab.page.locator("#live-record")
    await expect(link).to_be_visible()
    async with asyncio.timeout(20):  # it is booked a second later
        path = await link.get_attribute("href") or ""
        cookies = {c["name"]: c["value"] for c in await tab.page.context.cookies()}
        async with httpx.AsyncClient(base_url=console.url, cookies=cookies) as browser:
            while (await browser.get(path)).status_code != 302:
                await asyncio.sleep(0.1)
    await link.click()

    await tab.page.wait_for_url(re.compile(r"/admin/gateway/usagerecord/\d+/change/$"))
    await expect(tab.page.locator("#content")).to_contain_text(answer.headers["x-request-id"])


async def test_the_list_is_filtered_paused_and_cleared(tab: Watched, console: Server) -> None:
    await opened(tab)
    page = tab.page
    rows = page.locator("#live-rows tr")
    async with calling(console) as client:
        await chat(client, "sandbox-chat")
        await chat(client, "sandbox-500")
        await chat(client, "nonesuch")
        await expect(rows).to_have_count(3)
        await expect(rows.first).to_contain_text("nonesuch")  # newest first

        await page.select_option("[name=show]", "failed")
        await expect(rows).to_have_count(2)
        await page.select_option("[name=show]", "upstream_error")
        await expect(rows).to_have_count(1)
        await page.select_option("[name=show]", "running")
        await expect(page.locator("#live-none")).to_be_visible()
        await page.select_option("[name=show]", "")
        await page.fill("[name=text]", "SANDBOX-C")
        await expect(rows).to_have_count(1)
        await page.fill("[name=text]", "")
        await page.select_option("[name=platform]", "sandbox")
        await page.select_option("[name=licence]", "ada")
        await expect(rows).to_have_count(3)

        await page.click("#live-pause")
        await chat(client, "sandbox-chat")
        await expect(page.locator("#live-waiting")).to_have_text("Paused: 1 requests have changed")
        await expect(rows).to_have_count(3)
        await page.click("#live-pause")
        await expect(rows).to_have_count(4)
        await expect(rows.first).to_contain_text("completed")

    await page.click("#live-clear")
    await expect(page.locator("#live-empty")).to_be_visible()
    await expect(rows).to_have_count(0)


async def test_what_a_caller_writes_is_shown_as_text(tab: Watched, console: Server) -> None:
    await opened(tab)
    async with calling(console) as client:
        await chat(client, XSS)
    row = tab.page.locator("#live-rows tr")
    await expect(row).to_contain_text(XSS)
    await row.locator("button").press("Enter")

    await expect(tab.page.locator("#live-facts")).to_contain_text(XSS)
    assert await tab.page.locator("#live img").count() == 0
    await tab.page.keyboard.press("Escape")
    await expect(tab.page.locator("#live-details")).to_be_hidden()
    await expect(row.locator("button")).to_be_focused()


async def test_the_list_is_bounded(tab: Watched, console: Server) -> None:
    await opened(tab)
    async with calling(console) as client:
        for _ in range(5):
            async with asyncio.TaskGroup() as group:
                for _ in range(50):
                    group.create_task(chat(client, "sandbox-429", stream=False))
    await expect(tab.page.locator("#live-ended")).to_have_text("250")

    await expect(tab.page.locator("#live-rows tr")).to_have_count(200)


async def test_the_page_comes_back_by_itself_after_a_restart(tab: Watched, console: Server) -> None:
    await opened(tab)
    badge = tab.page.locator("#live-connection")

    await asyncio.to_thread(console.stop)
    await expect(badge).to_contain_text("Disconnected")
    await asyncio.to_thread(console.start)

    await expect(badge).to_have_text("Live", timeout=60_000)
    async with calling(console) as client:
        await chat(client, "sandbox-chat")
    await expect(tab.page.locator("#live-rows tr")).to_have_count(1)
    # What the browser itself says of a server that is away.
    tab.messages = [m for m in tab.messages if "WebSocket connection to" not in m]


async def test_whose_permission_ends_is_told_so(tab: Watched, console: Server) -> None:
    await opened(tab)
    await tab.page.context.clear_cookies()
    console.query(
        "from django.contrib.sessions.models import Session\n"
        "Session.objects.all().delete()\nresult = 1"
    )

    badge = tab.page.locator("#live-connection")
    await expect(badge).to_contain_text("Sign in again", timeout=60_000)


async def test_axe_finds_nothing_serious(tab: Watched, console: Server) -> None:
    await opened(tab)
    async with calling(console) as client:
        await chat(client, "sandbox-500")
    await tab.page.locator("#live-rows tr").click()

    found = await Axe().run(tab.page)

    serious = [v for v in found.response["violations"] if v["impact"] in ("serious", "critical")]
    assert serious == []


async def test_it_fits_a_phone(tab: Watched, console: Server) -> None:
    await tab.page.set_viewport_size({"width": 390, "height": 844})
    await opened(tab)
    async with calling(console) as client:
        await chat(client, "sandbox-chat")
    await expect(tab.page.locator("#live-rows tr")).to_have_count(1)

    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not await tab.page.evaluate(wide)

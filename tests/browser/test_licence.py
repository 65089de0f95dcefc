"""A licence's life in the console: issued, connected, rotated, extended, as an operator."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone
from playwright.async_api import Browser

from tests.browser.console import Watched, opened
from tests.live.server import Server

LIST = "/admin/licences/licence/"
SOON_S = 5.0  # a change in the console acts within a second; the rest is for a busy machine


@pytest.fixture(scope="module", autouse=True)
def _rights(console: Server) -> None:
    """What these tests need of an operator's rights; the role of that name has them too."""
    console.query(
        "from django.contrib.auth.models import Permission, User\n"
        "names = ('add_licence', 'change_licence', 'view_licence', 'view_usageday',"
        " 'view_usagerecord')\n"
        "wanted = Permission.objects.filter(codename__in=names)\n"
        "User.objects.get(username='operator').user_permissions.add(*wanted)\nresult = None"
    )


async def key_on(tab: Watched) -> str:
    return (await tab.page.locator("#licence-key").inner_text()).strip()


def status(console: Server, key: str) -> int:
    answer = httpx.get(
        f"{console.url}/sandbox/v1/models", headers={"Authorization": f"Bearer {key}"}, timeout=10
    )
    return answer.status_code


async def issue(tab: Watched, name: str, **fields: str) -> str:
    await tab.go(f"{LIST}add/")
    await tab.page.fill("[name=name]", name)
    for field, value in fields.items():
        await tab.page.fill(f"[name={field}]", value)
    await tab.page.click("[name=_save]")
    return await key_on(tab)


async def open_licence(tab: Watched, name: str) -> None:
    await tab.go(f"{LIST}?q={name}")
    await tab.page.locator("#result_list").get_by_role("link", name=name).first.click()
    await tab.page.wait_for_url("**/change/**")


async def test_a_licence_is_issued_copied_and_its_snippets_follow_the_platform(
    browser: Browser, console: Server
) -> None:
    console.query(
        "from platforms.adding import add_platform\n"
        "add_platform('acme', base_url='https://acme.example/v1', name='Acme')\nresult = None"
    )
    permissions = ["clipboard-read", "clipboard-write"]
    async with opened(browser, console, permissions=permissions) as tab:
        await tab.sign_in("operator")
        key = await issue(tab, "carol")

        await tab.page.get_by_role("button", name="Copy the key").click()
        await tab.page.get_by_role("button", name="Copied").wait_for()
        copied = await tab.page.evaluate("navigator.clipboard.readText()")
        await tab.page.get_by_role("button", name="Copied").click()  # who is not sure does it twice
        await tab.page.get_by_role("button", name="Copy the key").wait_for()
        first = await tab.page.locator("#snippet-curl").inner_text()
        await tab.page.get_by_label("Platform").select_option("acme")
        acme = await tab.page.locator("#snippet-curl").inner_text()
        await tab.page.get_by_label("Platform").select_option("/")
        await tab.page.get_by_role("tab", name="Claude Code").click()
        everywhere = await tab.page.locator("#snippet-claude-code").inner_text()
        hidden = await tab.page.locator("#snippet-curl").is_hidden()
        await tab.page.keyboard.press("ArrowRight")
        codex = await tab.page.locator("#snippet-codex-file").is_visible()
        await tab.page.reload()

        assert copied == key
        assert f"{console.url}/sandbox/v1/chat/completions" in first
        assert '"sandbox-chat"' in first
        assert f"{console.url}/acme/v1/chat/completions" in acme
        assert '"MODEL"' in acme
        assert f"ANTHROPIC_BASE_URL={console.url}\n" in everywhere
        assert "ANTHROPIC_MODEL=sandbox/sandbox-chat" in everywhere
        assert key in everywhere
        assert (hidden, codex) == (True, True)
        assert "/change/" in tab.page.url
        assert key not in await tab.page.content()
        assert await asyncio.to_thread(status, console, key) == 200
        tab.is_clean()


async def test_both_keys_work_while_they_overlap_until_the_old_one_is_ended(
    tab: Watched, console: Server
) -> None:
    await tab.sign_in("operator")
    old = await issue(tab, "dave")
    await open_licence(tab, "dave")
    await tab.page.get_by_role("link", name="Rotate the key").click()
    await tab.page.get_by_label("24 more hours").check()
    await tab.page.get_by_role("button", name="Rotate the key").click()
    new = await key_on(tab)

    both = [await asyncio.to_thread(status, console, key) for key in (old, new)]
    await tab.page.get_by_role("link", name="Go to the licence").click()
    await tab.page.get_by_role("button", name="End the old key now").click()
    await tab.page.get_by_text("Ended the old key.").wait_for()
    refused_after_s = await asyncio.to_thread(until_refused, console, old)

    assert new != old
    assert both == [200, 200]
    assert refused_after_s < SOON_S
    assert await asyncio.to_thread(status, console, new) == 200
    assert await tab.page.get_by_role("button", name="End the old key now").count() == 0


async def test_a_licence_that_has_expired_is_extended_and_works_again(
    tab: Watched, console: Server
) -> None:
    await tab.sign_in("operator")
    day = (timezone.now() + timedelta(days=3)).date().isoformat()
    key = await issue(tab, "erin", expires_at_0=day, expires_at_1="12:00")
    console.query(
        "from django.utils import timezone\nfrom licences.models import Licence\n"
        "one = Licence.objects.get(name='erin')\none.expires_at = timezone.now()\none.save()\n"
        "result = None"
    )
    await asyncio.to_thread(until_refused, console, key)

    await open_licence(tab, "erin")
    over = await tab.page.get_by_text("extending brings it back").is_visible()
    await tab.page.get_by_role("link", name="Extend").click()
    await tab.page.get_by_label("30 more days").check()
    await tab.page.get_by_role("button", name="Extend").click()
    await tab.page.get_by_text("Extended until").wait_for()
    works_after_s = await asyncio.to_thread(until_it_answers, console, key, 200)
    await tab.go(f"{tab.page.url.removeprefix(tab.url).replace('/change/', '/history/')}")

    assert over
    assert works_after_s < SOON_S
    assert await tab.page.get_by_text("Extended until").first.is_visible()


async def test_the_page_of_a_licence_that_is_used_shows_it(tab: Watched, console: Server) -> None:
    await tab.sign_in("operator")
    key = await issue(tab, "fay", rpm="60")
    body: dict[str, Any] = {
        "model": "sandbox-chat",
        "messages": [{"role": "user", "content": "Hello"}],
    }
    answer = await asyncio.to_thread(
        httpx.post,
        f"{console.url}/sandbox/v1/chat/completions",
        json=body,
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 200

    await open_licence(tab, "fay")
    end = time.monotonic() + 20
    while not await tab.page.get_by_text("All requests of this licence").count():
        assert time.monotonic() < end, "it is never booked"
        await tab.page.reload()
    await tab.page.get_by_role("button", name="Cost").click()

    assert await tab.page.get_by_text("1 of 60 requests in the last 60 seconds").is_visible()
    assert await tab.page.get_by_role("button", name="Cost").get_attribute("aria-pressed") == "true"
    drawn = await tab.page.evaluate("Chart.getChart('licence-chart').data.datasets[0].label")
    assert drawn == "cost"
    await tab.page.get_by_text("All requests of this licence").click()
    await tab.page.wait_for_url("**/usagerecord/?licence_id=*")
    assert await tab.page.locator("#result_list tbody").count() == 1


def until_refused(console: Server, key: str) -> float:
    """After how many seconds a key is refused."""
    return until_it_answers(console, key, 401)


def until_it_answers(console: Server, key: str, wanted: int) -> float:
    """After how many seconds a key is answered so."""
    begin = time.monotonic()
    while status(console, key) != wanted:
        assert time.monotonic() - begin < 10
    return time.monotonic() - begin

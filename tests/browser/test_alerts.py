"""A person adds somebody who is told of alerts, tests it, and sees what is wrong."""

import asyncio
from collections.abc import Iterator

import pytest
from axe_playwright_python.async_playwright import Axe

from tests.browser.console import Watched, make_people
from tests.live.server import Server, served
from tests.peers.third_party import need
from tests.upstreams import Upstream, answer, running_upstream

XSS = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Upstream]:
    with running_upstream(answer(b"thank you", content_type="text/plain")) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, receiver: Upstream) -> Iterator[Server]:
    """As ever, and with a receiver of its own network that the operator has named."""
    need("chromium")
    allowed = f"127.0.0.1:{receiver.port}"
    folder = tmp_path_factory.mktemp("console")
    with served(folder, TOKENS_ALERT_ALLOW=allowed) as server:
        server.prepare()
        make_people(server)
        server.start()
        yield server


async def test_a_target_is_added_and_tested(tab: Watched, receiver: Upstream) -> None:
    await tab.sign_in("owner", "/admin/gateway/alerttarget/add/")
    page = tab.page
    await page.fill("[name=name]", XSS)
    await page.select_option("[name=kind]", "webhook")
    await page.fill("[name=address]", f"{receiver.base_url}/hook")
    await page.click("[name=_save]")
    secret = await page.text_content("#webhook-secret")
    await page.get_by_role("button", name="Send a test").click()
    await page.get_by_text("The test was delivered: 200 thank you").wait_for()

    assert secret is not None
    assert secret.startswith("whsec_")
    assert secret not in await page.content()
    assert [one.json["event"] for one in receiver.requests] == ["test"]
    assert XSS in await page.input_value("[name=name]")


async def test_what_is_wrong_is_told_and_shown(
    tab: Watched, console: Server, receiver: Upstream
) -> None:
    console.query(
        f"""
from gateway.alert_rows import AlertTarget
from platforms.adding import add_credential, add_platform
from platforms.models import Credential
platform, _new = add_platform("acme", base_url="http://127.0.0.1:9/v1")
key = add_credential(platform, {XSS!r}, "sk-1")
Credential.objects.filter(platform=platform).update(disabled_reason={XSS!r})
AlertTarget.objects.get_or_create(
    name="ops", kind="webhook", address="{receiver.base_url}/alerts"
)
result = None
"""
    )
    async with asyncio.timeout(60):  # the server itself looks every 15 seconds
        while not any(one.path == "/alerts" for one in receiver.requests):
            await asyncio.sleep(0.1)
    await tab.sign_in("owner", "/admin/gateway/alert/")
    page = tab.page
    await page.get_by_role("link", name="is out of service").click()

    assert XSS in (await page.text_content("#alert-title") or "")
    await page.get_by_role("button", name="Mute for 24 hours").click()
    await page.get_by_role("button", name="End muting").wait_for()
    found = await Axe().run(page)
    bad = [one for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in bad] == []

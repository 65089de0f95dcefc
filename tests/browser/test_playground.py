"""The playground as an operator uses it: on a real server, in a real browser, with the sandbox."""

import asyncio
import base64
import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import FilePayload, Page, expect

from tests.browser.console import Watched
from tests.live.server import Server
from tests.peers.third_party import need

PAGE = "/admin/playground/"
LABEL = "This is the sandbox: no model was asked."
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
RECORD = """
from gateway.models import UsageRecord
found = UsageRecord.objects.filter(request_id={id!r}).values("outcome", "licence_name", "status")
result = list(found)
"""


MAY = """
from django.contrib.auth.models import Permission, User
names = ["use_playground", "view_usagerecord", "view_mediatask", "view_licence"]
user = User.objects.get(username="operator")
user.user_permissions.add(*Permission.objects.filter(codename__in=names))
result = None
"""


@pytest.fixture(scope="module", autouse=True)
def _operators_may(console: Server) -> None:
    """What the role of that name may, said once more for the person of these tests."""
    console.query(MAY)


async def entered(tab: Watched, query: str = "", mode: str = "") -> Page:
    """The playground, once it knows the models."""
    await tab.sign_in("operator", PAGE)
    if query or mode:
        await tab.go(f"{PAGE}{query}{mode and f'#{mode}'}")
    try:
        await expect(tab.page.locator("#pg-model optgroup")).not_to_have_count(0)
    except AssertionError as error:
        raise AssertionError(await tab.page.inner_text("#pg-models")) from error
    return tab.page


async def say(page: Page, text: str, model: str = "") -> None:
    if model:
        await page.select_option("#pg-model", model)
    await page.fill("#pg-text", text)
    await page.press("#pg-text", "Control+Enter")


async def ended(page: Page, number: int = 1) -> Any:
    """The answer of this number, once it has ended."""
    answer = page.locator(".pg-turn:not(.pg-mine)").nth(number - 1)
    await expect(answer.locator(".tk-badge")).to_be_visible()
    return answer


def without_refusals(tab: Watched, *statuses: int) -> None:
    """Take away what the browser itself says of answers that the test has asked for."""
    ours = re.compile(
        rf"error: Failed to load resource: .* status of ({'|'.join(map(str, statuses))})"
    )
    tab.messages[:] = [message for message in tab.messages if not ours.match(message)]


async def test_an_answer_appears_piece_by_piece(tab: Watched) -> None:
    page = await entered(tab)

    await say(page, "Hello there", "sandbox-slow")
    text = page.locator(".pg-text")
    await expect(text).not_to_be_empty()
    early = await text.inner_text()
    await expect(page.locator(".pg-busy")).to_have_count(1)
    await expect(text).to_contain_text("You said: Hello there", timeout=10_000)
    answer = await ended(page)

    assert early
    assert LABEL.startswith(early.strip())
    assert len(early.strip()) < len(LABEL)
    await expect(answer.locator(".tk-badge")).to_have_text("complete")
    facts = await answer.locator(".pg-facts").inner_text()
    assert re.search(r"2 \+ \d+ tokens", facts)
    assert re.search(r"first token after [2-9]\.\d\d s", facts)
    assert re.search(r"[345](\.\d)? tokens/s", facts)
    await expect(page.locator("#pg-told")).to_contain_text("complete. ")
    await expect(answer).to_have_attribute("data-outcome", "completed")


async def test_the_usage_record_is_one_link_away(tab: Watched) -> None:
    page = await entered(tab)

    await say(page, "Hello")
    answer = await ended(page)
    await expect(answer).to_have_attribute("data-outcome", "completed")
    await answer.get_by_role("link", name="Usage record").click()
    await page.wait_for_url(re.compile("/usagerecord/"))

    rows = page.locator("#result_list tr.data-row")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("sandbox-chat")
    await expect(rows).to_contain_text("ada")


async def test_stop_ends_the_call_itself(tab: Watched, console: Server) -> None:
    page = await entered(tab)

    async with page.expect_response(re.compile("/chat/completions")) as answered:
        await say(page, "Count to one hundred, slowly", "sandbox-slow")
    id = (await (await answered.value).all_headers())["x-request-id"]
    await expect(page.locator(".pg-text")).not_to_be_empty()
    await page.click("#pg-stop")
    answer = await ended(page)

    await expect(answer.locator(".tk-badge")).to_have_text("stopped by you")
    await expect(answer).to_have_attribute("data-outcome", "cancelled")
    assert console.query(RECORD.format(id=id))[0]["outcome"] == "cancelled"
    await expect(page.locator("#pg-text")).to_be_focused()
    await expect(page.locator("#pg-stop")).to_be_hidden()


async def test_escape_stops_and_nothing_said_comes_back_to_the_field(tab: Watched) -> None:
    page = await entered(tab)

    await say(page, "Never mind", "sandbox-slow")
    await expect(page.locator("#pg-stop")).to_be_visible()
    await page.keyboard.press("Escape")
    await ended(page)

    await expect(page.locator("#pg-text")).to_have_value("Never mind")


async def test_pictures_and_files_reach_the_model(tab: Watched) -> None:
    page = await entered(tab)

    files = [
        FilePayload(name="dot.png", mimeType="image/png", buffer=PNG),
        FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"hello"),
        FilePayload(name="wrong.txt", mimeType="text/plain", buffer=b"not this one"),
    ]
    await page.locator("#pg-attach").set_input_files(files)
    await expect(page.locator(".pg-file")).to_have_count(3)
    await expect(page.locator(".pg-file canvas")).to_have_count(1)
    await page.get_by_role("button", name="Remove wrong.txt").click()
    await expect(page.locator("#pg-curl")).to_contain_text("data:text/plain;base64,aGVsbG8=")
    await say(page, "What are these?")
    answer = await ended(page)

    text = await answer.locator(".pg-text").inner_text()
    assert f"a picture (image/png, {len(PNG)} bytes)" in text
    assert "a file notes.txt (text/plain, 5 bytes)" in text
    assert "wrong.txt" not in text
    await expect(page.locator(".pg-file")).to_have_count(0)


async def test_files_that_are_too_large_are_refused_here(tab: Watched) -> None:
    page = await entered(tab)

    await page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(16 * 2 ** 20)], "big.bin"));
          const input = document.querySelector("#pg-attach");
          input.files = data.files;
          input.dispatchEvent(new Event("change", { bubbles: true }));
        }"""
    )

    await expect(page.locator("[data-files-error=chat]")).to_contain_text("big.bin is too large")
    await expect(page.locator(".pg-file")).to_have_count(0)


async def test_a_refusal_is_shown_with_code_and_sentence(tab: Watched) -> None:
    page = await entered(tab)

    await say(page, "Once more", "sandbox-429")
    answer = await ended(page)

    fault = answer.locator(".pg-fault")
    await expect(fault).to_contain_text("Too many requests")
    await expect(fault).to_contain_text("Status 429 · rate_limit_exceeded")
    await expect(page.locator("#pg-text")).to_have_value("Once more")
    await expect(answer.get_by_role("link", name="Usage record")).to_be_visible()
    without_refusals(tab, 429)


async def test_a_cut_answer_never_looks_whole(tab: Watched) -> None:
    page = await entered(tab)

    await say(page, "A long story", "sandbox-cut")
    answer = await ended(page)

    await expect(answer.locator(".tk-badge")).to_have_text("cut off")
    await expect(answer.locator(".pg-fault")).to_contain_text("What you see is not all of it")
    await expect(answer.locator(".pg-text")).not_to_be_empty()
    await expect(answer).to_have_attribute("data-outcome", "truncated")


def spoken(*deltas: dict[str, Any], end: str = "data: [DONE]\n\n") -> str:
    """A stream of these deltas."""
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end


async def answered_with(page: Page, body: str) -> Any:
    """The answer that is shown where the gateway answers with this stream."""
    await page.route(
        re.compile("/chat/completions"),
        lambda route: route.fulfill(content_type="text/event-stream", body=body),
    )
    await say(page, "Hello")
    return await ended(page)


async def test_reasoning_is_shown_and_folded(tab: Watched) -> None:
    page = await entered(tab)
    thinking = {"reasoning_content": f"Let me see {EVIL}"}

    answer = await answered_with(page, spoken(thinking, {"content": "Done."}))

    thought = answer.locator("details.pg-thought")
    await expect(thought.locator("div")).to_be_hidden()
    await thought.locator("summary").click()
    await expect(thought.locator("div")).to_have_text(f"Let me see {EVIL}")
    await expect(answer.locator(".pg-text")).to_have_text("Done.\n")


@pytest.mark.parametrize(
    "end", ["", 'data: {"error": {"message": "It broke.", "code": "x"}}\n\n', "data: {nonsense\n\n"]
)
async def test_only_done_ends_an_answer_well(tab: Watched, end: str) -> None:
    page = await entered(tab)

    answer = await answered_with(page, spoken({"content": "Half of"}, end=end))

    await expect(answer.locator(".tk-badge")).to_have_text("cut off")
    await expect(answer.locator(".pg-fault")).to_contain_text("What you see is not all of it")


async def test_nothing_is_wrong_with_its_accessibility(tab: Watched) -> None:
    page = await entered(tab)
    await say(page, "```\ncode\n```")
    await ended(page)
    found = [await Axe().run(page, context="#pg")]
    await page.click("[data-mode=image]")
    found.append(await Axe().run(page, context="#pg"))

    assert [one["id"] for result in found for one in result.response["violations"]] == []


async def test_a_phone_has_room_for_it(tab: Watched) -> None:
    await tab.page.set_viewport_size({"width": 390, "height": 844})
    page = await entered(tab)
    await say(page, f"{'wide' * 80}\n```\n{'code ' * 80}\n```")
    await ended(page)

    for mode in ("chat", "image", "video"):
        await page.click(f"[data-mode={mode}]")
        width = "document.documentElement.scrollWidth"
        assert await page.evaluate(width) <= 390, mode


async def test_what_the_model_says_is_text(tab: Watched) -> None:
    page = await entered(tab)

    await say(page, f"{EVIL}\n```html\n{EVIL}\n```\nand on")
    answer = await ended(page)

    text = answer.locator(".pg-text")
    assert (await text.inner_text()).count(EVIL) == 2
    await expect(text.locator("pre")).to_have_text(f"{EVIL}\n")
    assert await page.locator("#pg img, #pg script:not([type='application/json'])").count() == 0
    await expect(page.locator(".pg-mine")).to_contain_text(EVIL)


async def test_the_conversation_goes_along_and_can_begin_anew(tab: Watched) -> None:
    page = await entered(tab)
    await page.fill("#pg-system", "Be brief.")
    await say(page, "First")
    await ended(page)

    async with page.expect_request(re.compile("/chat/completions")) as second:
        await say(page, "Second")
    roles = [one["role"] for one in ((await second.value).post_data_json or {})["messages"]]
    await ended(page, 2)
    await page.click("#pg-clear")

    assert roles == ["system", "user", "assistant", "user"]
    await expect(page.locator(".pg-turn")).to_have_count(0)
    await expect(page.locator("#pg-curl")).not_to_contain_text("First")


async def test_tool_calls_are_shown_and_answered(tab: Watched) -> None:
    page = await entered(tab)
    await page.fill(
        "#pg-further",
        '{"tools": [{"type": "function", "function": {"name": "weather", "parameters": '
        '{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]}',
    )

    await say(page, "Use weather, please")
    answer = await ended(page)
    await expect(answer.locator("pre")).to_contain_text('"name": "weather"')
    await expect(page.locator("#pg-tool-hint")).to_be_visible()
    await say(page, "Rain")
    second = await ended(page, 2)

    await expect(answer.locator(".tk-badge")).to_have_text("waits for its tool calls")
    await expect(second.locator(".pg-text")).to_contain_text("The tool answered: Rain")


async def test_wrong_further_fields_are_said_beside_them(tab: Watched) -> None:
    page = await entered(tab)

    await page.fill("#pg-further", "[1]")
    await say(page, "Hello")

    await expect(page.locator("#pg-further-error")).to_contain_text("is not a JSON object")
    await expect(page.locator(".pg-turn")).to_have_count(0)


async def test_a_picture_is_ordered_and_shown(tab: Watched) -> None:
    page = await entered(tab, mode="image")
    await expect(page.locator("#pg-model")).to_have_value("sandbox-image")

    await page.fill("#pg-prompt", EVIL)
    await page.fill("#pg-size", "256x256")
    await page.fill("#pg-n", "2")
    await page.press("#pg-prompt", "Control+Enter")

    pictures = page.locator(".pg-made img")
    await expect(pictures).to_have_count(2)
    for place in range(2):
        width = "(picture) => picture.decode().then(() => picture.naturalWidth)"
        assert await pictures.nth(place).evaluate(width) == 256
    await expect(page.locator(".pg-task .tk-badge")).to_have_text("completed")
    await expect(page.locator(".pg-task h3")).to_have_text(EVIL)
    await page.get_by_role("link", name="Media task").click()
    await page.wait_for_url(re.compile("/mediatask/img_"))


async def test_a_picture_is_made_from_another(tab: Watched) -> None:
    page = await entered(tab, mode="image")
    await page.fill("#pg-prompt", "By night")
    text = FilePayload(name="no.txt", mimeType="text/plain", buffer=b"x")
    dot = FilePayload(name="dot.png", mimeType="image/png", buffer=PNG)

    await page.locator("#pg-reference").set_input_files([text, dot])
    await expect(page.locator("[data-files-error=media]")).to_contain_text(
        "no.txt is not a picture"
    )
    await expect(page.locator(".pg-file")).to_have_count(1)
    async with page.expect_response(re.compile(r"/images/edits\?async=true")):
        await page.click("#pg-make")

    await expect(page.locator(".pg-made img")).to_have_count(1)


async def test_a_film_is_ordered_watched_and_shown(tab: Watched) -> None:
    page = await entered(tab, mode="video")
    await expect(page.locator("#pg-model")).to_have_value("sandbox-video")

    await page.fill("#pg-prompt", "Waves")
    await page.fill("#pg-seconds", "4")
    await page.click("#pg-make")

    await expect(page.locator(".pg-task progress")).to_be_visible()
    await expect(page.locator(".pg-task .tk-badge")).to_have_text("being made")
    film = page.locator(".pg-made video")
    await expect(film).to_be_visible(timeout=30_000)
    ready = "(film) => film.readyState > 0 || new Promise((done) => film.onloadedmetadata = done)"
    await film.evaluate(ready)
    assert await film.evaluate("(film) => film.duration") > 1
    await expect(page.locator(".pg-task progress")).to_be_hidden()


async def test_a_failed_film_says_why(tab: Watched) -> None:
    page = await entered(tab, mode="video")

    await page.select_option("#pg-model", "sandbox-video-failed")
    await page.fill("#pg-prompt", "Waves")
    await page.click("#pg-make")

    await expect(page.locator(".pg-task .tk-badge")).to_have_text("failed", timeout=30_000)
    await expect(page.locator(".pg-task .pg-fault")).not_to_be_empty()


@pytest.mark.parametrize(
    ("mode", "field"), [("chat", "#pg-text"), ("image", "#pg-prompt"), ("video", "#pg-prompt")]
)
async def test_the_curl_command_works(tab: Watched, console: Server, mode: str, field: str) -> None:
    need("curl")
    page = await entered(tab, mode=mode)
    await page.fill(field, 'It\'s "quoted" `here` $HOME \\ <b>')
    await expect(page.locator("#pg-curl")).to_contain_text("quoted")

    command = await page.locator("#pg-curl").inner_text()
    done = await asyncio.to_thread(
        subprocess.run,
        ["sh", "-c", command.replace("curl ", "curl --silent --show-error --fail-with-body ", 1)],
        env={"LICENCE": console.key, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=30,
        check=False,
    )

    answered = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode() + answered
    assert ("[DONE]" in answered) is (mode == "chat")
    assert ('"queued"' in answered) is (mode != "chat")
    assert "tkp-" not in command
    assert console.key not in command


async def test_a_name_that_no_list_has_can_be_typed(tab: Watched) -> None:
    page = await entered(tab)

    await page.select_option(label="Another name…", selector="#pg-model")
    await expect(page.locator("#pg-name")).to_be_focused()
    await page.fill("#pg-name", "sandbox-unheard-of")
    await say(page, "Hello")
    answer = await ended(page)

    await expect(answer.locator(".pg-fault")).to_contain_text("sandbox-unheard-of")
    without_refusals(tab, 404)


@pytest.fixture
def _keyless(console: Server) -> Iterator[None]:
    """A platform without a credential, gone again for the tests that take the first one."""
    console.query(
        "from platforms.adding import add_platform\n"
        "add_platform('keyless', base_url='https://keyless.example/v1')\nresult = None"
    )
    yield
    console.query(
        "from platforms.models import Platform\n"
        "Platform.objects.filter(slug='keyless').delete()\nresult = None"
    )


@pytest.mark.usefixtures("_keyless")
async def test_a_name_in_the_address_outlives_a_list_that_cannot_be_had(tab: Watched) -> None:
    await tab.sign_in("operator", PAGE)

    await tab.go(f"{PAGE}?platform=keyless&model=gpt-5")
    await expect(tab.page.locator("#pg-models")).to_contain_text("lists no models")

    await expect(tab.page.locator("#pg-name")).to_be_visible()
    await expect(tab.page.locator("#pg-name")).to_have_value("gpt-5")
    without_refusals(tab, 502, 503)


async def test_the_list_is_what_the_licence_may_call(tab: Watched, console: Server) -> None:
    id = console.query(
        "from licences.issuing import issue\n"
        "result = issue(name='few', model_patterns=['sandbox-c*'], networks=['192.0.2.0/24'])[0].pk"
    )
    open_id = console.query(
        "from licences.issuing import issue\n"
        "result = issue(name='few', model_patterns=['sandbox-c*'])[0].pk"
    )
    page = await entered(tab, f"?licence={open_id}&platform=sandbox&model=sandbox-cut")

    names = await page.locator("#pg-model option").all_inner_texts()
    await expect(page.locator("#pg-model")).to_have_value("sandbox-cut")
    await page.select_option("#pg-licence", str(id))

    assert names == ["sandbox-chat", "sandbox-cut", "Another name…"]
    await expect(page.locator("#pg-outside")).to_contain_text("192.0.2.0/24 only")
    await expect(page.locator("#pg-models")).to_contain_text("may not be used from")
    without_refusals(tab, 403)


async def test_a_refused_pass_is_renewed_once(tab: Watched) -> None:
    page = await entered(tab)
    seen: list[str] = []

    async def spoil(route: Any) -> None:
        key = route.request.headers["authorization"]
        seen.append(key)
        headers = {**route.request.headers, "authorization": f"{key}0"}
        await route.continue_(headers=headers if len(seen) == 1 else None)

    await page.route(re.compile("/chat/completions"), spoil)
    await say(page, "Hello")
    answer = await ended(page)

    await expect(answer.locator(".tk-badge")).to_have_text("complete")
    assert len(seen) == 2
    assert all(key.startswith("Bearer tkp-") for key in seen)
    without_refusals(tab, 401)


async def test_who_is_signed_out_is_told(tab: Watched) -> None:
    page = await entered(tab)
    await page.context.clear_cookies()

    await page.reload()
    await tab.sign_in("operator", PAGE)
    await expect(page.locator("#pg-model optgroup")).not_to_have_count(0)
    await page.context.clear_cookies()
    await page.evaluate("() => { Date.now = () => 10 ** 15; }")
    await say(page, "Hello")
    answer = await ended(page)

    await expect(answer.locator(".pg-fault")).to_contain_text("You are signed out")
    without_refusals(tab, 403)


async def test_a_viewer_does_not_come_in(tab: Watched) -> None:
    await tab.sign_in("viewer")

    response = await tab.page.goto(tab.url + PAGE)

    assert response is not None
    assert response.status == 403
    without_refusals(tab, 403)


SPLITS = """async (address) => {
  const { EventParser } = await import(address);
  const wanted = JSON.stringify(["one", "two\\nlines", "", "three: ü", "[DONE]"]);
  const lines = [
    ": a comment", "", "data: one", "", "event: x", "data: two", "data:lines", "id: 1", "",
    "data", "", ":ping", "", "data: three: ü", "", "data: [DONE]", "", "data: never ended",
  ];
  const wrong = [];
  for (const end of ["\\n", "\\r\\n", "\\r"]) {
    const whole = lines.join(end);
    for (let first = 0; first <= whole.length; first += 1) {
      for (let second = first; second <= whole.length; second += 1) {
        const parser = new EventParser();
        const pieces = [whole.slice(0, first), whole.slice(first, second), whole.slice(second)];
        const found = JSON.stringify(pieces.flatMap((piece) => parser.feed(piece)));
        if (found !== wanted) {
          wrong.push([end, first, second, found]);
        }
      }
    }
  }
  return wrong.slice(0, 3);
}"""


async def test_events_are_read_however_they_are_split(tab: Watched) -> None:
    await tab.go("/admin/login/")

    assert await tab.page.evaluate(SPLITS, f"{tab.url}/static/console/playground/sse.js") == []


async def test_a_page_of_the_gateway_itself_needs_no_cookie(tab: Watched, console: Server) -> None:
    """The browser's calls carry the pass alone, as a client's carry its key."""
    page = await entered(tab)

    async with page.expect_request(re.compile("/chat/completions")) as asked:
        await say(page, "Hello")
    headers = await (await asked.value).all_headers()
    await ended(page)

    assert "cookie" not in headers
    key = headers["authorization"].removeprefix("Bearer ")
    async with httpx.AsyncClient() as client:
        models = await client.get(f"{console.url}/sandbox/v1/models", headers={"x-api-key": key})
    assert models.status_code == 200
    assert key not in console.log()

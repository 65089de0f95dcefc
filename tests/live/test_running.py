"""A running server: changes in the admin act at once, memory stays, secrets stay secret."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live import load
from tests.live.server import SECRET, Server, served
from tests.upstreams import Upstream, answer, completion, running_upstream

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("live-running")]
ACTS_WITHIN_S = 1.0
PASSWORD = "a-long-password-of-the-tests"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream(answer(completion())) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("live"), TOKENS_ATTEMPTS="1") as server:
        server.prepare(upstream.base_url)
        server.query(
            "from django.contrib.auth.models import User\n"
            f"result = User.objects.create_superuser('op', '', {PASSWORD!r}).pk"
        )
        server.start()
        yield server


@pytest.fixture(scope="module")
def console(live: Server) -> Iterator[httpx.Client]:
    """A browser's session of the operator."""
    with httpx.Client(base_url=f"{live.url}/admin/", follow_redirects=True, timeout=20) as client:
        client.get("login/")
        post(client, "login/", username="op", password=PASSWORD, next="/admin/")
        yield client


def post(console: httpx.Client, path: str, **data: Any) -> httpx.Response:
    token = console.cookies["csrftoken"]
    response = console.post(path, data={**data, "csrfmiddlewaretoken": token})
    assert response.status_code == 200, response.text[:500]
    return response


def chat(live: Server, key: str = "", platform: str = "up", **over: Any) -> httpx.Response:
    return httpx.post(
        f"{live.url}/{platform}/v1/chat/completions",
        json={"model": "m", "messages": [{"role": "user", "content": "x"}], **over},
        headers={"Authorization": f"Bearer {key or live.key}"},
        timeout=20,
    )


def seconds_until(claim: Callable[[], bool]) -> float:
    """How long it takes until the claim holds; at most 5 s."""
    start = time.monotonic()
    while not claim():
        assert time.monotonic() - start < 5
        time.sleep(0.02)
    return time.monotonic() - start


def code(response: httpx.Response) -> Any:
    return None if response.status_code == 200 else response.json()["error"]["code"]


def act(console: httpx.Client, page: str, pk: int, action: str, **more: str) -> None:
    post(console, f"{page}/", action=action, _selected_action=str(pk), **more)


def test_switching_a_platform_acts_within_a_second(live: Server, console: httpx.Client) -> None:
    pk = live.query("from platforms.models import *\nresult = Platform.objects.get(slug='up').pk")
    assert code(chat(live)) is None

    act(console, "platforms/platform", pk, "disable_selected")
    off = seconds_until(lambda: code(chat(live)) == "platform_not_found")
    act(console, "platforms/platform", pk, "enable_selected")
    on = seconds_until(lambda: code(chat(live)) is None)

    assert max(off, on) < ACTS_WITHIN_S


def test_switching_a_credential_acts_within_a_second(live: Server, console: httpx.Client) -> None:
    pk = live.query("from platforms.models import *\nresult = Credential.objects.get().pk")

    act(console, "platforms/credential", pk, "disable_selected")
    off = seconds_until(lambda: code(chat(live)) == "no_credential")
    act(console, "platforms/credential", pk, "enable_selected")
    on = seconds_until(lambda: code(chat(live)) is None)

    assert max(off, on) < ACTS_WITHIN_S


def test_revoking_a_licence_acts_within_a_second_while_it_is_used(
    live: Server, console: httpx.Client
) -> None:
    script = "from licences.issuing import issue\nl, k = issue(name='bob')\nresult = [l.pk, k]"
    pk, key = live.query(script)
    assert code(chat(live, key)) is None

    act(console, "licences/licence", pk, "revoke_selected", confirmed="yes", post="yes")
    seconds = seconds_until(lambda: code(chat(live, key)) == "licence_revoked")

    assert seconds < ACTS_WITHIN_S


def test_deleting_and_mapping_in_another_process_act_within_a_second(live: Server) -> None:
    live.query(
        "from platforms.models import *\n"
        "from platforms.adding import add_mapping\n"
        "result = add_mapping(Platform.objects.get(slug='up'), 'painter', kind='image')[0].pk"
    )
    assert seconds_until(lambda: code(chat(live, model="painter")) == "invalid_value") < 1
    live.query("from platforms.models import *\nresult = ModelMapping.objects.all().delete()[0]")
    assert seconds_until(lambda: code(chat(live, model="painter")) is None) < 1


QUOTES_THE_KEY = [
    answer({"error": {"message": f"Incorrect API key provided: {SECRET}"}}, status)
    for status in (400, 401, 403, 404, 429, 500, 503)
] + [
    answer({"error": {"message": f"Bearer {SECRET}", "code": SECRET, "param": SECRET}}, 400),
    answer(f"<html>{SECRET}</html>".encode(), 502, "text/html", x_key=SECRET),
    answer({"error": {"message": f"In a 200: {SECRET}"}}),
    answer(f"not JSON {SECRET}".encode()),
    answer(b"", 302, location=f"http://127.0.0.1/{SECRET}"),
    answer(f'data: {{"error": {{"message": "{SECRET}"}}}}\n\n'.encode(), 200, "text/event-stream"),
]


def test_a_secret_and_a_key_are_nowhere_to_be_read(
    live: Server, console: httpx.Client, upstream: Upstream
) -> None:
    told = []
    for play in QUOTES_THE_KEY:
        for streamed in (False, True):
            upstream.plays.append(play)
            told.append(chat(live, stream=streamed).text)
    told += [
        chat(live, model=7).text,
        chat(live, platform="nowhere").text,
        chat(live, key=live.key[:-1]).text,
        httpx.get(f"{live.url}/up/v1/models?key={live.key}").text,
    ]
    pages = ["", "platforms/platform/", "platforms/credential/", "platforms/modelmapping/"]
    pages += ["licences/licence/", "gateway/usagerecord/", "gateway/usageday/"]
    for page in list(pages):
        text = console.get(page).text
        told.append(text)
        links = set(re.findall(rf'href="/admin/({page}\d+/change/)', text)) if page else set()
        told += [console.get(link).text for link in links]
        told += [console.get(link.replace("change", "history")).text for link in links]
    live.stop()
    told += [
        live.manage("licence", "list", "--json"),
        live.manage("credential", "list", "--json"),
        live.manage("usage", "report", "--json"),
        live.manage("usage", "report", "--csv"),
        live.manage("dumpdata"),
        live.log(),
    ]
    # Read while it is stopped: the next process books the journal that is left, and deletes it.
    files = {path: path.read_bytes() for path in live.folder.rglob("*") if path.is_file()}
    live.start()

    for marker in (SECRET, live.key):
        found = [text.partition(marker) for text in told if marker in text]
        assert [before[-200:] + after[:100] for before, _marker, after in found] == []
        assert [path for path, data in files.items() if marker.encode() in data] == []


async def test_memory_stays(tmp_path: Path) -> None:
    with running_upstream(answer(completion())) as upstream, served(tmp_path) as server:
        key = server.prepare(upstream.base_url)
        server.start()
        sizes = []
        for _ in range(4):
            complete = seconds = 0
            while seconds < 4 or complete < 300:  # however busy the machine is
                stop = asyncio.Event()
                asyncio.get_running_loop().call_later(1, stop.set)
                seen = await load.run(f"{server.url}/up/v1/", key, 20, stop, model="m")
                assert seen.broken == []
                complete += len(seen.complete)
                seconds += 1
            sizes.append(server.rss_mb())

    assert sizes[-1] < 120
    assert sizes[-1] - sizes[0] < 10

"""Metrics as they are scraped: by whom, where, and of which processes."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import OperationalError
from django.utils import timezone

from gateway.metrics import meter, port, series
from gateway.metrics.series import SERIES, Numbers
from gateway.metrics.shared import Shared
from gateway.models import MediaTask
from platforms.models import Credential, Platform
from tests.gateway.conftest import Site
from tests.gateway.metrics_text import Samples, samples
from tests.gateway.test_metrics import mapped, until
from tests.upstreams import answer

TOKEN = "a-token-for-the-scraper"
ENDED = (series.REQUESTS, "acme", "chat", "m-1", "completed", "200")
PROCESS = f"""
import sys
from pathlib import Path
from gateway.metrics.shared import Shared
shared = Shared(Path(sys.argv[1]))
shared.write({{{ENDED!r}: [5.0]}}, {{("{series.IN_FLIGHT}",): [2.0]}})
print(flush=True)
sys.stdin.read()
shared.write({{{ENDED!r}: [6.0]}}, {{}})
"""


@pytest.fixture(autouse=True)
def _token(settings: Any) -> None:
    settings.TOKENS_METRICS_TOKEN = TOKEN


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


async def scraped(site: Site) -> Samples:
    response = await site.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    return samples(response.text)


def sample(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((name, *(value for _name, value in sorted(labels.items()))))


def requests(found: Samples) -> float | None:
    labels = dict(zip(SERIES[series.REQUESTS].labels, ENDED[1:], strict=True))
    return sample(found, series.REQUESTS, **labels)


@contextmanager
def process(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process of the same data folder, that has counted five requests."""
    command = [sys.executable, "-c", PROCESS, str(folder / "metrics")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        try:
            yield running
        finally:
            running.kill()


async def test_every_series_is_exported_with_its_numbers(site: Site) -> None:
    await mapped(site)
    site.upstream.plays = [answer({"error": {"message": "no"}}, status=500)]
    assert [(await site.chat()).status_code for _ in range(3)] == [502, 200, 200]
    await until(lambda: bool(site.gateway.meter._looked))

    found = await scraped(site)

    assert requests(found) == 2
    call = {"platform": "acme", "endpoint": "chat", "model": "m-1"}
    labels = {**call, "outcome": "upstream_error", "status": "502"}
    assert sample(found, series.REQUESTS, **labels) == 1
    assert sample(found, f"{series.SECONDS}_count", **call) == 3
    assert sample(found, f"{series.SECONDS}_bucket", **call, le="+Inf") == 3
    assert sample(found, f"{series.SECONDS}_bucket", **call, le="1800.0") == 3
    assert 0 < (sample(found, f"{series.SECONDS}_sum", **call) or 0) < 60
    assert sample(found, f"{series.OVERHEAD}_count", platform="acme", endpoint="chat") == 2
    assert sample(found, series.COST, platform="acme", model="m-1") == 2000
    assert sample(found, series.FAILURES, platform="acme", kind="broken") == 1
    assert sample(found, series.CREDENTIALS, platform="acme", state="active") == 1
    assert sample(found, series.MEDIA_TASKS, state="queued") == 0
    assert sample(found, series.BUILD, version=django_settings.TOKENS_VERSION) == 1
    for name in (series.IN_FLIGHT, series.JOURNAL_WAITING, series.COUNTERS_FAILURES):
        assert sample(found, name) == 0
    assert sample(found, series.JOURNAL_LAG) is not None


async def test_buckets_hold_all_below_their_end(site: Site) -> None:
    key = (series.QUEUE_WAIT, "acme", "chat")
    bounds = SERIES[series.QUEUE_WAIT].bounds
    site.gateway.metrics.numbers[key] = [7.5, *([1.0] * len(bounds)), 2.0]

    found = await scraped(site)

    name = f"{series.QUEUE_WAIT}_bucket"
    counts = [
        sample(found, name, platform="acme", endpoint="chat", le=str(float(bound)))
        for bound in bounds
    ]
    assert counts == [float(place) for place in range(1, len(bounds) + 1)]
    count = sample(found, f"{series.QUEUE_WAIT}_count", platform="acme", endpoint="chat")
    assert count == len(bounds) + 2


async def test_a_call_under_way_is_seen(site: Site) -> None:
    gate = asyncio.Event()

    async def held(peer: Any) -> None:
        await gate.wait()
        await answer({})(peer)

    site.upstream.plays = [held]
    async with asyncio.TaskGroup() as group:
        group.create_task(site.chat())
        await until(lambda: len(site.upstream.requests) == 1)
        found = await scraped(site)
        gate.set()

    assert sample(found, series.IN_FLIGHT) == 1


async def test_open_metrics_are_there_for_who_asks(site: Site) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/openmetrics-text"}

    response = await site.client.get("/metrics", headers=headers)

    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("token", "header", "status"),
    [
        ("", f"Bearer {TOKEN}", 404),
        ("", "", 404),
        (TOKEN, "", 401),
        (TOKEN, "Basic x", 401),
        (TOKEN, f"Bearer {TOKEN}x", 401),
        (TOKEN, "Bearer é", 401),
        (TOKEN, f"Bearer {TOKEN}", 200),
    ],
)
async def test_only_who_has_the_token_reads(
    site: Site, settings: Any, token: str, header: str, status: int
) -> None:
    settings.TOKENS_METRICS_TOKEN = token

    headers = {b"authorization": header.encode()} if header else {}
    response = await site.client.get("/metrics", headers=headers)

    assert response.status_code == status
    assert ("tokens_build_info" in response.text) == (status == 200)
    if status == 404:
        assert response.text == (await site.client.get("/nothing")).text.replace(
            "/nothing", "/metrics"
        )


async def test_two_processes_add_up_and_a_dead_one_is_kept(site: Site, tmp_path: Path) -> None:
    await mapped(site)
    await site.chat()

    with process(tmp_path) as other:
        both = await scraped(site)
        other.kill()
        other.wait()
    killed = await scraped(site)
    again = await scraped(site)

    assert (requests(both), sample(both, series.IN_FLIGHT)) == (6, 2)
    assert (requests(killed), sample(killed, series.IN_FLIGHT)) == (6, 0)
    assert requests(again) == 6
    names = {path.name for path in (tmp_path / "metrics").iterdir() if path.suffix != ".new"}
    assert names == {"dead.json", "lock", site.gateway.meter._shared._path.name}


async def test_the_dead_outlive_the_gateway(site: Site, tmp_path: Path) -> None:
    with process(tmp_path) as other:
        other.communicate(b"")  # it ends by itself, having written once more
    assert requests(await scraped(site)) == 6

    later = await asyncio.to_thread(Shared(tmp_path / "metrics").others)

    assert later[ENDED] == [6.0]


def test_a_crash_while_the_dead_are_taken_in_counts_nobody_twice(tmp_path: Path) -> None:
    dead = Shared(tmp_path)
    dead.write({ENDED: [5.0]}, {})
    dead.close()
    copy = dead._path.read_bytes()
    reader = Shared(tmp_path)

    assert reader.others()[ENDED] == [5.0]
    dead._path.write_bytes(copy)  # as if it had not been deleted any more

    assert [reader.others()[ENDED] for _ in range(2)] == [[5.0], [5.0]]
    assert not dead._path.exists()


def test_a_process_that_writes_is_never_taken_for_dead(tmp_path: Path) -> None:
    """Each write puts a new file in the old one's place, whose lock then is free."""
    writer, reader = Shared(tmp_path), Shared(tmp_path)
    writer.write({ENDED: [0.0]}, {})
    ended = threading.Event()

    def write() -> None:
        for number in range(1, 2000):
            writer.write({ENDED: [float(number)]}, {})
        ended.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen = [0.0]
    while not ended.is_set():
        seen.append(reader.others()[ENDED][0])
    thread.join()

    assert seen == sorted(seen)
    assert reader.others()[ENDED] == [1999.0]
    assert not (tmp_path / "dead.json").exists()


def test_what_another_version_counted_otherwise_is_left_out(tmp_path: Path) -> None:
    dead = Shared(tmp_path)
    strange: Numbers = {
        (series.SECONDS, "acme", "chat", "m-1"): [1.0, 2.0],
        (series.COST, "acme"): [1.0],
        ("tokens_unheard_of", "x"): [1.0],
    }
    dead.write({ENDED: [5.0], **strange}, {})
    dead.close()
    (tmp_path / "1-broken.json").write_bytes(b'{"counted": [')

    assert Shared(tmp_path).others() == {ENDED: [5.0]}


async def test_metrics_that_cannot_be_read_are_no_zeros(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Shared) -> Numbers:
        raise TimeoutError

    monkeypatch.setattr(Shared, "others", fail)

    response = await site.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

    assert response.status_code == 503


@asynccontextmanager
async def served(site: Site, folder: Path, at: int) -> AsyncIterator[asyncio.Task[None]]:
    """As a process with TOKENS_METRICS_PORT does."""
    work = port.serve(site.gateway.meter.answer, folder, "127.0.0.1", at)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        try:
            yield task
        finally:
            task.cancel()


async def answers(url: str) -> httpx.Response:
    async with asyncio.timeout(10), httpx.AsyncClient() as client:
        while True:
            try:
                return await client.get(url)
            except httpx.ConnectError:
                await asyncio.sleep(0.02)


async def test_a_port_of_its_own_asks_for_no_token_and_has_one_server(
    site: Site, tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port, "AGAIN_S", 0.05)
    url = f"http://127.0.0.1:{free_port}/metrics"

    async with served(site, tmp_path, free_port) as first, served(site, tmp_path, free_port):
        assert sample(samples((await answers(url)).text), series.IN_FLIGHT) == 0
        assert (await answers(f"{url}/x")).status_code == 404
        async with httpx.AsyncClient() as client:
            assert (await client.post(url)).status_code == 405
            assert (await client.head(url)).content == b""
        first.cancel()
        await asyncio.wait([first])
        assert (await answers(url)).status_code == 200  # by the other


async def test_a_scraper_that_says_nothing_does_not_hold_up_others(
    site: Site, tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port, "_CLIENT_S", 0.5)
    async with served(site, tmp_path, free_port):
        assert (await answers(f"http://127.0.0.1:{free_port}/metrics")).status_code == 200
        reader, writer = await asyncio.open_connection("127.0.0.1", free_port)
        assert (await answers(f"http://127.0.0.1:{free_port}/metrics")).status_code == 200
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


@pytest.mark.django_db
def test_credentials_and_tasks_are_counted_by_state(transactional_db: None) -> None:
    acme = Platform.objects.create(slug="acme", name="Acme", base_url="http://127.0.0.1:9")
    for name, reason in (("a", ""), ("b", ""), ("c", "refused")):
        Credential.objects.create(platform=acme, name=name, disabled_reason=reason)
    now = timezone.now()
    for number, state in enumerate(("running", "running", "failed")):
        MediaTask.objects.create(
            id=f"t{number}",
            licence_id=1,
            created_at=now,
            due_at=now,
            deadline_at=now,
            state=state,
        )

    assert meter.look() == {
        (series.CREDENTIALS, "acme", "active"): [2],
        (series.CREDENTIALS, "acme", "out"): [1],
        (series.MEDIA_TASKS, "queued"): [0],
        (series.MEDIA_TASKS, "submitting"): [0],
        (series.MEDIA_TASKS, "running"): [2],
        (series.MEDIA_TASKS, "storing"): [0],
    }


async def test_without_a_database_the_rest_is_served(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until(lambda: bool(site.gateway.meter._looked))
    monkeypatch.setattr(meter, "LOOK_S", 0.01)

    def fail() -> Numbers:
        raise OperationalError

    monkeypatch.setattr(meter, "look", fail)
    site.gateway.own(site.gateway.meter.look(), "test")
    await until(lambda: not site.gateway.meter._looked)

    found = await scraped(site)

    assert sample(found, series.IN_FLIGHT) == 0
    assert not [key for key in found if key[0] == series.CREDENTIALS]


def test_a_port_that_is_none_is_complained_of(settings: Any) -> None:
    settings.TOKENS_METRICS_PORT = 70_000

    with pytest.raises(SystemCheckError, match=r"tokens\.E004"):
        call_command("check")


@pytest.mark.parametrize("library", ["prometheus_client", "opentelemetry.sdk"])
def test_what_is_switched_off_is_not_loaded(library: str) -> None:
    code = f"import tokens_site.asgi, sys; sys.exit({library!r} in sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ, timeout=60)

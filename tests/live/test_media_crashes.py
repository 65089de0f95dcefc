"""Server and worker killed between each pair of a task's stages: one submit, and always an end."""

import asyncio
import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway.media.pictures import film, images, png, video
from tests.gateway.media.platform import FilmMaker
from tests.live.server import ROOT, Server, served
from tests.upstreams import Connection, answer, running_upstream

pytestmark = pytest.mark.live
QUICK = {"TOKENS_LEASE_S": "1.5", "TOKENS_POLL_S": "0.1"}
RECORDS = """
from gateway.models import UsageRecord
result = list(UsageRecord.objects.filter(endpoint__startswith="videos").values(
    "outcome", "seconds", "status"))
"""


@dataclass
class Gate:
    """A place where the upstream waits until the test lets it go on."""

    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def before(self, play: Any) -> Any:
        async def held(peer: Connection) -> None:
            self.reached.set()
            while not self.opened.is_set():
                await asyncio.sleep(0.01)
            with contextlib.suppress(ConnectionError):
                await play(peer)

        return held


@dataclass
class Stage:
    """The server, what makes its films, and perhaps a worker of its own."""

    server: Server
    maker: FilmMaker
    apart: bool
    worker: subprocess.Popen[bytes] | None = None

    def start(self, *, works: bool = True) -> None:
        """Start the server, and with `works` somebody who does the tasks."""
        own = works and not self.apart
        self.server.settings["TOKENS_WORKER"] = "true" if own else "false"
        self.server.start()
        if works and self.apart:
            with (self.server.folder / "stderr").open("ab") as log:
                self.worker = subprocess.Popen(
                    [sys.executable, "manage.py", "worker"],
                    cwd=ROOT,
                    env=self.server.environment,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                )

    def kill(self) -> None:
        """End all of it as a crash would."""
        self.server.kill()
        if self.worker is not None:
            self.worker.kill()
            self.worker.wait(10)
            self.worker = None

    def order(self) -> str:
        response = httpx.post(
            f"{self.server.url}/up/v1/videos",
            json={"model": "m", "prompt": "a cat", "seconds": "4"},
            headers=self.headers,
            timeout=20,
        )
        assert response.status_code == 200, response.text
        id: str = response.json()["id"]
        return id

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.server.key}"}

    def read(self, id: str) -> Any:
        url = f"{self.server.url}/up/v1/videos/{id}"
        return httpx.get(url, headers=self.headers, timeout=20).json()

    def ended(self, id: str) -> Any:
        end = time.monotonic() + 30
        while (task := self.read(id))["status"] not in ("completed", "failed"):
            assert time.monotonic() < end, self.server.log()
            time.sleep(0.05)
        return task


@pytest.fixture(params=["embedded", "apart"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    maker = FilmMaker()
    with running_upstream(maker.play) as upstream, served(tmp_path, **QUICK) as server:
        server.prepare(upstream.base_url)
        stage = Stage(server, maker, request.param == "apart")
        try:
            yield stage
        finally:
            if stage.worker is not None:
                stage.worker.kill()
                stage.worker.wait(10)


def completed_once(stage: Stage, id: str) -> None:
    task = stage.ended(id)
    assert (task["status"], stage.maker.submits) == ("completed", 1), task
    content = httpx.get(
        f"{stage.server.url}/up/v1/videos/{id}/content", headers=stage.headers, timeout=20
    )
    assert content.content == film()
    assert stage.server.query(RECORDS) == [{"outcome": "completed", "seconds": 4.0, "status": 200}]


def test_killed_when_the_row_was_written(stage: Stage) -> None:
    stage.start(works=False)
    id = stage.order()
    stage.kill()
    assert stage.maker.submits == 0

    stage.start()

    completed_once(stage, id)


def test_killed_when_it_was_submitted(stage: Stage) -> None:
    gate = Gate()
    stage.maker.on_submit = gate.before(answer(video()))
    stage.start()
    id = stage.order()
    assert gate.reached.wait(10)
    stage.kill()
    gate.opened.set()

    stage.start()
    task = stage.ended(id)

    assert (task["status"], task["error"]["code"]) == ("failed", "submit_outcome_unknown")
    assert stage.maker.submits == 1
    [record] = stage.server.query(RECORDS)
    assert (record["outcome"], record["seconds"]) == ("upstream_error", 0)


def test_killed_when_the_platforms_id_was_stored(stage: Stage) -> None:
    stage.maker.polls_needed = 10**6
    stage.start()
    id = stage.order()
    while not stage.maker.polls:
        time.sleep(0.01)
    stage.kill()
    stage.maker.polls_needed = 0

    stage.start()

    completed_once(stage, id)


def test_killed_when_the_platform_had_completed(stage: Stage) -> None:
    gate = Gate()
    stage.maker.content = gate.before(answer(film(), content_type="video/mp4"))
    stage.start()
    id = stage.order()
    assert gate.reached.wait(10)
    stage.kill()
    gate.opened.set()

    stage.start()

    completed_once(stage, id)


def test_killed_when_it_was_downloaded(stage: Stage) -> None:
    stage.start()
    id = stage.order()
    stage.ended(id)
    stage.kill()

    stage.start()

    completed_once(stage, id)


def test_a_picture_that_somebody_waited_for_is_not_made_twice_either(tmp_path: Path) -> None:
    gate = Gate()
    with running_upstream() as upstream, served(tmp_path, **QUICK) as server:
        server.prepare(upstream.base_url)
        upstream.default = gate.before(images(png()))
        server.start()
        headers = {"Authorization": f"Bearer {server.key}", "Idempotency-Key": "k"}

        def make() -> httpx.Response | None:
            with contextlib.suppress(httpx.TransportError):
                return httpx.post(
                    f"{server.url}/up/v1/images/generations",
                    json={"model": "m", "prompt": "a cat"},
                    headers=headers,
                    timeout=30,
                )
            return None

        caller = threading.Thread(target=make)
        caller.start()
        assert gate.reached.wait(10)
        server.kill()
        caller.join(10)
        gate.opened.set()
        server.start()

        again = make()

        assert again is not None
        assert again.json()["error"]["code"] == "submit_outcome_unknown"
        assert again.headers["x-should-retry"] == "false"
        assert len(upstream.requests) == 1

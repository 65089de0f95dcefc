"""Upstreams that are not ours, for pictures and films: OpenAI, Veo, Grok, Ark by a simulator."""

import base64
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import openai_schema
from tests.gateway.media.pictures import base64_of, film, png
from tests.live.server import Server, served
from tests.peers.third_party import need, npm_packages
from tests.upstreams import Connection, answer, running_upstream

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers-aimock-media")]
PLATFORMS = {
    "openai": ("openai", "/v1"),
    "ark": ("ark", "/api/v3"),
    "grok": ("xai", "/v1"),
    "veo": ("gemini", "/v1beta"),
}
ADD = """
from platforms.adding import add_credential, add_platform
for slug, (protocol, path) in {platforms!r}.items():
    row, _new = add_platform(slug, base_url={url!r} + path, protocol=protocol)
    add_credential(row, "main", "sk-test")
result = True
"""


async def files(peer: Connection) -> None:
    """Where the simulator's films and pictures lie."""
    if "film" in peer.request.path:
        await answer(film(), content_type="video/mp4")(peer)
    else:
        await answer(png(64, 64), content_type="image/png")(peer)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    node = need("node")
    folder = npm_packages(tmp_path_factory.mktemp("npm") / "aimock", "@copilotkit/aimock")
    shutil.copy(Path(__file__).parent / "node/aimock_media.mjs", folder)
    with running_upstream(files) as host:
        command = [node, "aimock_media.mjs", f"{host.base_url}/film.mp4"]
        command += [f"{host.base_url}/picture.png", base64_of(png(64, 64))]
        with subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as simulator:
            try:
                assert simulator.stdout is not None
                url = simulator.stdout.readline().decode().strip()
                with served(
                    tmp_path_factory.mktemp("live"),
                    TOKENS_POLL_S="0.2",
                    TOKENS_FETCH_ALLOW=f"127.0.0.1:{host.port}",
                ) as server:
                    server.prepare()
                    server.query(ADD.format(platforms=PLATFORMS, url=url))
                    server.start()
                    yield server
            finally:
                simulator.kill()


def call(live: Server, path: str, **sent: Any) -> Any:
    headers = {"Authorization": f"Bearer {live.key}"}
    method = "POST" if sent else "GET"
    response = httpx.request(method, f"{live.url}/{path}", headers=headers, timeout=30, **sent)
    return response.json()


@pytest.mark.parametrize("platform", ["openai", "ark", "grok"])
@pytest.mark.parametrize(("prompt", "count"), [("inline", 2), ("linked", 1)])
def test_pictures(live: Server, platform: str, prompt: str, count: int) -> None:
    body = call(
        live, f"{platform}/v1/images/generations", json={"model": "gpt-image-1", "prompt": prompt}
    )

    openai_schema.images(body)
    pictures = [base64.b64decode(row["b64_json"]) for row in body["data"]]
    assert pictures == [png(64, 64)] * count


def test_edits(live: Server) -> None:
    body = call(
        live,
        "openai/v1/images/edits",
        data={"model": "gpt-image-1", "prompt": "linked"},
        files=[
            ("image[]", ("a.png", png(), "image/png")),
            ("image[]", ("b.png", png(), "image/png")),
        ],
    )

    openai_schema.images(body)


def ended(live: Server, platform: str, prompt: str) -> Any:
    sent = {"model": "m", "prompt": prompt, "seconds": "4"}
    task = call(live, f"{platform}/v1/videos", json=sent)
    openai_schema.video(task)
    end = time.monotonic() + 20
    while task["status"] not in ("completed", "failed"):
        assert time.monotonic() < end, task
        time.sleep(0.05)
        task = call(live, f"{platform}/v1/videos/{task['id']}")
    return task


@pytest.mark.parametrize("platform", list(PLATFORMS))
def test_films(live: Server, platform: str) -> None:
    task = ended(live, platform, "ark film" if platform == "ark" else "waves")

    assert (task["status"], task["error"]) == ("completed", None)
    content = httpx.get(
        f"{live.url}/{platform}/v1/videos/{task['id']}/content",
        headers={"Authorization": f"Bearer {live.key}"},
    )
    assert content.content == film()


@pytest.mark.parametrize("platform", list(PLATFORMS))
def test_films_that_fail(live: Server, platform: str) -> None:
    task = ended(live, platform, "ark trouble" if platform == "ark" else "failing")

    assert task["status"] == "failed"
    assert "It did not work." in task["error"]["message"] or platform == "openai"

"""Big pictures and films pass through files: the server's memory does not grow with them."""

import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.gateway.media.pictures import base64_of, images, png, video
from tests.live.server import Server, served
from tests.upstreams import Connection, Play, answer, running_upstream

pytestmark = pytest.mark.live
MB = 2**20
GROWTH_MB = 30


def chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(kind + data)
    return len(data).to_bytes(4) + kind + data + crc.to_bytes(4)


def big_png(size: int) -> bytes:
    """A PNG of `size` bytes more than it needs."""
    small = png()
    return small[:33] + chunk(b"tEXt", b"Comment\0" + bytes(size)) + small[33:]


def film_of(size: int) -> Play:
    """A whole MP4 of about `size` bytes, sent piece by piece."""
    from tests.gateway.media.pictures import film

    head = film()[: -1000 - 8]

    async def play(peer: Connection) -> None:
        total = len(head) + 8 + size
        await peer.head(200, {"content-type": "video/mp4", "content-length": str(total)})
        await peer.send(head + (size + 8).to_bytes(4) + b"mdat")
        for _number in range(size // MB):
            await peer.send(bytes(MB))

    return play


def big_answer(size: int) -> bytes:
    rows = b",".join([b'{"b64_json":"' + base64_of(big_png(size)).encode() + b'"}'] * 3)
    return b'{"created":1,"data":[' + rows + b"]}"


class Peak:
    """The server's highest memory from here on, in MB above what it has now."""

    def __init__(self, server: Server) -> None:
        assert server.process is not None
        self._folder = Path(f"/proc/{server.process.pid}")
        (self._folder / "clear_refs").write_text("5")  # the high-water mark begins anew
        self._before = self._read("VmRSS")

    def grown(self) -> float:
        return self._read("VmHWM") - self._before

    def _read(self, name: str) -> float:
        lines = (self._folder / "status").read_text().splitlines()
        [line] = [line for line in lines if line.startswith(name)]
        return int(line.split()[1]) / 1024


@dataclass
class Setting:
    """A running server, what its platform plays, and what may be asked of it."""

    server: Server
    client: httpx.Client
    plays: dict[str, Play]

    def edit(self, picture: bytes) -> int:
        """Edit this picture; how many bytes are answered."""
        response = self.client.post(
            "images/edits",
            data={"model": "m", "prompt": "bluer"},
            files={"image": ("a.png", picture, "image/png")},
        )
        assert response.status_code == 200, response.text[:300]
        return len(response.content)

    def make_film(self) -> int:
        """Make a film and fetch it; how many bytes it has."""
        id = self.client.post("videos", json={"model": "m", "prompt": "x"}).json()["id"]
        while (task := self.client.get(f"videos/{id}").json())["status"] != "completed":
            assert task["status"] != "failed", task
            time.sleep(0.05)
        with self.client.stream("GET", f"videos/{id}/content") as response:
            return sum(len(piece) for piece in response.iter_bytes(MB))


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    plays = {"images": images(png()), "content": film_of(MB)}

    async def play(peer: Connection) -> None:
        path = peer.request.path
        if "variant" in path:
            await answer(b"", 404)(peer)
        elif path.endswith("/content"):
            await plays["content"](peer)
        elif "/videos/" in path:
            await answer(video("completed"))(peer)
        else:
            await (answer(video()) if path.endswith("/videos") else plays["images"])(peer)

    with (
        running_upstream(play) as upstream,
        served(tmp_path, TOKENS_POLL_S="0.1", TOKENS_ACCESS_LOG="false") as server,
        httpx.Client(timeout=60) as client,
    ):
        server.prepare(upstream.base_url)
        server.start()
        client.base_url = f"{server.url}/up/v1/"
        client.headers["Authorization"] = f"Bearer {server.key}"
        yield Setting(server, client, plays)


def test_big_pictures_and_films_do_not_fill_memory(setting: Setting) -> None:
    setting.edit(png())
    setting.make_film()
    grown: dict[str, float] = {}

    peak = Peak(setting.server)
    setting.edit(big_png(49 * MB))
    grown["a 49 MB edit"] = peak.grown()

    peak = Peak(setting.server)
    setting.plays["content"] = film_of(200 * MB)
    assert setting.make_film() > 200 * MB
    grown["a 200 MB film"] = peak.grown()

    peak = Peak(setting.server)
    setting.plays["images"] = answer(big_answer(15 * MB))
    assert setting.edit(png()) > 60 * MB
    grown["three pictures of 15 MB as base64"] = peak.grown()

    assert all(figure < GROWTH_MB for figure in grown.values()), grown

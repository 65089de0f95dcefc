"""What nginx does with the settings that deploy/ has for it."""

import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typing_extensions import override

from tests.live.nginx import nginx
from tests.live.server import served
from tests.live.test_live_requests import SESSION, chat, watching

pytestmark = pytest.mark.live


class Answers(http.server.BaseHTTPRequestHandler):
    """Says yes to everything."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST  # http.server's name

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Quietly."""


@contextlib.contextmanager
def without_power() -> Iterator[int]:
    """The port of a machine that is not there: it neither accepts nor refuses a connection."""
    with contextlib.ExitStack() as stack:
        dead = stack.enter_context(socket.socket())
        dead.bind(("127.0.0.1", 0))
        dead.listen(0)
        for _ in range(6):  # more than wait for being accepted: others are dropped
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(dead.getsockname())
        yield dead.getsockname()[1]


def test_a_machine_without_power_costs_time_but_no_call(tmp_path: Path) -> None:
    living = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=living.serve_forever, daemon=True).start()
    with (
        living,
        without_power() as dead,
        nginx(tmp_path, [dead, living.server_port]) as url,
    ):
        answers = [httpx.post(f"{url}/v1/x", content=b"{}", timeout=30) for _ in range(4)]
        living.shutdown()

    assert [answer.status_code for answer in answers] == [200] * 4


async def test_live_requests_come_through_nginx(tmp_path: Path) -> None:
    with served(tmp_path) as server, nginx(tmp_path, [server.port]) as url:
        server.settings["TOKENS_TRUSTED_ORIGINS"] = url  # its port is not the usual one
        server.prepare()
        session = server.query(SESSION)
        server.start()
        async with watching(server, session, url) as heard:
            id = await chat(server)
            await heard.until(lambda: heard.rows.get(id, {}).get("state") == "ended")

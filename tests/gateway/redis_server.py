"""A Redis of one's own for a test, on a free port; it can be killed, frozen and started again."""

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.peers.third_party import need

_START_S = 10.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class RedisServer:
    """One that keeps nothing: after a restart all keys are gone."""

    port: int = field(default_factory=_free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Returns when it takes connections."""
        command = [need("redis-server"), "--port", str(self.port), "--save", ""]
        self.process = subprocess.Popen([*command, "--appendonly", "no"], stdout=subprocess.DEVNULL)
        self._wait()

    def kill(self) -> None:
        """As a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(_START_S)

    def freeze(self) -> None:
        """It takes connections and never answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def _wait(self) -> None:
        end = time.monotonic() + _START_S
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port), timeout=_START_S).close()
                return
            assert time.monotonic() < end, "Redis did not start"
            time.sleep(0.01)


@contextlib.contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Running; it is surely gone afterwards."""
    server = RedisServer()
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextlib.contextmanager
def running_redis() -> Iterator[str]:
    """The address of a Redis that keeps nothing; it ends with the block."""
    with redis_server() as server:
        yield server.url

"""A Redis of one's own for a test, on a free port."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator

from tests.peers.third_party import need

_START_S = 10.0


@contextlib.contextmanager
def running_redis() -> Iterator[str]:
    """The address of a Redis that keeps nothing; it ends with the block."""
    program = need("redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(_START_S)


def _wait_for(port: int) -> None:
    end = time.monotonic() + _START_S
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=_START_S).close()
            return
        assert time.monotonic() < end, "Redis did not start"
        time.sleep(0.01)

"""How soon a process answers with a large configuration, and what choosing a credential costs."""

import subprocess
import sys
import tempfile
import time
import timeit
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx

from bench.servers import free_port
from platforms.catalogue import Catalogue
from platforms.pool import Pool
from platforms.routes import CredentialSpec

BOUND_S = 3.0
CHOICE_BOUND_US = 20.0
_GIVE_UP_S = 60.0
_ROUNDS = 20_000


def seconds_to_first_answer() -> float:
    """Of `manage.py serve` over the database of this process's settings."""
    port = free_port()
    root = Path(__file__).parents[2]
    with tempfile.TemporaryFile() as log:
        began = time.perf_counter()
        with subprocess.Popen(  # noqa: S603 # our own command
            [sys.executable, "manage.py", "serve", "--port", str(port)],
            cwd=root,
            stdout=log,
            stderr=log,
        ) as process:
            try:
                return _first_answer(port, process, began)
            finally:
                process.kill()


def _first_answer(port: int, process: "subprocess.Popen[bytes]", began: float) -> float:
    # A key that is none: the register of licences is looked into to refuse it.
    headers = {"Authorization": "Bearer tk-none"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=10) as client:
        while True:
            try:
                answer = client.get("/platform-1/v1/models")
            except httpx.TransportError:
                if process.poll() is not None or time.perf_counter() - began > _GIVE_UP_S:
                    raise RuntimeError("The server did not start.") from None
                time.sleep(0.02)
                continue
            if answer.status_code != 401:
                raise RuntimeError(f"The first answer was {answer.status_code}.")
            return time.perf_counter() - began


def choice_us(keys: int) -> float:
    """Microseconds of one choice among so many credentials, the best of five."""
    catalogue = Catalogue()
    catalogue.load()
    route = catalogue.route("platform-1", "model-1")
    credentials = tuple(
        CredentialSpec(n, f"key {n}", f"secret-{n}", ()) for n in range(1, keys + 1)
    )
    route = replace(route, platform=replace(route.platform, credentials=credentials))
    pool = Pool()
    for credential in credentials:
        pool.take(route, credential).release()

    def seconds(sticky: str) -> float:
        choose = partial(pool.choose, route, sticky)
        # Processor time: what else the machine does is not the choice's.
        return min(timeit.repeat(choose, timer=time.thread_time, number=_ROUNDS, repeat=5))

    return max(seconds(""), seconds("a caller")) / _ROUNDS * 1e6

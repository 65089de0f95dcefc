"""A real `manage.py serve`: started, called, killed; and rows made in its own data folder."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
START_S = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    """One data folder, and the process that serves it while it runs."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    key: str = ""
    """A licence for everything."""
    options: tuple[str, ...] = ()
    """More words for `serve`."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("TOKENS_", "DATABASE_"))}
        database = f"sqlite:///{self.folder}/tokens.sqlite3"
        own = {"TOKENS_DATA_DIR": str(self.folder), "DATABASE_URL": database, **self.settings}
        return {**plain, **own}

    def manage(self, *arguments: str, stdin: str = "") -> str:
        """Run a command to its end; its standard output. Fails the test if it fails."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=stdin.encode(),
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def query(self, script: str) -> Any:
        """Run Python over the folder's database; what it assigns to `result`, by way of JSON."""
        setup = "import json, django; django.setup()\n"
        text = f"{setup}{script}\nprint(json.dumps(result))"
        done = subprocess.run(
            [sys.executable, "-c", text],
            cwd=ROOT,
            env={**self.environment, "DJANGO_SETTINGS_MODULE": "tokens_site.settings"},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    def prepare(self, upstream: str = "") -> str:
        """Database, the sandbox, a platform `up` over `upstream` and a licence; its key."""
        if "DATABASE_URL" in self.settings:
            self.manage("migrate", "--verbosity", "0")
        else:
            shutil.copyfile(_migrated(), self.folder / "tokens.sqlite3")
        script = """
from licences.issuing import issue
from platforms.adding import add_credential, add_platform
add_platform("sandbox", preset="sandbox")
if {url!r}:
    platform, _new = add_platform("up", base_url={url!r})
    add_credential(platform, "main", {secret!r})
result = issue(name="ada")[1]
"""
        self.key = self.query(script.format(url=upstream and f"{upstream}/v1", secret=SECRET))
        return self.key

    def start(self) -> None:
        """Start serving; returns when it answers."""
        with (self.folder / "stdout").open("ab") as out, (self.folder / "stderr").open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--port", str(self.port), *self.options],
                cwd=ROOT,
                env=self.environment,
                stdout=out,
                stderr=err,
            )
        end = time.monotonic() + START_S
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200:
                    return
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self, seconds: float = 30) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def log(self) -> str:
        """All that it has written."""
        return "".join(
            (self.folder / name).read_text("utf-8", "replace") for name in ("stdout", "stderr")
        )

    def rss_mb(self) -> float:
        """Resident memory."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1]) / 1024


def _migrated() -> Path:
    """An SQLite database with all tables and nothing in them, made once by each worker.

    Every migration for every server was a third of what these tests took.
    """
    folder = Path(os.environ["TOKENS_DATA_DIR"]) / "migrated"  # the tests' own; goes with them
    if not (folder / "done").exists():
        folder.mkdir(exist_ok=True)
        Server(folder).manage("migrate", "--verbosity", "0")
        (folder / "done").touch()
    return folder / "tokens.sqlite3"


SECRET = "MARKER-SECRET-0123456789"


@contextlib.contextmanager
def served(folder: Path, **settings: str) -> Iterator[Server]:
    """A server that is surely gone afterwards; the test prepares and starts it."""
    server = Server(folder, settings)
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()

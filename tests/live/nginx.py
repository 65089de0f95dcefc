"""A real nginx in front of gateways, with the settings that deploy/ has for it."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.live.server import ROOT, free_port
from tests.peers.third_party import need

_START_S = 10.0
_CONF = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream tokens {{
        least_conn;
        {servers}
        keepalive 64;
    }}
    server {{
        listen 127.0.0.1:{port};
        location = /admin/live/socket {{ include {proxy}; include {socket}; }}
        location / {{ include {proxy}; }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, ports: Sequence[int]) -> Iterator[str]:
    """The address of an nginx before these ports; it ends with the block. Skips without one."""
    program, port = need("nginx"), free_port()
    servers = "\n        ".join(f"server 127.0.0.1:{one};" for one in ports)
    proxy = ROOT / "deploy/nginx/tokens-proxy.conf"
    socket = ROOT / "deploy/nginx/tokens-socket.conf"
    conf = folder / "nginx.conf"
    conf.write_text(
        _CONF.format(folder=folder, servers=servers, port=port, proxy=proxy, socket=socket)
    )
    with subprocess.Popen([program, "-p", str(folder), "-c", str(conf), "-e", "error.log"]) as run:
        try:
            _wait_for(port, run)
            yield f"http://127.0.0.1:{port}"
        finally:
            run.terminate()
            run.wait(_START_S)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Until it accepts: a request would already tell it which of its servers are down."""
    end = time.monotonic() + _START_S
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        assert process.poll() is None, "nginx did not start"
        assert time.monotonic() < end, "nginx does not answer"
        time.sleep(0.02)

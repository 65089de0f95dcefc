"""nginx as a ceiling: what a relay in C does that knows nothing of what it relays."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from bench.asking import Target
from bench.processes import PATH, Contender, ContenderFailed, running
from bench.scenarios import NGINX
from bench.servers import free_port
from bench.upstream import HOST

# One worker on one core, connections kept on both sides, every piece handed on as it comes.
_CONFIG = """
{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    client_body_buffer_size 8m;
    keepalive_requests 1000000000;
    upstream mock {{
        server {host}:{upstream_port};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {host}:{port} backlog=1024;
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""


@contextlib.asynccontextmanager
async def nginx(upstream_port: int, core: set[int]) -> AsyncIterator[Contender]:
    """Nginx in front of this upstream. Raises ContenderFailed, also where it is not installed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise ContenderFailed("nginx is not installed.")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="tokens-bench-") as name:
        folder = Path(name)
        config = folder / "nginx.conf"
        # A worker that root starts would be nobody, who may not write into the folder.
        user = "user root;" if os.geteuid() == 0 else ""
        fields = {"folder": folder, "host": HOST, "upstream_port": upstream_port, "port": port}
        config.write_text(_CONFIG.format(user=user, **fields))
        command = [program, "-e", "stderr", "-p", name, "-c", str(config)]
        contender = Contender(NGINX, 0, Target(HOST, port, PATH))
        async with running(contender, command, folder, core) as started:
            yield started

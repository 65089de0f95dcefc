"""The process that is counted: one contender, and nothing beside the work of its requests.

It is told what to do on a socket, a word a line, and answers a number a line. It ends when that
socket is closed.
"""

import argparse
import asyncio
import gc
import os
import socket
from collections.abc import Awaitable, Callable, Sequence

import django
import uvloop

from bench import bare_relay
from bench.instructions.callgrind import Callgrind

TURNS = 20  # of the event loop: in them ends what follows a request's last byte
Book = Callable[[], Awaitable[int]]


def arguments_for(
    name: str, ports: Sequence[int], upstream: str, control: int, burden: int
) -> list[str]:
    """The words after `python` that start this; `ports`: plain, and burdened if `burden`."""
    words = ["-m", "bench.instructions.counted", name, "--upstream", upstream]
    words += ["--control", str(control), "--burden", str(burden)]
    return [*words, "--ports", *map(str, ports)]


async def _bare(arguments: argparse.Namespace, callgrind: Callgrind) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(bare_relay.serve(arguments.ports[0], arguments.upstream))
        group.create_task(_obey(arguments.control, callgrind, None))


async def _gateway(arguments: argparse.Namespace, callgrind: Callgrind) -> None:
    gc.disable()  # as manage.py does for `serve`; the gateway's lifespan switches it on
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokens_site.settings")
    django.setup()
    from bench.instructions import alone  # imports models

    gateway = await alone.started()
    async with asyncio.TaskGroup() as group:
        for work in alone.servers(arguments.ports, arguments.burden):
            group.create_task(work)
        group.create_task(_obey(arguments.control, callgrind, lambda: alone.book(gateway)))


async def _obey(control: int, callgrind: Callgrind, book: Book | None) -> None:
    """Do as the lines on the control socket say."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=control))
    while line := await reader.readline():
        for _ in range(TURNS):
            await asyncio.sleep(0)
        answer = 0
        match line.strip():
            case b"start":
                # When it collects is luck, and one collection costs as much as ten calls.
                gc.collect()
                gc.disable()
                callgrind.start()
            case b"dump":
                answer = callgrind.dump()
            case b"book" if book is not None:
                answer = await book()
            case _:
                answer = -1
        writer.write(b"%d\n" % answer)
    os._exit(0)  # whoever counted is gone, and with it everything that is worth an orderly end


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contender", choices=("bare", "gateway"))
    parser.add_argument("--ports", type=int, nargs="+", required=True)
    parser.add_argument("--upstream", required=True, help="its origin, http://host:port")
    parser.add_argument("--control", type=int, required=True, help="the socket's number")
    parser.add_argument("--burden", type=int, default=0, help="of the second port; see burden.py")
    found = parser.parse_args()
    contender = {"bare": _bare, "gateway": _gateway}[found.contender]
    uvloop.run(contender(found, Callgrind()))

"""Metrics on a port of their own, for a scraper on the same machine or in a private network.

One process of a data folder serves it, with the numbers of all; when that one ends, another does.
The smallest of servers: one request a connection, two kinds of answers, and a time-out.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path

logger = logging.getLogger(__name__)

AGAIN_S = 2.0  # between two looks whether the process that serves has ended
_CLIENT_S = 10.0
Answer = Callable[[str], Awaitable[tuple[int, bytes, str]]]
"""Given what a client accepts: status, body and content type."""


async def serve(answer: Answer, folder: Path, host: str, port: int) -> None:
    """Serve `/metrics` there for ever, as soon as no other process of this data folder does."""
    failing = False
    while True:
        with _turn(folder / "port") as is_ours:
            if is_ours:
                try:
                    server = await asyncio.start_server(partial(_answer, answer), host, port)
                except OSError as error:
                    if not failing:
                        logger.error("Metrics cannot be served on %s:%s: %s", host, port, error)
                    failing = True
                else:
                    async with server:
                        await server.serve_forever()
        await asyncio.sleep(AGAIN_S)


@contextlib.contextmanager
def _turn(path: Path) -> Iterator[bool]:
    """Whether it is for this process to serve, which others wait for until the end."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(file)


async def _answer(
    answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        async with asyncio.timeout(_CLIENT_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status, body, content_type = await _said(answer, head)
            writer.write(
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {content_type}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode("latin-1")
            )
            writer.write(b"" if head.startswith("HEAD ") else body)
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        logger.debug("A scraper was not answered: %r", error)
    finally:
        writer.close()


async def _said(answer: Answer, head: str) -> tuple[int, bytes, str]:
    first, *lines = head.split("\r\n")
    method, _, target = first.partition(" ")
    if target.partition(" ")[0].partition("?")[0] != "/metrics":
        return 404, b"Metrics are at /metrics.\n", "text/plain"
    if method not in ("GET", "HEAD"):
        return 405, b"Only GET and HEAD are allowed here.\n", "text/plain"
    accept = ""
    for line in lines:
        name, _, value = line.partition(":")
        if name.lower() == "accept":
            accept = value.strip()
    return await answer(accept)

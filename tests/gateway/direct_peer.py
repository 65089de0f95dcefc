"""A server that says exactly the bytes it is told, and calls of it over our own HTTP/1.1."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable

from gateway.direct.wire import DirectWire
from gateway.shapes import Headers
from gateway.wires import UpstreamResponse

Serve = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Peer:
    """A server that reads requests and answers with what it is told; it counts connections."""

    def __init__(self) -> None:
        self.url = ""
        self.connections = 0
        self.requests: list[bytes] = []
        self.reads_bodies = True
        self.closed = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []
        self.serve: Serve = self.say(OK)

    @staticmethod
    def say(answer: bytes, *, pieces: int = 0, close: bool = False) -> Serve:
        async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
            for begin in range(0, len(answer), pieces or len(answer) or 1):
                writer.write(answer[begin : begin + (pieces or len(answer))])
                await writer.drain()
                if pieces:
                    await asyncio.sleep(0)
            if close:
                writer.close()

        return serve

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = 0
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                body = await reader.readexactly(length) if self.reads_bodies else b""
                self.requests.append(head + body)
                await self.serve(self.requests[-1], writer)
        self.closed.set()
        writer.close()

    def reset(self) -> None:
        """End all connections as a process does that dies."""
        for writer in self.writers:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()


async def post(
    wire: DirectWire, url: str, body: bytes = b"{}", headers: Headers = ()
) -> UpstreamResponse:
    return await wire.send("POST", f"{url}/v1/x?y=1", headers, body, 5.0, {})


async def whole(response: UpstreamResponse) -> bytes:
    pieces = []
    try:
        while piece := await response._some():
            pieces.append(piece)
    finally:
        await response.aclose()
    return b"".join(pieces)

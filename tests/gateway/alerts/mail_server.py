"""A mail server on a real socket: takes what comes, and keeps it; or answers as it is told to."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from threading import Event, Thread


@dataclass
class MailServer:
    """What it was sent, and what it says to a command instead of 250."""

    letters: list[Message] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 stub\r\n")
        while line := await reader.readline():
            words = line.decode().split() or [""]
            verb = words[0].upper()
            if verb == "RCPT":
                self.recipients.append(words[1].partition(":")[2].strip("<>"))
            if answer := self.answers.get(verb):
                writer.write(f"{answer}\r\n".encode())
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                text = await reader.readuntil(b"\r\n.\r\n")
                self.letters.append(message_from_bytes(text[:-5], policy=default))
                writer.write(b"250 taken\r\n")
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    """In a thread with a loop of its own."""
    stub, ready, ends = MailServer(), Event(), []

    async def main() -> None:
        end = asyncio.Event()
        server = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
        async with server:
            stub.port = server.sockets[0].getsockname()[1]
            ends.append((asyncio.get_running_loop(), end))
            ready.set()
            await end.wait()

    thread = Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield stub
    finally:
        loop, end = ends[0]
        loop.call_soon_threadsafe(end.set)
        thread.join(10)

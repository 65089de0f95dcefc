"""How the gateway's own HTTP/1.1 comes to a connection: names, addresses, TLS, time-outs."""

import asyncio
import gc
import os
import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohappyeyeballs
import pytest
import uvloop

from gateway.direct.connection import Connection
from gateway.direct.wire import DirectWire
from gateway.wires import (
    AiohttpWire,
    Broken,
    Disconnected,
    NameUnknown,
    Refused,
    Untrusted,
)
from tests.gateway.direct_peer import OK, Peer, post, whole


async def test_a_port_that_nobody_listens_on_refuses(wire: DirectWire) -> None:
    with pytest.raises(Refused):
        await post(wire, "http://127.0.0.1:9")


async def test_a_name_that_stands_for_nothing_is_unknown(wire: DirectWire) -> None:
    with pytest.raises(NameUnknown):
        await post(wire, "http://nobody.invalid")


async def test_a_connection_that_does_not_stand_in_time_is_given_up(
    wire: DirectWire, peer: Peer
) -> None:
    """A server that takes connections and waits for more than it gets: TLS never stands."""
    url = peer.url.replace("http:", "https:")

    with pytest.raises(TimeoutError):
        await wire.send("POST", url, (), b"{}", 0.2, {})


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost that nobody has signed."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return tmp_path / "cert.pem", tmp_path / "key.pem"


async def test_tls_is_trusted_by_its_certificate_and_name_alone(
    peer: Peer, certificate: tuple[Path, Path]
) -> None:
    ours, theirs = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(*certificate)
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    serving: Any = await asyncio.start_server(peer.connected, "127.0.0.1", 0, ssl=theirs)
    async with serving:
        port = serving.sockets[0].getsockname()[1]
        for tls, host, error in (
            (ours, "localhost", Untrusted),
            (trusting, "127.0.0.1", Untrusted),
            (trusting, "localhost", None),
        ):
            wire = DirectWire(tls, AiohttpWire(tls))
            sent = wire.send("POST", f"https://{host}:{port}/", (), b"{}", 5.0, {})
            if error is None:
                assert await whole(await sent) == b"{}"
            else:
                with pytest.raises(error):
                    await sent
            await wire.aclose()


@pytest.fixture
async def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that were looked up."""
    loop = asyncio.get_running_loop()
    names: list[str] = []
    found = loop.getaddrinfo

    async def counted(host: Any, *args: Any, **kwargs: Any) -> Any:
        names.append(host)
        return await found(host, *args, **kwargs)

    monkeypatch.setattr(loop, "getaddrinfo", counted)
    return names


async def test_addresses_of_a_name_are_asked_for_once(
    wire: DirectWire, peer: Peer, asked: list[str]
) -> None:
    url = peer.url.replace("127.0.0.1", "localhost")
    responses = [await post(wire, url) for _ in range(3)]  # none is read: three connections

    assert asked == ["localhost"]
    for response in responses:
        await response.aclose()


async def test_who_wants_the_same_name_at_once_asks_for_it_once(
    wire: DirectWire, peer: Peer, asked: list[str]
) -> None:
    url = peer.url.replace("127.0.0.1", "localhost")
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(post(wire, url)) for _ in range(20)]
        first = calls.pop(0)
        while not asked:
            await asyncio.sleep(0)
        first.cancel()

    assert asked == ["localhost"] * 2  # the first is gone: another asks, for all that are left
    for call in calls:
        await call.result().aclose()


async def test_a_new_connection_sends_what_it_is_asked_itself(
    wire: DirectWire, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = wire._stand
    came = asyncio.Event()

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        came.set()
        writer.write(OK)

    async def stands_and_waits(*arguments: Any) -> None:
        await stand(*arguments)
        await came.wait()  # for ever, if whoever connects were to send it afterwards

    peer.serve = serve
    monkeypatch.setattr(wire, "_stand", stands_and_waits)

    assert await whole(await post(wire, peer.url)) == b"{}"


async def test_a_time_out_after_the_request_went_out_is_not_taken_for_one_before(
    wire: DirectWire, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, the call may be made again; after it, a film could be ordered twice."""
    connect = wire._connect

    async def stands_too_late(connection: Connection) -> None:
        await connect(connection)
        raise TimeoutError

    monkeypatch.setattr(wire, "_connect", stands_too_late)

    with pytest.raises(Disconnected):
        await post(wire, peer.url)
    assert wire._all == set()


def address(host: str, port: int, *more: int) -> tuple[Any, ...]:
    family = socket.AF_INET6 if more else socket.AF_INET
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, *more))


async def test_of_several_addresses_the_one_that_answers_is_taken(
    wire: DirectWire, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def addresses(*_arguments: Any) -> list[Any]:
        return [address("127.0.0.1", 9), address("127.0.0.1", int(peer.url.rpartition(":")[2]))]

    monkeypatch.setattr(wire, "_addresses", addresses)

    assert await whole(await post(wire, peer.url)) == b"{}"


async def test_an_address_with_a_scope_is_connected_to_with_it(
    wire: DirectWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Any] = []

    async def addresses(*_arguments: Any) -> list[Any]:
        return [address("fe80::1", 80, 0, 3)]

    async def refuses(addresses: list[Any], **_options: Any) -> socket.socket:
        tried.extend(addresses)
        raise ConnectionRefusedError

    monkeypatch.setattr(wire, "_addresses", addresses)
    monkeypatch.setattr(aiohappyeyeballs, "start_connection", refuses)

    with pytest.raises(Refused):
        await post(wire, "http://[fe80::1]")
    assert tried == [address("fe80::1", 80, 0, 3)]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_platform_that_leaves_at_once_costs_nobody_a_file(
    run: Callable[..., Any], scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket that is closed twice closes what has got its number meanwhile."""
    files: list[int] = []
    start = aiohappyeyeballs.start_connection

    async def calls(port: int, leave: Callable[[], None]) -> None:
        tls = ssl.create_default_context()
        wire = DirectWire(tls, AiohttpWire(tls))

        async def addresses(*_arguments: Any) -> list[Any]:
            return [address("127.0.0.1", port)] * 2

        async def stands_and_is_left(*arguments: Any, **options: Any) -> socket.socket:
            found = await start(*arguments, **options)
            leave()
            return found

        monkeypatch.setattr(wire, "_addresses", addresses)
        monkeypatch.setattr(aiohappyeyeballs, "start_connection", stands_and_is_left)
        with pytest.raises((Refused, Disconnected, Broken)):
            async with asyncio.timeout(10):
                await wire.send("POST", f"{scheme}://127.0.0.1:{port}", (), b"{}", 5.0, {})
        files.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(20))
        await wire.aclose()

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def leave() -> None:
            left, _address = listener.accept()
            left.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            left.close()

        run(calls(listener.getsockname()[1], leave))
        gc.collect()
    for file in files:
        os.close(file)  # raises where somebody else has


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_addresses_that_refuse_are_asked_for_anew(
    wire: DirectWire, asked: list[str], host: str
) -> None:
    for _ in range(2):
        with pytest.raises(Refused):
            await post(wire, f"http://{host}:9")

    assert asked == [host] * 2


async def test_a_name_that_stands_for_nothing_is_told_to_all_who_wait(
    wire: DirectWire, asked: list[str]
) -> None:
    async def refused() -> None:
        with pytest.raises(NameUnknown):
            await post(wire, "http://nobody.invalid")

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(refused())
    assert asked == ["nobody.invalid"]

    await refused()
    assert len(asked) == 2  # it is not kept: the name may be there by now

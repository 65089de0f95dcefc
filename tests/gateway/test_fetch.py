"""The guarded fetcher, over real sockets: what it fetches, what it refuses, what it tells."""

import asyncio
import datetime
import gzip
import re
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import trust
from gateway.fetch import Fetcher, Limits, Refused
from tests.upstreams import Connection, Play, Upstream, answer, raw

LIMITS = Limits(max_bytes=100_000, total_s=5, idle_s=2)
LOCAL = "127.0.0.1"


def resolving(**names: list[str]) -> Callable[[str, int], Any]:
    """Name servers that say this, and nothing of other names."""

    async def resolve(host: str, port: int) -> list[str]:
        if host not in names:
            raise OSError("no such name")
        return names[host]

    return resolve


@pytest.fixture
async def host() -> AsyncIterator[Upstream]:
    async with Upstream(answer(b"the file", content_type="text/plain")) as host:
        yield host


async def fetched(
    fetcher: Fetcher, url: str, limits: Limits = LIMITS, **named: Any
) -> tuple[str, bytes]:
    async with fetcher.open(url, limits, **named) as found:
        return found.content_type, b"".join([piece async for piece in found.pieces()])


async def refusal(fetcher: Fetcher, url: str, limits: Limits = LIMITS, **named: Any) -> str:
    with pytest.raises(Refused) as refused:
        await fetched(fetcher, url, limits, **named)
    return refused.value.message


def open_to(host: Upstream) -> Fetcher:
    return Fetcher([f"{LOCAL}:{host.port}"])


async def test_a_public_name_is_fetched_from_the_address_that_was_looked_at(
    host: Upstream,
) -> None:
    fetcher = Fetcher(["127.0.0.0/8"], resolve=resolving(name=[LOCAL]))

    assert await fetched(fetcher, f"http://name:{host.port}/a?b=c") == ("text/plain", b"the file")
    request = host.requests[0]
    assert (request.path, request.headers["host"]) == ("/a?b=c", f"name:{host.port}")
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.1", "127.0.1", "0.0.0.0", "0", "2130706433", "0x7f000001"),
        *("0177.0.0.1", "0x7f.1", "017700000001", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
        *(
            "168.63.129.16",
            "192.0.0.8",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
        ),
        *("255.255.255.255", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
        *("[fe80::1]", "[fc00::1]", "[fec0::1]", "[ff02::1]", "[64:ff9b::7f00:1]"),
        *("[64:ff9b:1::1]", "[2002:7f00:1::]", "[::127.0.0.1]", "[2001:db8::1]"),
        *("localhost", "localhost.", "LOCALHOST", "ip6-localhost", "127.0.0.1."),
        # Other digits and dots, which become the usual ones.
        *("\uff11\uff12\uff17.0.0.1", "\u2460\u2461\u2466.0.0.1", "127\u30020\u30020\u30021"),
        *("localhost\u3002", "\uff4c\uff4f\uff43alhost", "127.0.0.1..", "[::1\uff0525lo]"),
    ],
)
async def test_addresses_that_are_not_public_are_refused(host: Upstream, address: str) -> None:
    message = await refusal(Fetcher(), f"http://{address}:{host.port}/secret?key=x")

    assert host.requests == []
    assert "secret" not in message
    assert "key" not in message


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "fe80::1%eth0",
        "64:ff9b::a00:1",
    ],
)
async def test_names_that_lead_to_them_are_refused(host: Upstream, address: str) -> None:
    for addresses in ([address], ["8.8.8.8", address], [address, "8.8.8.8"]):
        fetcher = Fetcher(resolve=resolving(**{"name.example": addresses}))
        message = await refusal(fetcher, f"http://name.example:{host.port}/")
        assert "is not a public address" in message
        assert address not in message
    assert host.requests == []


def changing(*answers: list[str]) -> tuple[Callable[[str, int], Any], list[str]]:
    """A name server that says one after the other, and the names it was asked."""
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    return resolve, asked


async def test_a_name_server_that_changes_its_mind_changes_nothing(host: Upstream) -> None:
    """A good address at the look, a private one at the connection: there is only one look."""
    resolve, asked = changing([LOCAL], ["10.0.0.1"])
    fetcher = Fetcher([LOCAL], resolve=resolve)

    assert (await fetched(fetcher, f"http://name.example:{host.port}/"))[1] == b"the file"
    assert asked == ["name.example"]


async def test_a_request_that_is_made_anew_goes_to_the_same_address(host: Upstream) -> None:
    host.default = raw(b"")  # closes without an answer; aiohttp tries once more
    resolve, asked = changing([LOCAL], ["10.0.0.1"])

    await refusal(Fetcher([LOCAL], resolve=resolve), f"http://name.example:{host.port}/")

    assert asked == ["name.example"]


async def test_a_redirect_to_the_same_name_is_looked_at_again(host: Upstream) -> None:
    host.default = answer(b"", 302, location="/again")
    resolve, asked = changing([LOCAL], ["10.0.0.1"])
    fetcher = Fetcher([LOCAL], resolve=resolve)

    message = await refusal(fetcher, f"http://name.example:{host.port}/")

    assert "is not a public address" in message
    assert len(asked) == 2
    assert [request.path for request in host.requests] == ["/"]


@pytest.mark.parametrize(
    "url",
    [
        "http://good.example\\@127.0.0.1/",
        "http://good.example#@127.0.0.1/",
        "http://127.0.0.1:80#@good.example/",
        "http://good.example@127.0.0.1/",
        "http://user:password@good.example/",
        "http://good.example%2f@127.0.0.1/",
        "http://good.example%00.127.0.0.1/",
        "http://good .example/",
        "http://good.example/\r\nHost: 127.0.0.1",
        " http://good.example/",
        "http:/good.example/",
        "http:\\\\good.example/",
        "http:///path",
        "http://:80/",
        "//good.example/",
        "ftp://good.example/",
        "file:///etc/passwd",
        "gopher://good.example/",
        "data:text/plain,x",
        "good.example",
        "http://good.example:99999/",
        "http://[::1/",
        "http://" + "a" * 9000 + ".example/",
        "",
        # Hosts with colons, which aiohttp would take for an address and not look up.
        "http://[1:2]/",
        "http://[v1.a:b]/",
        "http://[v1.abc]/",
        "http://[::1%25lo]/",
        "http://[::1]x/",
        # Ports that only some readers understand.
        "http://good.example:+80/",
        "http://good.example:8_0/",
        "http://good.example:\uff18\uff10/",
        "http://good.example:/",
        "http://good.example:0/",
        "http://good.example:80:80/",
        # Hosts that are no names.
        "http://../",
        "http://good..example/",
        "http://<good>.example/",
        "http://good.example;.other.example/",
        "http://good.example,other.example/",
        "http://good\u3000example/",
        "http://good.example\u00a0/",
        "http://good.example\uff0f.other.example/",
        "http://good.example\uff20other.example/",
        "http://c\u2100.example/",
        "http://good.example/\u2028",
        "http://good.example/\ud800",
        "http\u017f://good.example/",
    ],
)
async def test_odd_addresses_are_refused_before_any_look_up(url: str) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        raise AssertionError("looked up")

    fetcher = Fetcher(resolve=resolve)

    with pytest.raises(Refused):
        fetcher.check(url)
    await refusal(fetcher, url)


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:9/",
        "http://169.254.169.254/latest/meta-data",
        "//[::1]/",
        "file:///etc/passwd",
        "http://a@127.0.0.1/",
        "http://127.1/",
        "/\\evil",
        "",
        "http://good.example#@127.0.0.1/",
        "http://127%2e0.0.1/",
        "http://[v1.a:b]/",
        "https:good.example",
    ],
)
async def test_every_redirect_is_looked_at_again(host: Upstream, location: str) -> None:
    host.default = answer(b"", 302, location=location)

    await refusal(open_to(host), f"{host.base_url}/start")

    assert len(host.requests) == 1


async def test_no_refusal_tells_a_secret_of_an_address(host: Upstream) -> None:
    host.default = answer(b"", 302, location="http://user:hidden@10.0.0.1/hidden?key=hidden#hidden")

    for url in (
        f"{host.base_url}/hidden?key=hidden",
        "http://user:hidden@10.0.0.1/hidden",
        "http://10.0.0.1/hidden?key=hidden#hidden",
        f"http://{LOCAL}:1/hidden?key=hidden",
        "ftp://user:hidden@10.0.0.1/hidden",
    ):
        assert "hidden" not in await refusal(Fetcher([LOCAL]), url)


async def test_an_address_reaches_its_host_as_it_was_given(host: Upstream) -> None:
    """Quoted anew, signatures in it would not hold."""
    path = "/a%2Fb%28c%29/d?Credential=A%2Fb&time=1%3B2&sign=a%2Bb%3D&text=a%20b+c&e=%E4"
    host.plays = [answer(b"", 302, location=f"{path}&moved=%2F#top")]

    await fetched(open_to(host), f"{host.base_url}{path}#top")

    assert [request.path for request in host.requests] == [path, f"{path}&moved=%2F"]


async def test_letters_that_need_quoting_are_quoted(host: Upstream) -> None:
    await fetched(open_to(host), f"{host.base_url}/\u56fe|?a=\u00e4")

    assert host.requests[0].path == "/%E5%9B%BE%7C?a=%C3%A4"


async def test_redirects_are_followed_a_few_times(host: Upstream) -> None:
    host.plays = [answer(b"", 302, location="/next"), answer(b"", 307, location="/last")]
    assert (await fetched(open_to(host), f"{host.base_url}/start"))[1] == b"the file"
    assert [request.path for request in host.requests] == ["/start", "/next", "/last"]

    host.default = answer(b"", 302, location="/round")
    assert "more than 5 times" in await refusal(open_to(host), f"{host.base_url}/start")


async def test_a_platforms_own_origin_may_be_private_and_alone_gets_the_headers(
    host: Upstream,
) -> None:
    headers = (("Authorization", "Bearer secret"),)
    async with Upstream(answer(b"other", content_type="text/plain")) as other:
        fetcher = Fetcher([f"{LOCAL}:{other.port}"])
        host.default = answer(b"", 302, location=f"{other.base_url}/x")

        own = await fetched(fetcher, f"{host.base_url}/a", also=(host.base_url,), headers=headers)
        await fetched(fetcher, f"{other.base_url}/b", also=(host.base_url,), headers=headers)

    assert own[1] == b"other"
    assert host.requests[0].headers["authorization"] == "Bearer secret"
    assert all("authorization" not in request.headers for request in other.requests)
    assert "is not a public address" in await refusal(
        Fetcher(), f"http://{LOCAL}:9/", also=(host.base_url,)
    )


async def test_headers_are_not_sent_again_after_a_detour(host: Upstream) -> None:
    headers = (("Authorization", "Bearer secret"), ("accept-encoding", "gzip"))
    async with Upstream() as other:
        fetcher = Fetcher([LOCAL])
        host.plays = [
            answer(b"", 302, location="/still"),
            answer(b"", 302, location=f"{other.base_url}/x"),
        ]
        other.default = answer(b"", 302, location=f"{host.base_url}/back")

        for start in (host, other):
            await fetched(fetcher, f"{start.base_url}/a", also=(host.base_url,), headers=headers)

    sent = [(request.path, "authorization" in request.headers) for request in host.requests]
    assert sent == [("/a", True), ("/still", True), ("/back", False), ("/back", False)]
    assert {request.headers["accept-encoding"] for request in host.requests} == {"identity"}


@pytest.mark.parametrize(
    "own",
    ["http://10.0.0.5", "http://10.0.0.5:80", "HTTP://10.0.0.5/v1/", "http://a:b@10.0.0.5"],
)
def test_a_platforms_own_origin_is_known_however_it_is_written(own: str) -> None:
    Fetcher().check("http://10.0.0.5/x", also=(own,))


@pytest.mark.parametrize(
    "own",
    ["https://10.0.0.5", "http://10.0.0.5:81", "http://10.0.0.50", "sandbox:", "", "http://[::1"],
)
def test_another_origin_opens_nothing(own: str) -> None:
    with pytest.raises(Refused):
        Fetcher().check("http://10.0.0.5/x", also=(own,))


@pytest.mark.parametrize("named", ["127.0.0.1", "127.0.0.0/8", "127.0.0.1:{port}"])
async def test_hosts_that_the_operator_names_are_open(host: Upstream, named: str) -> None:
    fetcher = Fetcher([named.format(port=host.port)])

    assert (await fetched(fetcher, f"{host.base_url}/a"))[1] == b"the file"


async def test_a_named_host_opens_no_other(host: Upstream) -> None:
    fetcher = Fetcher(["minio.internal", f"{LOCAL}:1"], resolve=resolving(other=[LOCAL]))

    await refusal(fetcher, f"http://other:{host.port}/")
    await refusal(fetcher, f"{host.base_url}/")
    assert host.requests == []


@pytest.mark.parametrize(
    ("named", "url"),
    [
        ("fd00::/8", "http://[fd00::1]/"),
        ("[::1]:8000", "http://[::1]:8000/"),
        ("10.0.0.1:80", "http://10.0.0.1/"),
        ("10.0.0.1:443", "https://10.0.0.1/"),
        ("10.0.0.0/8", "http://[::ffff:10.1.2.3]/"),
    ],
)
def test_addresses_that_the_operator_names_pass(named: str, url: str) -> None:
    Fetcher([named]).check(url)
    with pytest.raises(Refused):
        Fetcher().check(url)


async def test_what_was_announced_is_told(host: Upstream) -> None:
    fetcher = open_to(host)
    host.plays = [answer(b"12345", content_type="Image/PNG; charset=x"), chunked]

    async with fetcher.open(f"{host.base_url}/a", Limits(max_bytes=5)) as found:
        assert (found.content_type, found.length) == ("image/png", 5)
        assert b"".join([piece async for piece in found.pieces()]) == b"12345"
    async with fetcher.open(f"{host.base_url}/b", Limits(max_bytes=5)) as found:
        assert found.length is None
        assert b"".join([piece async for piece in found.pieces()]) == b"12345"


async def test_who_stops_reading_closes_the_connection(host: Upstream) -> None:
    host.default = silent

    async with open_to(host).open(f"{host.base_url}/a", LIMITS):
        pass

    await host.closed_by_peer()


async def test_the_whole_time_holds_for_what_has_come_already(host: Upstream) -> None:
    host.default = answer(bytes(100_000))
    limits = Limits(max_bytes=100_000, total_s=0.5)

    async with open_to(host).open(f"{host.base_url}/a", limits) as found:
        pieces = found.pieces()
        await anext(pieces)
        await asyncio.sleep(limits.total_s)
        with pytest.raises(Refused, match="too slowly"):
            await anext(pieces)


async def chunked(peer: Connection) -> None:
    await peer.head(200, {"transfer-encoding": "chunked"})
    await peer.send(b"5\r\n12345\r\n0\r\n\r\n")


async def cut_chunk(peer: Connection) -> None:
    await peer.head(200, {"transfer-encoding": "chunked"})
    await peer.send(b"5\r\n12")
    peer.writer.close()


async def reset(peer: Connection) -> None:
    await peer.head(200, {"content-length": "1000"})
    peer.writer.transport.abort()


async def dripped_head(peer: Connection) -> None:
    await peer.send(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        await peer.send(b"x")
        await asyncio.sleep(0.05)


async def drip(peer: Connection) -> None:
    await peer.head(200, {"content-type": "text/plain", "content-length": "1000"})
    while True:
        await peer.send(b"x")
        await asyncio.sleep(0.05)


async def silent(peer: Connection) -> None:
    await peer.head(200, {"content-type": "text/plain", "content-length": "1000"})
    await peer.until_closed()


async def endless(peer: Connection) -> None:
    await peer.head(200, {"content-type": "text/plain", "transfer-encoding": "chunked"})
    while True:
        await peer.piece(b"x" * 10_000)


async def cut(peer: Connection) -> None:
    await peer.head(200, {"content-type": "text/plain", "content-length": "1000"})
    await peer.send(b"x" * 10)
    peer.writer.close()


BOMB = gzip.compress(bytes(10_000_000))


@pytest.mark.parametrize(
    ("play", "says"),
    [
        (endless, "longer than 100000 bytes"),
        (answer(bytes(100_001)), "longer than 100000 bytes"),
        (cut, "broke off"),
        (cut_chunk, "broke off"),
        (answer(BOMB, content_encoding="gzip"), "compressed"),
        (answer(b"x", content_encoding="br"), "compressed"),
        (
            raw(b"HTTP/1.1 200 X\r\ncontent-encoding: identity\r\ncontent-encoding: gzip\r\n\r\n"),
            "compressed",
        ),
        (answer(b"x", 404), "status 404"),
        (answer(b"x", 500), "status 500"),
        (answer(b"x", 206), "status 206"),
        (answer(b"", 304), "status 304"),
        (raw(b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"), "status 101"),
    ],
)
async def test_answers_that_are_no_file_are_refused(host: Upstream, play: Play, says: str) -> None:
    host.default = play

    message = await refusal(open_to(host), f"{host.base_url}/a?token=secret")

    assert says in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("play", "limits", "says"),
    [
        (drip, Limits(max_bytes=1000, total_s=0.5, idle_s=60), "too slowly"),
        (silent, Limits(max_bytes=1000, total_s=60, idle_s=0.2), "too slowly"),
        (dripped_head, Limits(max_bytes=1000, total_s=0.5, idle_s=60), "could not be reached"),
        (raw(b"", hang=True), Limits(max_bytes=1000, total_s=60, idle_s=0.2), "not be reached"),
    ],
    ids=["drip", "silent", "dripped head", "no head"],
)
async def test_slow_answers_are_refused(
    host: Upstream, play: Play, limits: Limits, says: str
) -> None:
    host.default = play

    async with asyncio.timeout(10):
        assert says in await refusal(open_to(host), f"{host.base_url}/a", limits)


async def test_a_connection_that_is_reset_is_refused(host: Upstream) -> None:
    host.default = reset

    # Before or after the headers were seen: that is chance.
    message = await refusal(open_to(host), f"{host.base_url}/a")

    assert re.search("broke off before the end|could not be reached", message)


async def test_a_slow_name_server_is_not_waited_for(host: Upstream) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    limits = Limits(max_bytes=10, total_s=0.2)

    assert "not be reached" in await refusal(Fetcher(resolve=resolve), "http://a.example/", limits)


@pytest.mark.parametrize(
    "play",
    [
        raw(b""),
        raw(b"SSH-2.0-OpenSSH_9.9\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nx: " + b"x" * 100_000 + b"\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"),
    ],
    ids=["closes", "another protocol", "long header", "negative length", "two lengths"],
)
async def test_hosts_that_do_not_answer_are_told_alike(host: Upstream, play: Play) -> None:
    host.default = play
    fetcher = Fetcher(["127.0.0.0/8"], resolve=resolving(known=[LOCAL]))

    for address in (f"known:{host.port}", "known:1", "unknown:1"):
        message = await refusal(fetcher, f"http://{address}/")
        assert message == f"http://{address} could not be reached."


async def test_https_to_a_host_that_speaks_none_is_told_alike(host: Upstream) -> None:
    address = f"https://{LOCAL}:{host.port}"
    limits = Limits(max_bytes=10, total_s=0.3)

    assert await refusal(open_to(host), address, limits) == f"{address} could not be reached."


@pytest.fixture
async def tls_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """A trusted https server named secure.example that redirects as its path says."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "secure.example")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("secure.example")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    monkeypatch.setattr(trust, "authorities", ssl.create_default_context)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
            if path == b"/file":
                writer.write(b"HTTP/1.1 200 X\r\ncontent-length: 4\r\n\r\nsafe")
            else:
                location = path.removeprefix(b"/to/")
                writer.write(b"HTTP/1.1 302 X\r\nlocation: %s\r\n\r\n" % location)
        finally:
            writer.close()

    async with await asyncio.start_server(serve, LOCAL, 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def test_https_is_not_left_for_http(tls_port: int, host: Upstream) -> None:
    fetcher = Fetcher([LOCAL], resolve=resolving(**{"secure.example": [LOCAL]}))
    base = f"https://secure.example:{tls_port}"

    assert (await fetched(fetcher, f"{base}/to//file"))[1] == b"safe"
    assert "from https to http" in await refusal(fetcher, f"{base}/to/{host.base_url}/a")
    assert host.requests == []
    host.default = answer(b"", 302, location=f"{base}/file")
    assert (await fetched(fetcher, f"{host.base_url}/up"))[1] == b"safe"


async def test_a_certificate_must_be_for_the_name_in_the_address(tls_port: int) -> None:
    names = resolving(**{"other.example": [LOCAL]})

    for address in (f"other.example:{tls_port}", f"{LOCAL}:{tls_port}"):
        message = await refusal(Fetcher([LOCAL], resolve=names), f"https://{address}/file")
        assert message == f"https://{address} could not be reached."


async def test_no_proxy_and_no_cookie_is_used(
    host: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    host.default = answer(b"ok", set_cookie="a=b")
    host.plays = [answer(b"", 302, location="/b", set_cookie="c=d")]
    fetcher = open_to(host)

    for _number in range(2):
        await fetched(fetcher, f"{host.base_url}/a")

    assert [request.headers["connection"] for request in host.requests] == ["close"] * 3

    assert all("cookie" not in request.headers for request in host.requests)

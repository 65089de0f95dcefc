"""Service accounts: a token is fetched, kept, renewed, and never shown."""

import asyncio
import base64
import logging
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from asgiref.sync import sync_to_async
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from gateway import signing
from gateway.attempts import scrub
from gateway.probe import probe
from gateway.shapes import Failure, Headers, UpstreamRequest
from gateway.signing import Signer
from gateway.upstream import Upstream as Transport
from gateway.wires import AiohttpWire
from platforms.catalogue import spec_of
from platforms.models import CatalogueVersion, Credential, Platform
from platforms.presets import PRESETS
from platforms.routes import CredentialSpec, PlatformSpec
from platforms.secrets import encrypt
from tests.gateway.conftest import Site
from tests.service_accounts import EMAIL, key_file, pem, private_key
from tests.upstreams import Connection, Play, Upstream, answer, endless, raw

TOKEN = "ya29.c.MARKER-TOKEN"
CASES = Path(__file__).parents[1] / "transcripts/gemini"
KEY_LINE = pem().splitlines()[3]


def granted(token: str = TOKEN, **over: Any) -> Play:
    return answer({"access_token": token, "expires_in": 3599, "token_type": "Bearer", **over})


def after(gate: asyncio.Event, play: Play) -> Play:
    async def waiting(peer: Connection) -> None:
        await gate.wait()
        await play(peer)

    return waiting


async def echo(peer: Connection) -> None:
    """A refusal that quotes all that was sent."""
    said = {"error": "invalid_grant", "error_description": peer.request.body.decode()}
    await answer(said, 400)(peer)


def spec(
    secret: str, base_url: str = "http://127.0.0.1:9/v1", **over: Any
) -> tuple[PlatformSpec, CredentialSpec]:
    fields = {"auth_style": "google-service-account", "protocol": "gemini", **over}
    platform = Platform(slug="vertex", base_url=base_url, **fields)
    return spec_of(platform, Credential(pk=77, name="main", secret_encrypted=encrypt(secret)))


@dataclass
class Desk:
    """A signer with a clock of the test's, and a token endpoint on a real socket."""

    endpoint: Upstream
    wire: AiohttpWire
    now_s: float = 1000.0
    signer: Signer = field(init=False)

    def __post_init__(self) -> None:
        self.signer = Signer(lambda _platform, _credential: self.wire, lambda: self.now_s)

    @property
    def asked(self) -> int:
        return len(self.endpoint.requests)

    def key_file(self, **over: Any) -> str:
        return key_file(**{"token_uri": f"{self.endpoint.base_url}/token", **over})

    async def headers(self, secret: str = "", **over: Any) -> Headers:
        return await self.signer.headers(*spec(secret or self.key_file(), **over))

    async def token(self, secret: str = "") -> str:
        [(name, value), *_extras] = await self.headers(secret)
        assert name == "Authorization"
        return value.removeprefix("Bearer ")

    async def failure(self, secret: str = "") -> Failure:
        with pytest.raises(Failure) as raised:
            await self.headers(secret)
        return raised.value


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    signing._issued.clear()
    wire = AiohttpWire(ssl.create_default_context())
    async with Upstream(default=granted()) as endpoint:
        yield Desk(endpoint, wire)
        await wire.aclose()


def decoded(part: str) -> Any:
    return orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


async def test_an_ordinary_credential_is_sent_as_it_is(desk: Desk) -> None:
    platform, credential = spec("sk-1", auth_style="bearer")

    assert await desk.signer.headers(platform, credential) is credential.headers
    assert credential.headers == (("Authorization", "Bearer sk-1"),)
    assert desk.asked == 0


async def test_the_token_stands_beside_the_platforms_own_headers(desk: Desk) -> None:
    found = await desk.headers(headers={"X-Goog-User-Project": "other"})

    assert found == (("Authorization", f"Bearer {TOKEN}"), ("X-Goog-User-Project", "other"))


async def test_many_calls_at_once_fetch_one_token(desk: Desk) -> None:
    gate = asyncio.Event()
    desk.endpoint.default = after(gate, granted())

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(desk.token()) for _number in range(20)]
        while not desk.asked:
            await asyncio.sleep(0.001)
        gate.set()

    assert {call.result() for call in calls} == {TOKEN}
    assert desk.asked == 1


async def test_the_assertion_is_what_google_asks_for(desk: Desk) -> None:
    before = int(datetime.now(UTC).timestamp())
    await desk.token()

    [sent] = desk.endpoint.requests
    assert (sent.method, sent.path) == ("POST", "/token")
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded"
    form = parse_qs(sent.body.decode(), strict_parsing=True)
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    head, claims, signature = form["assertion"][0].split(".")
    private_key().public_key().verify(
        base64.urlsafe_b64decode(signature + "=="),
        f"{head}.{claims}".encode(),
        PKCS1v15(),
        SHA256(),
    )
    assert decoded(head) == {"alg": "RS256", "typ": "JWT", "kid": "4711"}
    said = decoded(claims)
    issued_at = said.pop("iat")
    assert before <= issued_at <= before + 60
    assert said == {
        "iss": EMAIL,
        "aud": f"{desk.endpoint.base_url}/token",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "exp": issued_at + 3600,
    }
    assert pem() not in sent.body.decode()


@pytest.mark.parametrize(("life_s", "renewed_s"), [(3599, 3299), (60, 30), (None, 3300)])
async def test_a_token_is_renewed_before_it_ends(
    desk: Desk, life_s: int | None, renewed_s: int
) -> None:
    ours = {"access_token": "first"} | ({"expires_in": life_s} if life_s else {})
    desk.endpoint.plays = [answer(ours), granted("second")]
    await desk.token()

    desk.now_s += renewed_s - 1
    assert (await desk.token(), desk.asked) == ("first", 1)
    desk.now_s += 1
    assert (await desk.token(), desk.asked) == ("second", 2)


async def test_while_one_renews_the_others_go_on_with_what_they_have(desk: Desk) -> None:
    gate = asyncio.Event()
    desk.endpoint.plays = [granted("first"), after(gate, granted("second"))]
    await desk.token()
    desk.now_s += 3400

    async with asyncio.TaskGroup() as group:
        renewing = group.create_task(desk.token())
        while desk.asked < 2:
            await asyncio.sleep(0.001)
        assert await desk.token() == "first"
        gate.set()

    assert renewing.result() == "second"
    assert (await desk.token(), desk.asked) == ("second", 2)


async def test_a_token_that_cannot_be_renewed_is_used_to_its_end(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.endpoint.plays = [granted()]
    desk.endpoint.default = answer({"error": "internal"}, 503)
    await desk.token()

    desk.now_s += 3400
    assert [await desk.token() for _number in range(3)] == [TOKEN] * 3
    assert desk.asked == 2  # no attempt per call
    desk.now_s += signing.PAUSE_S
    assert (await desk.token(), desk.asked) == (TOKEN, 3)
    desk.now_s += 200
    assert (await desk.failure()).kind == "unreachable"

    assert "credential 77 could not be renewed" in caplog.text
    assert "answered 503" in caplog.text
    assert not any(secret in caplog.text for secret in (TOKEN, KEY_LINE))


async def test_one_refusal_answers_all_who_wait_and_is_soon_forgotten(desk: Desk) -> None:
    gate = asyncio.Event()
    desk.endpoint.plays = [after(gate, answer({"error": "invalid_grant"}, 400))]

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(desk.failure()) for _number in range(20)]
        while not desk.asked:
            await asyncio.sleep(0.001)
        gate.set()
    assert {call.result().kind for call in calls} == {"key"}
    assert len({id(call.result()) for call in calls}) == 20  # each is scrubbed and noted by itself
    assert desk.asked == 1

    desk.now_s += signing.HOLD_S
    assert await desk.token() == TOKEN


@pytest.mark.parametrize(
    ("play", "kind", "sentence"),
    [
        (
            answer({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400),
            "key",
            "The token endpoint refused the service account: invalid_grant: Invalid JWT Signature "
            "(400).",
        ),
        (answer({"error": 7, "error_description": ["x"]}, 401), "key", "account (401)."),
        (answer(b"<html>", 403, "text/html"), "key", "account (403)."),
        (echo, "key", "invalid_grant: … (400)."),
        (answer({}, 500), "unreachable", "answered 500."),
        (answer(b"", 302, location="https://elsewhere.example/"), "unreachable", "answered 302."),
        (answer([1]), "unreachable", "no usable token"),
        (answer(b"{"), "unreachable", "no usable token"),
        (granted(expires_in="soon"), "unreachable", "no usable token"),
        (granted(expires_in=0), "unreachable", "no usable token"),
        (granted(expires_in=True), "unreachable", "no usable token"),
        (granted("two\r\nX-Injected: 1"), "unreachable", "no usable token"),
        (granted(""), "unreachable", "no usable token"),
        (granted("x" * 100_000), "unreachable", "broke off"),
        (endless, "unreachable", "broke off"),
        (raw(b"nonsense\r\n\r\n"), "unreachable", "broke off"),
        (raw(b""), "unreachable", "could not be reached"),
    ],
)
async def test_no_token_is_a_failure_that_shows_no_secret(
    desk: Desk, play: Play, kind: str, sentence: str
) -> None:
    desk.endpoint.default = play

    failure = await desk.failure()

    assert failure.kind == kind
    assert sentence in failure.message
    assert failure.unsent
    [sent] = [parse_qs(one.body.decode())["assertion"][0] for one in desk.endpoint.requests[:1]]
    for secret in (TOKEN, KEY_LINE, sent, sent.split(".")[2]):
        assert secret not in repr(failure)
    assert failure.__cause__ is None


async def test_an_endpoint_that_is_silent_is_not_waited_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "TIMEOUT_S", 0.05)
    desk.endpoint.default = raw(b"", hang=True)

    failure = await desk.failure()

    assert (failure.kind, failure.message) == (
        "timeout",
        "The service account's token endpoint is silent.",
    )


async def test_a_caller_who_leaves_takes_no_token_from_the_others(desk: Desk) -> None:
    gate = asyncio.Event()
    desk.endpoint.plays = [after(gate, granted("first"))]
    leaving = asyncio.ensure_future(desk.token())
    while not desk.asked:
        await asyncio.sleep(0.001)
    staying = asyncio.ensure_future(desk.token())

    leaving.cancel()

    assert await staying == TOKEN
    assert leaving.cancelled()


@pytest.mark.parametrize(
    ("secret", "sentence"),
    [
        ("sk-MARKER", "not the JSON of a service account"),
        (key_file(private_key=f"MARKER {KEY_LINE}"), "cannot be read"),
        (key_file(token_uri="http://MARKER.example/token"), "must be an address that begins with"),
    ],
)
async def test_a_secret_that_is_no_service_account_is_a_refused_key(
    desk: Desk, secret: str, sentence: str
) -> None:
    failure = await desk.failure(secret)

    assert (failure.kind, desk.asked) == ("key", 0)
    assert sentence in failure.message
    assert "MARKER" not in repr(failure)
    assert KEY_LINE not in repr(failure)


async def test_a_new_secret_gets_a_token_of_its_own(desk: Desk) -> None:
    desk.endpoint.plays = [granted("first"), granted("second")]

    tokens = [await desk.token(desk.key_file(private_key_id=id)) for id in ("1", "1", "2")]

    assert tokens == ["first", "first", "second"]


async def test_a_token_that_the_platform_refuses_is_given_up_unless_it_is_new(desk: Desk) -> None:
    desk.endpoint.plays = [granted("first"), granted("second")]
    await desk.token()
    _platform, credential = spec(desk.key_file())

    desk.signer.refused(credential)
    assert await desk.token() == "first"
    desk.now_s += 61
    desk.signer.refused(credential)
    assert await desk.token() == "second"


async def test_a_platforms_401_gives_up_the_token(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "_FRESH_S", -1.0)
    desk.endpoint.plays = [granted("first"), answer({}, 401), granted("second"), answer({})]
    platform, credential = spec(desk.key_file(), desk.endpoint.base_url)
    transport = Transport()

    for _number in range(2):
        response = await transport.send(platform, credential, UpstreamRequest("GET", "/x"))
        await response.read(1000)
    await transport.aclose()

    sent = [one.headers.get("authorization") for one in desk.endpoint.requests]
    assert sent == [None, "Bearer first", None, "Bearer second"]


async def test_the_token_is_asked_for_through_the_credentials_proxy(desk: Desk) -> None:
    secret = key_file(token_uri="http://127.0.0.1:9/token")
    platform, credential = spec(secret, proxy=desk.endpoint.base_url)
    transport = Transport()

    await transport.headers(platform, credential)
    await transport.aclose()

    assert [sent.path for sent in desk.endpoint.requests] == ["http://127.0.0.1:9/token"]


async def test_no_repr_shows_secret_or_token(desk: Desk) -> None:
    platform, credential = spec(desk.key_file())
    await desk.signer.headers(platform, credential)

    shown = repr((desk.signer, vars(desk.signer), platform, credential))

    assert TOKEN not in shown
    assert KEY_LINE not in shown


async def test_a_quoted_token_is_taken_out_of_a_failure(desk: Desk) -> None:
    _platform, credential = spec(desk.key_file())
    desk.endpoint.plays = [granted("ya29.first"), granted("ya29.second")]
    await desk.token()
    desk.now_s += 3400
    await desk.token()
    failure = Failure("key", "Neither ya29.first nor ya29.second.", code="ya29.second", param=None)

    scrub(failure, credential)

    assert (failure.message, failure.code) == ("Neither … nor ….", "…")


@pytest.fixture
async def vertex(site: Site, desk: Desk) -> Site:
    """The site whose platform is Vertex AI, over the programmable upstream."""
    signing._issued.clear()
    await Platform.objects.aupdate(
        protocol="gemini",
        auth_style="google-service-account",
        base_url=f"{site.upstream.base_url}/v1/projects/p/locations/l/publishers/google",
        headers={"X-Goog-User-Project": "p"},
    )
    stored = await sync_to_async(encrypt)(desk.key_file())
    await Credential.objects.aupdate(secret_encrypted=stored)
    await CatalogueVersion.objects.aupdate(number=99)
    await site.reload()
    return site


def whole(case: str) -> Any:
    return orjson.loads((CASES / f"blocking-{case}/upstream.json").read_bytes())


async def test_chats_reach_vertex_with_one_token(vertex: Site, desk: Desk) -> None:
    vertex.upstream.default = answer(whole("text"))

    answers = [await vertex.chat(model="gemini-2.5-flash") for _number in range(2)]

    assert [response.status_code for response in answers] == [200, 200]
    assert desk.asked == 1
    for sent in vertex.upstream.requests:
        assert sent.path == (
            "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash:generateContent"
        )
        assert sent.headers["authorization"] == f"Bearer {TOKEN}"
        assert sent.headers["x-goog-user-project"] == "p"
        assert KEY_LINE not in repr(sent)


async def test_a_refused_account_is_told_to_the_operator_alone(vertex: Site, desk: Desk) -> None:
    refusal = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    desk.endpoint.default = answer(refusal, 400)

    response = await vertex.chat(model="gemini-2.5-flash")

    assert response.status_code == 502
    assert response.json()["error"]["code"] == "upstream_credential_refused"
    assert "JWT" not in response.text
    assert vertex.upstream.requests == []


@pytest.mark.parametrize("stream", [False, True])
async def test_a_token_that_vertex_quotes_reaches_nobody(
    vertex: Site, caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    body = {"error": {"code": 400, "message": f"Bad {TOKEN}", "status": "INVALID_ARGUMENT"}}
    vertex.upstream.default = answer(body, 400)

    response = await vertex.chat(model="gemini-2.5-flash", stream=stream)

    assert response.status_code == 400
    assert "Bad …" in response.text
    vertex.gateway.access.flush()
    assert TOKEN not in response.text + caplog.text + vertex.log.read_text("utf-8")


async def test_a_test_of_the_credential_says_whether_it_is_good(vertex: Site, desk: Desk) -> None:
    path = PRESETS["vertex"].chat_path
    await Platform.objects.aupdate(models_path="", chat_path=path)
    wrong = {"error": {"code": 400, "message": "contents is not specified"}}
    vertex.upstream.default = answer(wrong, 400)
    refusal = {"error": "invalid_grant", "error_description": "Account not found."}
    desk.endpoint.plays = [granted(), answer(refusal, 400)]
    credential = await Credential.objects.select_related("platform").aget()

    good, bad = [await sync_to_async(probe)(credential.platform, credential) for _number in "12"]

    assert (good.ok, bad.ok) == (True, False)
    assert "invalid_grant: Account not found" in bad.detail
    assert vertex.upstream.requests[0].path.endswith(f"/publishers/google{path}")

"""Messages on their way, over real sockets: signed, guarded, tried again, and never a secret."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.mail import EmailMessage
from django.db import connections

from gateway.alert_rows import (
    Alert,
    AlertMessage,
    AlertNotice,
    AlertRound,
    AlertTarget,
    Event,
    MessageState,
)
from gateway.alerts import messages, sending
from gateway.alerts.lookout import Lookout
from gateway.alerts.sending import NotDelivered, send
from gateway.fetch import Fetcher
from platforms.secrets import decrypt
from tests.gateway.alerts.mail_server import MailServer, mail_server
from tests.gateway.alerts.scene import NOON, Scene, disable, make_target
from tests.make import make_credential, make_platform
from tests.upstreams import Upstream, answer, endless

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # as the specification shows one
CALLING = "no <!channel> @all"
MARKER = "MARKER-in-the-path"


@pytest.fixture
async def receiver() -> AsyncIterator[Upstream]:
    async with Upstream(answer(b"ok", content_type="text/plain")) as receiver:
        yield receiver


@pytest.fixture
def mail(settings: Any) -> Iterator[MailServer]:
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_TIMEOUT = 5
        yield server


def letter(address: str, **over: Any) -> AlertMessage:
    """A message to a target, both of them not in the database."""
    fields = {"kind": "webhook", "secret_encrypted": sending.seal(SECRET), **over}
    target = AlertTarget(pk=1, name="ops", address=address, **fields)
    alert = Alert(
        pk=7,
        kind="credential_disabled",
        subject="credential:7",
        platform="acme",
        severity="warning",
        parameters={
            "credential": "main",
            "platform": "acme",
            "reason": CALLING,
            "id": 7,
        },
        opened_at=NOON,
        last_seen_at=NOON,
    )
    notice = AlertNotice(target=target, alert=alert, event=Event.OPENED, at=NOON)
    return messages.single(target, notice, NOON)


def open_to(receiver: Upstream) -> Fetcher:
    return Fetcher([f"127.0.0.1:{receiver.port}"], setting="TOKENS_ALERT_ALLOW")


def is_signed(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Written from the specification, without our code."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join(
        [headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body]
    )
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in headers["webhook-signature"].split(" ")


def test_signatures_are_those_of_the_specification() -> None:
    body = b'{"test": 2432232314}'

    made = sending.signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_webhook_is_posted_and_its_signature_holds(receiver: Upstream) -> None:
    message = letter(f"{receiver.base_url}/hook?x=1")

    said = await send(message, open_to(receiver), NOON)

    assert said == "200 ok"
    [request] = receiver.requests
    assert (request.method, request.path) == ("POST", "/hook?x=1")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    assert is_signed(SECRET, request.headers, request.body)
    assert not is_signed(SECRET, request.headers, request.body + b" ")
    assert request.json["event"] == "alert.opened"
    [told] = request.json["data"]["alerts"]
    assert (told["kind"], told["subject"]) == ("credential_disabled", "credential:7")


async def test_what_chats_show_calls_nobody(receiver: Upstream) -> None:
    await send(letter(receiver.base_url), open_to(receiver), NOON)

    text = receiver.requests[0].json["text"]
    assert "main" in text
    assert not {"<", ">", "@all"} & {sign for sign in ("<", ">", "@all") if sign in text}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]:{port}/",
        "http://10.0.0.5/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://0x7f000001:{port}/",
        "http://inward.example:{port}/",
        "file:///etc/passwd",
        "http://user:password@example.org/",
    ],
)
async def test_inner_addresses_are_refused(receiver: Upstream, url: str) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    door = Fetcher([], resolve=resolve, setting="TOKENS_ALERT_ALLOW")
    with pytest.raises(NotDelivered) as refused:
        await send(letter(url.format(port=receiver.port)), door, NOON)

    assert receiver.requests == []
    assert "password" not in str(refused.value)


async def test_a_refusal_names_the_setting(receiver: Upstream) -> None:
    door = Fetcher(["10.9.9.9"], setting="TOKENS_ALERT_ALLOW")

    with pytest.raises(NotDelivered, match="TOKENS_ALERT_ALLOW"):
        await send(letter(receiver.base_url), door, NOON)


async def test_redirects_are_not_followed(receiver: Upstream) -> None:
    receiver.default = answer(b"", 307, location=f"{receiver.base_url}/elsewhere")

    with pytest.raises(NotDelivered, match="307"):
        await send(letter(receiver.base_url), open_to(receiver), NOON)

    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"/{MARKER}", "{base}{path}"),
        (f"/hook/{MARKER}/x", "Cannot POST {path}"),
        (f"/hook?key={MARKER}", '{{"key": "{marker}"}}'),
        ("/hook/MARKER%2Din%2Dthe%2Dpath", "{marker}"),
    ],
    ids=["all of it", "its path", "its query", "its path, decoded"],
)
async def test_an_error_says_what_was_answered_and_no_secret(
    receiver: Upstream, path: str, said: str
) -> None:
    url = f"{receiver.base_url}{path}"
    told = said.format(base=receiver.base_url, path=path, marker=MARKER)
    receiver.default = answer(f"no such hook: {told}".encode(), 404)

    with pytest.raises(NotDelivered) as failed:
        await send(letter(url), open_to(receiver), NOON)

    assert "404" in str(failed.value)
    assert "no such hook" in str(failed.value)
    assert MARKER not in str(failed.value)
    assert SECRET not in str(failed.value)


async def test_an_endless_answer_is_left_behind(receiver: Upstream) -> None:
    receiver.default = endless

    assert (await send(letter(receiver.base_url), open_to(receiver), NOON)).startswith("200")


async def test_an_email_says_what_is_wrong_and_where(mail: MailServer, settings: Any) -> None:
    settings.TOKENS_PUBLIC_URL = "https://tokens.example.org"
    message = letter("ops@example.org, night@example.org", kind="email", secret_encrypted="")

    await send(message, Fetcher(), NOON)

    assert mail.recipients == ["ops@example.org", "night@example.org"]
    [got] = mail.letters
    text = got.get_content()  # type: ignore[attr-defined] # of the default policy
    assert got["subject"].strip() == "[Tokens] Credential “main” of acme is out of service"
    assert got["message-id"] == f"<{message.pk}@localhost>"
    assert "no <!channel> @all" in text
    assert "https://tokens.example.org/admin/platforms/credential/7/change/" in text
    assert "Since 2026-11-26 12:00 UTC." in text


async def test_an_email_is_in_the_targets_language_and_names_cannot_break_its_head(
    mail: MailServer,
) -> None:
    target = AlertTarget(pk=1, name="ops\r\nBcc: all@example.org", kind="email", address="a@b.org")
    message = messages.trial(target, NOON)
    target.language = "zh-hans"
    chinese = messages.trial(target, NOON)

    await send(message, Fetcher(), NOON)

    [got] = mail.letters
    assert got["bcc"] is None
    assert mail.recipients == ["a@b.org"]
    assert chinese.content["subject"].startswith("[Tokens] ")


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("RCPT", "550 no such mailbox"),
        ("MAIL", "451 later, please"),
        ("DATA", "554 spam"),
    ],
)
async def test_what_a_mail_server_refuses_is_told(mail: MailServer, verb: str, said: str) -> None:
    mail.answers[verb] = said

    with pytest.raises(NotDelivered, match=said):
        await send(letter("a@b.org", kind="email"), Fetcher(), NOON)


async def test_a_mail_server_that_is_not_there_is_told(settings: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = taken.getsockname()

        with pytest.raises(NotDelivered, match="could not be reached"):
            await send(letter("a@b.org", kind="email"), Fetcher(), NOON)


async def test_without_a_mail_server_the_setting_is_named(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

    with pytest.raises(NotDelivered, match="EMAIL_URL"):
        await send(letter("a@b.org", kind="email"), Fetcher(), NOON)


def test_djangos_own_mail_box_gets_it(mailoutbox: list[EmailMessage]) -> None:
    asyncio.run(send(letter("a@b.org", kind="email"), Fetcher(), NOON))

    assert [mail.to for mail in mailoutbox] == [["a@b.org"]]


def made(address: str) -> AlertTarget:
    """A target, and a message for it that is due."""
    target = make_target(address=address)
    platform = make_platform("acme")
    make_credential(platform, "other")
    disable(make_credential(platform))
    Scene(NOON).later()
    return target


async def in_database(work: Any) -> Any:
    return await sync_to_async(work)()


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.mark.django_db(transaction=True)
async def test_what_is_not_taken_is_tried_again_with_the_same_body(
    receiver: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    target = await sync_to_async(made)(f"{receiver.base_url}/{MARKER}")
    receiver.plays = [answer(b"", 500), answer(b"", 503)]
    clock = Clock()
    lookout, door = Lookout(in_database, clock=clock), open_to(receiver)

    tried = []
    for seconds in (0, 29, 1, 119, 1, 3600):
        clock.now += timedelta(seconds=seconds)
        tried.append(await lookout.deliver(door))

    assert tried == [1, 0, 1, 0, 1, 0]
    assert len({request.body for request in receiver.requests}) == 1
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    secret = decrypt(target.secret_encrypted)
    assert all(is_signed(secret, one.headers, one.body) for one in receiver.requests)
    message = await AlertMessage.objects.aget()
    assert (message.state, message.attempts) == (MessageState.SENT, 3)
    assert MARKER not in caplog.text
    await target.arefresh_from_db()
    assert (target.last_error, target.last_delivery_at) == ("", clock.now - timedelta(seconds=3600))


@pytest.mark.django_db(transaction=True)
async def test_what_is_never_taken_is_given_up(
    receiver: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    target = await sync_to_async(made)(receiver.base_url)
    receiver.default = answer(b"gone", 410)
    clock = Clock()
    lookout, door = Lookout(in_database, clock=clock), open_to(receiver)

    while await lookout.deliver(door):
        clock.now += timedelta(hours=5)

    message = await AlertMessage.objects.aget()
    assert (message.state, message.attempts) == (MessageState.FAILED, len(messages.PAUSES) + 1)
    await target.arefresh_from_db()
    assert "410" in target.last_error


@pytest.mark.django_db(transaction=True)
def test_a_message_is_claimed_by_one_process_only() -> None:
    made("https://hooks.example.org/x")

    first, second = messages.claim(NOON, 10), messages.claim(NOON, 10)

    assert (len(first), len(second)) == (1, 0)
    # Its process has died: another takes it over; what the first says then comes too late.
    [again] = messages.claim(NOON + messages.CLAIM, 10)
    messages.note(first[0], "late", NOON + messages.CLAIM)
    assert AlertMessage.objects.get().error == ""
    messages.note(again, "", NOON + messages.CLAIM)
    assert AlertMessage.objects.get().state == MessageState.SENT


@pytest.mark.django_db(transaction=True)
def test_processes_that_claim_at_the_same_moment_share_the_messages() -> None:
    target = make_target()
    AlertMessage.objects.bulk_create(messages.trial(target, NOON) for _number in range(30))
    gate = threading.Barrier(4)
    claimed: list[str] = []

    def process() -> None:
        try:
            gate.wait(20)
            claimed.extend(message.pk for message in messages.claim(NOON, 30))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=process) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(claimed) == len(set(claimed)) == 30


@pytest.mark.django_db(transaction=True)
async def test_a_whole_round_goes_from_a_refusal_to_a_receiver(receiver: Upstream) -> None:
    def rows() -> None:
        make_target(address=receiver.base_url)
        platform = make_platform("acme")
        disable(make_credential(platform))
        AlertRound.objects.create(pk=1, due_at=datetime(2020, 1, 1, tzinfo=UTC))

    await sync_to_async(rows)()
    lookout = Lookout(in_database)

    assert await lookout.look() is True
    assert await lookout.look() is False
    await lookout.deliver(open_to(receiver))

    events = [json.loads(one.body)["data"]["alerts"][0]["kind"] for one in receiver.requests]
    assert sorted(events) == ["credential_disabled", "platform_down"]

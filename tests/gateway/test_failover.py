"""From key to key and platform to platform, over real sockets: what callers see and we keep."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async

from gateway import failover, reviving
from gateway.models import Outcome
from licences.models import Licence
from platforms import sharing
from platforms.models import Credential, ModelMapping, Platform
from tests.gateway.conftest import Site
from tests.make import make_credential, make_mapping, make_platform
from tests.upstreams import Connection, Play, Upstream, answer, completion, hello, raw

FIVE = [f"sk-{number}" for number in range(5)]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "BACKOFF_S", 0.001)


@pytest.fixture
async def five(site: Site) -> Site:
    """The site with five keys instead of its one, and an upstream that answers by key."""

    def rows() -> None:
        platform = Platform.objects.get()
        Credential.objects.all().delete()
        for secret in FIVE:
            make_credential(platform, secret, secret)

    await sync_to_async(rows)()
    await site.reload()
    site.configure(attempts=3, queue_s=5.0)
    return site


def by_key(plays: dict[str, Play], other: Play | None = None) -> Play:
    """An upstream that plays something else for some keys."""

    async def play(peer: Connection) -> None:
        key = peer.request.headers.get("authorization", "").removeprefix("Bearer ")
        await plays.get(key, other or answer(completion()))(peer)

    return play


def used(upstream: Upstream) -> Counter[str]:
    return Counter(
        one.headers["authorization"].removeprefix("Bearer ") for one in upstream.requests
    )


def error(status: int, **headers: str) -> Play:
    return answer({"error": {"message": "no", "type": "x"}}, status, **headers)


def nothing_is_left(site: Site) -> None:
    assert {health.in_flight for _key, health in site.gateway.pool.healths()} <= {0}
    assert site.gateway.pool._waiting == {}


@pytest.mark.parametrize("form", ["seconds", "date", "ms"])
async def test_a_storm_of_429_on_one_key_costs_no_client_an_error(five: Site, form: str) -> None:
    now = datetime.now(UTC)
    headers = {
        "seconds": {"retry-after": "30"},
        "date": {
            "retry-after": format_datetime(now + timedelta(seconds=30), usegmt=True),
            "date": format_datetime(now, usegmt=True),
        },
        "ms": {"retry-after-ms": "30000"},
    }[form]
    five.upstream.default = by_key({"sk-0": error(429, **headers)})

    statuses = [(await five.chat(user=f"u{n}")).status_code for n in range(40)]

    assert set(statuses) == {200}
    assert used(five.upstream)["sk-0"] == 1
    row = await Credential.objects.aget(name="sk-0")
    rest = five.gateway.pool.health(row.pk).free_in("m-1", five.gateway.pool.clock())
    assert 25 < rest <= 30.5
    nothing_is_left(five)


async def test_all_keys_resting_for_long_is_told_at_once_and_exactly(five: Site) -> None:
    five.upstream.default = error(429, **{"retry-after": "60"})
    first = await five.chat()
    began = time.monotonic()

    second = await five.chat()

    assert time.monotonic() - began < 1
    assert (first.status_code, second.status_code) == (429, 429)
    assert second.json()["error"]["code"] == "rate_limit_exceeded"
    for response in (first, second):
        assert 58 <= int(response.headers["retry-after"]) <= 60
    assert len(five.upstream.requests) == 5  # each key once
    assert [one.outcome for one in await five.records(2)] == [Outcome.UPSTREAM_ERROR] * 2


async def test_a_short_rest_of_all_keys_is_waited_for(five: Site) -> None:
    five.upstream.plays = [error(429, **{"retry-after-ms": "300"})] * 5
    five.upstream.default = answer(completion())

    response = await five.chat()

    assert response.status_code == 200
    assert response.headers["x-tokens-attempts"] == "6"
    [record] = await five.records(1)
    assert [one.get("failure") for one in record.tries] == ["rate"] * 5 + [None]
    nothing_is_left(five)


@pytest.mark.parametrize(("status", "kind"), [(401, "key"), (402, "quota"), (403, "key")])
async def test_a_key_that_is_refused_is_never_called_again(
    five: Site, status: int, kind: str
) -> None:
    five.upstream.default = by_key({"sk-0": error(status), "sk-1": error(status)})

    answers = [await five.chat(session_id=f"talk {n % 7}") for n in range(40)]
    answers += [await five.chat() for _ in range(40)]

    assert {one.status_code for one in answers} == {200}
    assert max(used(five.upstream)[key] for key in ("sk-0", "sk-1")) <= 1
    news = five.gateway.pool.news.taken(five.gateway.pool.clock())
    await sync_to_async(five.gateway._refresh)(news)
    out = [row async for row in Credential.objects.exclude(disabled_reason="")]
    assert {row.disabled_reason.partition(":")[0] for row in out} <= {kind}
    assert {row.name for row in out} == {
        key for key in ("sk-0", "sk-1") if used(five.upstream)[key]
    }


async def test_a_key_comes_back_by_itself_when_a_probe_goes_well(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "PROBE_S", 0.1)
    monkeypatch.setattr(reviving, "LOOK_S", 0.05)
    site.gateway.own(
        reviving.Reviver(site.gateway.upstream, site.gateway.in_database_thread).run(), "probe"
    )
    site.upstream.plays = [error(401)]
    site.upstream.default = answer({"data": [{"id": "m-1"}]})
    assert (await site.chat()).status_code == 502

    async with asyncio.timeout(10):
        while (row := await Credential.objects.aget()).reset_at is None:
            await asyncio.sleep(0.02)
        site.upstream.default = answer(completion())
        while (await site.chat()).status_code != 200:
            await asyncio.sleep(0.02)

    assert row.disabled_reason == ""
    assert [one.path for one in site.upstream.requests].count("/v1/models") >= 1


async def test_failures_open_the_breaker_and_one_call_finds_out(site: Site) -> None:
    site.configure(queue_s=0.0)
    site.upstream.default = error(500)
    for _ in range(5):
        assert (await site.chat()).status_code == 502

    paused = await site.chat()
    site.upstream.default = answer(completion())
    await asyncio.sleep(2.1)  # the breaker's own pause
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(site.chat()) for _ in range(5)]
    healed = await site.chat()

    assert paused.status_code == 503
    assert paused.headers["retry-after"] in ("1", "2")
    assert len(site.upstream.requests) < 5 + 7
    assert 200 in {call.result().status_code for call in calls}
    assert healed.status_code == 200


async def test_a_callers_fault_says_nothing_of_the_key(site: Site) -> None:
    site.upstream.default = error(400)
    for _ in range(10):
        assert (await site.chat()).status_code == 400
    site.upstream.default = answer(completion())

    assert (await site.chat()).status_code == 200


@pytest.mark.parametrize(
    ("retries", "status", "calls"), [("0", 502, 1), ("1", 502, 2), ("9", 502, 3), ("", 502, 3)]
)
async def test_a_caller_can_ask_for_fewer_attempts(
    five: Site, retries: str, status: int, calls: int
) -> None:
    five.upstream.default = error(500)
    body = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}]}
    headers = {**five.headers(), **({"x-tokens-retries": retries} if retries else {})}

    response = await five.client.post("/acme/v1/chat/completions", json=body, headers=headers)

    assert (response.status_code, len(five.upstream.requests)) == (status, calls)
    assert response.headers["x-tokens-attempts"] == str(calls)
    assert response.headers["x-tokens-platform"] == "acme"


@pytest.mark.parametrize("retries", ["-1", "1.5", "many", "1000"])
async def test_a_wish_that_is_no_number_is_refused(site: Site, retries: str) -> None:
    body = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}]}
    headers = {**site.headers(), "x-tokens-retries": retries}

    response = await site.client.post("/acme/v1/chat/completions", json=body, headers=headers)

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "x-tokens-retries"


@pytest.mark.parametrize("stream", [False, True])
async def test_who_leaves_while_waiting_for_a_key_leaves_nothing(five: Site, stream: bool) -> None:
    five.upstream.default = error(429, **{"retry-after": "4"})
    body = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}], "stream": stream}

    with pytest.raises(httpx.ReadTimeout):
        await five.client.post(
            "/acme/v1/chat/completions", json=body, headers=five.headers(), timeout=0.5
        )

    [record] = await five.records(1)
    assert record.outcome == Outcome.CANCELLED
    nothing_is_left(five)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "play", [answer(completion()), error(500), raw(b""), raw(b"HTTP/1.1 200 OK\r\n\r\n{")]
)
async def test_a_key_carries_nothing_after_any_end(site: Site, play: Play, stream: bool) -> None:
    site.upstream.default = play

    await site.chat(stream=stream)

    nothing_is_left(site)


async def test_a_stream_that_is_cut_counts_against_its_key_and_is_not_begun_again(
    five: Site,
) -> None:
    async def cut(peer: Connection) -> None:
        await peer.head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
        await peer.piece(b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n')
        peer.writer.close()

    five.upstream.default = cut

    response = await five.chat(stream=True)

    assert '"error"' in response.text
    assert "[DONE]" not in response.text
    assert len(five.upstream.requests) == 1
    assert (
        sum(h.last_hour(five.gateway.pool.clock())[1] for _k, h in five.gateway.pool.healths()) == 1
    )
    nothing_is_left(five)


async def fallen_back(
    site: Site, spare: Upstream, *, protocol: str = "openai", **over: Any
) -> None:
    """A second platform, to which m-1 of acme falls back as `m-2`."""

    def rows() -> None:
        base = spare.base_url if protocol == "anthropic" else f"{spare.base_url}/v1"
        auth = {"auth_style": "x-api-key"} if protocol == "anthropic" else {}
        second = make_platform("spare", base_url=base, protocol=protocol, **auth, **over)
        make_credential(second, "spare", "sk-spare")
        make_mapping(second, "m-2", upstream_name="real-2", price_request_micros=7)
        first = Platform.objects.get(slug="acme")
        make_mapping(first, "m-1", fallbacks=["nobody/x", "spare/m-2"], price_request_micros=5)

    await sync_to_async(rows)()
    await site.reload()


@pytest.mark.parametrize("stream", [False, True])
async def test_another_platform_answers_when_one_cannot(site: Site, stream: bool) -> None:
    async with Upstream() as spare:
        await fallen_back(site, spare)
        site.upstream.default = error(503)
        spare.default = hello() if stream else answer(completion())

        response = await site.chat(stream=stream)

        assert response.status_code == 200
        assert '"model":"m-1"' in response.text.replace(": ", ":")
        assert response.headers["x-tokens-platform"] == "spare"
        assert response.headers["x-tokens-attempts"] == "2"
        assert spare.requests[0].json["model"] == "real-2"
        [record] = await site.records(1)
        assert (record.platform, record.model, record.upstream_model) == ("spare", "m-2", "real-2")
        assert (record.cost_micros, record.attempts) == (7, 2)
        assert [(one["platform"], one.get("failure")) for one in record.tries] == [
            ("acme", "overloaded"),
            ("spare", None),
        ]


async def test_a_fallback_may_speak_another_language(site: Site) -> None:
    said = {
        "id": "msg",
        "type": "message",
        "role": "assistant",
        "model": "real-2",
        "content": [{"type": "text", "text": "Bonjour"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    async with Upstream() as spare:
        await fallen_back(site, spare, protocol="anthropic", chat_path="/v1/messages")
        site.upstream.default = raw(b"")
        spare.default = answer(said)

        response = await site.chat()

        assert response.json()["choices"][0]["message"]["content"] == "Bonjour"
        assert spare.requests[0].json["messages"][0]["role"] == "user"


async def test_a_chain_that_leads_back_ends(site: Site) -> None:
    async with Upstream() as spare:
        await fallen_back(site, spare)
        await ModelMapping.objects.filter(public_name="m-2").aupdate(fallbacks=["acme/m-1"])
        await (await ModelMapping.objects.aget(public_name="m-2")).asave()
        await site.reload()
        site.upstream.default = spare.default = error(503)

        response = await site.chat()

        assert response.status_code == 503
        assert (len(site.upstream.requests), len(spare.requests)) == (1, 1)


@pytest.mark.parametrize(
    ("status", "falls"), [(400, False), (404, False), (401, True), (429, True)]
)
async def test_only_what_is_the_platforms_trouble_falls_back(
    site: Site, status: int, falls: bool
) -> None:
    site.configure(queue_s=0.0)
    async with Upstream() as spare:
        await fallen_back(site, spare)
        site.upstream.default = error(status)
        spare.default = answer(completion())

        response = await site.chat()

        assert (response.status_code == 200) is falls
        assert len(spare.requests) == falls


async def test_a_licence_falls_back_only_to_where_it_may_go(site: Site) -> None:
    async with Upstream() as spare:
        await fallen_back(site, spare)
        licence = await Licence.objects.aget()
        licence.platforms = ["acme"]
        await licence.asave()
        await site.reload()
        site.upstream.default = error(503)

        assert (await site.chat()).status_code == 503
        assert spare.requests == []


async def grouped(site: Site) -> None:
    def rows() -> None:
        platform = Platform.objects.get()
        Credential.objects.all().delete()
        make_credential(platform, "cheap", "sk-cheap", groups=["cheap"])
        make_credential(platform, "dear", "sk-dear", groups=["dear", "team"])

    await sync_to_async(rows)()
    await site.reload()
    site.upstream.default = answer(completion())


@pytest.mark.parametrize(
    ("model", "header", "key"),
    [
        ("m-1|[cheap]", "", "sk-cheap"),
        ("m-1|[team, other]", "", "sk-dear"),
        ("m-1", "cheap", "sk-cheap"),
        ("m-1|[dear]", "team", "sk-dear"),
    ],
)
async def test_a_caller_can_ask_for_a_group(site: Site, model: str, header: str, key: str) -> None:
    await grouped(site)
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {**site.headers(), **({"x-tokens-group": header} if header else {})}

    answers = [
        await site.client.post("/acme/v1/chat/completions", json=body, headers=headers)
        for _ in range(6)
    ]

    assert {one.json()["model"] for one in answers} == {model}
    assert set(used(site.upstream)) == {key}
    assert {one.json["model"] for one in site.upstream.requests} == {"m-1"}
    assert {record.model for record in await site.records(6)} == {"m-1"}


@pytest.mark.parametrize("model", ["m-1|[nobody]", "m-1|[]", "m-1|[cheap]x"])
async def test_a_group_that_is_not_there_is_told(site: Site, model: str) -> None:
    await grouped(site)

    response = await site.chat(model=model)

    if model.endswith("x"):  # no hint, but a name as any other
        assert response.status_code == 200
    else:
        assert response.status_code == 400
        assert response.json()["error"]["param"] == "model"


async def test_a_models_name_can_carry_parameters(site: Site) -> None:
    def rows() -> None:
        make_mapping(
            Platform.objects.get(),
            "m-1",
            upstream_name="real",
            parameters={
                "high": {"reasoning_effort": "high"},
                "cold": {"temperature": 0},
                "very-cold": {"temperature": 0, "seed": 1},
            },
        )

    await sync_to_async(rows)()
    await site.reload()
    site.upstream.default = answer(completion())

    for model in ("m-1-high-very-cold", "m-1-cold", "m-1-warm"):
        await site.chat(model=model)

    sent = [one.json for one in site.upstream.requests]
    assert [one["model"] for one in sent] == ["real", "real", "m-1-warm"]
    assert (sent[0]["reasoning_effort"], sent[0]["temperature"], sent[0]["seed"]) == ("high", 0, 1)
    assert (sent[1]["temperature"], "reasoning_effort" in sent[1]) == (0, False)
    assert [one.model for one in await site.records(3)] == ["m-1", "m-1", "m-1-warm"]


@pytest.mark.parametrize(
    "field",
    [
        {"session_id": "talk"},
        {"prompt_cache_key": "talk"},
        {"user": "ada"},
        {"metadata": {"user_id": "ada"}},
    ],
)
async def test_a_conversation_stays_with_one_key(five: Site, field: dict[str, Any]) -> None:
    five.upstream.default = answer(completion())

    for _ in range(12):
        await five.chat(**field)

    assert len(used(five.upstream)) == 1
    assert all("session_id" not in one.json for one in five.upstream.requests)


async def test_embeddings_go_on_to_the_next_key_and_platform_too(five: Site) -> None:
    vectors = {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}],
        "model": "m",
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    }
    five.upstream.default = by_key(
        {key: error(429, **{"retry-after": "30"}) for key in FIVE[:4]}, answer(vectors)
    )

    response = await five.client.post(
        "/acme/v1/embeddings", json={"model": "e-1", "input": "a"}, headers=five.headers()
    )

    assert response.status_code == 200
    assert int(response.headers["x-tokens-attempts"]) == len(five.upstream.requests)
    nothing_is_left(five)

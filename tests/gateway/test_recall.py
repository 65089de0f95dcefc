"""What upstreams want back in the next turn: kept by the tool call's id, bounded, for a while."""

import hashlib
import itertools
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.recall import KEPT_S, LARGEST, Memory, Recall, Redis, Store
from gateway.shapes import Recalled
from tests.gateway.redis_server import running_redis

BLOCKS = [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}]
EXTRA = {"google": {"thought_signature": "c2ln"}}


def chat(*ids: str, text: str = "Hi", **message: Any) -> dict[str, Any]:
    calls = [{"id": id, "type": "function", "function": {"name": "f"}} for id in ids]
    turn = {"role": "assistant", "content": None, "tool_calls": calls, **message}
    return {"messages": [{"role": "user", "content": text}, turn]}


@pytest.fixture(params=["memory", "redis"])
async def store(request: Any) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield Memory()
        return
    with running_redis() as url:
        kept = Redis(url)
        yield kept
        await kept.aclose()


async def test_what_a_client_left_out_is_put_back(store: Store) -> None:
    recall = Recall(store)
    await recall.keep(
        1,
        2,
        chat(),
        {
            "call_a1b2c3d4": Recalled(message={"thinking_blocks": BLOCKS}),
            "call_b1b2c3d4": Recalled(call={"extra": EXTRA}),
        },
    )

    asked = chat("call_a1b2c3d4", "call_b1b2c3d4", "call_c1b2c3d4")
    await recall.restore(1, 2, asked)

    turn = asked["messages"][1]
    assert turn["thinking_blocks"] == BLOCKS
    assert [call.get("extra") for call in turn["tool_calls"]] == [None, EXTRA, None]


async def test_what_a_client_says_itself_stays(store: Store) -> None:
    recall = Recall(store)
    await recall.keep(
        1, 2, chat(), {"call_a1b2c3d4": Recalled(message={"reasoning_content": "kept"})}
    )

    asked = chat("call_a1b2c3d4", reasoning_content="said")
    await recall.restore(1, 2, asked)

    assert asked["messages"][1]["reasoning_content"] == "said"


@pytest.mark.parametrize(("licence", "platform"), [(1, 3), (3, 2)])
async def test_others_and_other_platforms_see_nothing_of_it(
    store: Store, licence: int, platform: int
) -> None:
    recall = Recall(store)
    await recall.keep(
        1, 2, chat(), {"call_a1b2c3d4": Recalled(message={"thinking_blocks": BLOCKS})}
    )

    asked = chat("call_a1b2c3d4")
    await recall.restore(licence, platform, asked)

    assert asked == chat("call_a1b2c3d4")


async def test_it_is_forgotten_after_a_while() -> None:
    now = 0.0
    memory = Memory(clock=lambda: now)
    await memory.put({"a": b"1"})
    now = KEPT_S - 1
    assert await memory.get(["a"]) == [b"1"]
    now = KEPT_S

    assert await memory.get(["a"]) == [None]


async def test_memory_is_bounded_and_the_oldest_goes() -> None:
    memory = Memory(100)

    for number in range(100):
        await memory.put({f"{number:02}": b"x" * 18})

    kept = [value is not None for value in await memory.get([f"{n:02}" for n in range(100)])]
    assert kept == [False] * 95 + [True] * 5


async def test_a_value_that_is_kept_anew_is_counted_once() -> None:
    memory = Memory(100)

    for size in itertools.islice(itertools.cycle((10, 60)), 50):
        await memory.put({"a": b"x" * size, "b": b"y"})

    assert await memory.get(["a", "b"]) == [b"x" * 60, b"y"]


async def test_what_is_too_large_to_be_thinking_is_not_kept() -> None:
    recall = Recall(Memory())
    await recall.keep(
        1, 2, chat(), {"call_a1b2c3d4": Recalled(message={"reasoning_content": "x" * LARGEST})}
    )

    asked = chat("call_a1b2c3d4")
    await recall.restore(1, 2, asked)

    assert asked == chat("call_a1b2c3d4")


async def test_a_redis_that_is_gone_costs_the_recall_and_not_the_call(caplog: Any) -> None:
    with running_redis() as url:
        pass  # it has ended
    recall = Recall(Redis(url))

    await recall.keep(1, 2, chat(), {"call_a1b2c3d4": Recalled(message={"reasoning_content": "x"})})
    asked = chat("call_a1b2c3d4")
    await recall.restore(1, 2, asked)

    assert asked == chat("call_a1b2c3d4")
    assert "Redis" in caplog.text
    await recall.aclose()


@pytest.mark.parametrize("id", ["call_0", "0", "functions.search:0", "functions.search:12", "a"])
async def test_ids_that_are_counted_are_told_apart_by_the_conversation(id: str) -> None:
    recall = Recall(Memory())
    for text in ("one", "other"):
        await recall.keep(1, 2, chat(text=text), {id: Recalled({"reasoning_content": text})})

    for text in ("one", "other", "third"):
        asked = chat(id, text=text)
        await recall.restore(1, 2, asked)
        found = asked["messages"][1].get("reasoning_content")
        assert found == (None if text == "third" else text)


async def test_a_conversations_beginning_is_read_once_for_all_its_calls(monkeypatch: Any) -> None:
    reads: list[bytes] = []

    def sha256(data: bytes) -> Any:
        reads.append(data)
        return hashlib.sha256(data)

    monkeypatch.setattr("gateway.recall.hashlib", SimpleNamespace(sha256=sha256))

    await Recall(Memory()).restore(1, 2, chat(*(f"call_{number}" for number in range(50))))

    assert len(reads) == 1


@pytest.mark.parametrize(
    "id", ["toolu_01A09q90qw90lq917835lq9", "call_5f0d2c1b9e", "fc-67ca09c6bed"]
)
async def test_ids_of_chance_are_found_however_the_client_tells_the_conversation(id: str) -> None:
    recall = Recall(Memory())
    await recall.keep(1, 2, chat(text="one"), {id: Recalled({"reasoning_content": "x"})})

    asked = chat(id, text="shortened")
    await recall.restore(1, 2, asked)

    assert asked["messages"][1]["reasoning_content"] == "x"

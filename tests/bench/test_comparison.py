"""The comparison: a sane table of scenarios; a peer that fails is told, and the rest goes on."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from bench import contenders, peers, run, scenarios
from bench.asking import Scenario, Target
from bench.processes import CHAT, Contender, ContenderFailed
from bench.scenarios import ALL, BARE, DIRECT, FURTHER, GATEWAY, LITELLM, MAIN, PORTKEY, Part
from bench.upstream import CHAT_MODEL
from bench.verdicts import BOUNDS

PARTS = (*MAIN, *FURTHER)
ONCE = Part(Scenario("once", CHAT_MODEL, 1, requests=5), (DIRECT, BARE, PORTKEY, LITELLM))


def test_every_scenario_has_its_name_ends_and_is_run_by_somebody_known() -> None:
    names = [part.scenario.name for part in PARTS]

    assert len(set(names)) == len(names)
    for part in PARTS:
        scenario = part.scenario
        assert scenario.seconds or scenario.requests
        assert scenario.model in scenarios.MODELS
        assert bool(scenario.events) == ("stream" in scenario.model or "paced" in scenario.model)
        assert {*part.every_round, *part.first_round} <= {DIRECT, *run.STARTERS}
        assert not {*part.every_round} & {*part.first_round}
        assert part.road == CHAT or DIRECT not in part.every_round
    assert {*ALL} <= {DIRECT, *run.STARTERS}


def test_what_is_judged_is_measured_in_every_round() -> None:
    judged = {bound.scenario: bound.base for bound in BOUNDS if bound.how != "start"}
    parts = {part.scenario.name: part for part in MAIN}

    for scenario, base in judged.items():
        assert {GATEWAY, *([base] if base else [])} <= {*parts[scenario].every_round}


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_seconds_change_only_what_is_bound_by_them(seconds: float) -> None:
    for part in PARTS:
        expected = seconds if part.scenario.seconds else None
        assert scenarios.lasting(part, seconds).scenario.seconds == expected


def test_a_whole_run_has_time_for_its_turns() -> None:
    """Three rounds of three seconds, and what surrounds a turn: well below ten minutes."""
    turns = 0.0
    for part, rounds in [*((part, 3) for part in MAIN), *((part, 1) for part in FURTHER)]:
        length = part.scenario.seconds or 5.0
        length *= 1.0 if part in MAIN else scenarios.FURTHER_SHARE
        turns += (len(part.every_round) * rounds + len(part.first_round)) * (length + 0.7)

    assert turns < 420


@pytest.fixture
def starters(monkeypatch: pytest.MonkeyPatch) -> dict[str, run.Starter]:
    """The bare relay, and peers that fail in two ways; nothing is installed."""

    @contextlib.asynccontextmanager
    async def never_starts(port: int, core: set[int]) -> AsyncIterator[Contender]:
        if port:
            raise ContenderFailed("no such module")
        yield Contender("", 0, Target("", 0, ""))

    @contextlib.asynccontextmanager
    async def answers_wrongly(port: int, core: set[int]) -> AsyncIterator[Contender]:
        async with contenders.bare_relay(port, core) as relay:
            lost = replace(relay.target, path="/v1/nothing")
            yield replace(relay, name=LITELLM, target=lost, others={})

    async def nothing(say: Callable[[str], None]) -> dict[str, str]:
        return {}

    chosen: dict[str, run.Starter] = {
        BARE: contenders.bare_relay,
        PORTKEY: never_starts,
        LITELLM: answers_wrongly,
    }
    monkeypatch.setattr(run, "STARTERS", chosen)
    monkeypatch.setattr(run, "WARM_UP", ())
    monkeypatch.setattr(run, "cores", lambda: (set(), set()))
    monkeypatch.setattr(peers, "install", nothing)
    return chosen


async def test_a_peer_that_fails_is_told_and_the_rest_goes_on(
    starters: dict[str, run.Starter],
) -> None:
    found = await run.compare([ONCE], names=list(starters), rounds=2, seconds=1)

    assert "no such module" in found.failed[PORTKEY]
    assert "404" in found.failed[LITELLM]
    assert [(s.contender, s.round) for s in found.samples] == [
        *((DIRECT, 0), (BARE, 0), (BARE, 1), (DIRECT, 1)),
    ]
    assert all(sample.outcome.answers == 5 for sample in found.samples)


async def test_what_would_take_too_long_is_left_out_and_told(
    starters: dict[str, run.Starter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "BOUND_S", -1)
    found = await run.compare([ONCE], names=[BARE], rounds=2, seconds=1)

    assert found.samples == []
    assert list(found.failed) == ["once, round 1", "once, round 2"]


async def test_one_of_ours_that_fails_ends_the_run(
    starters: dict[str, run.Starter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(starters, BARE, starters[PORTKEY])

    with pytest.raises(ContenderFailed, match="no such module"):
        await run.compare([ONCE], names=list(starters), rounds=1, seconds=1)


async def test_a_peers_road_that_answers_wrongly_is_told_and_left_out(
    starters: dict[str, run.Starter], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.asynccontextmanager
    async def half(port: int, core: set[int]) -> AsyncIterator[Contender]:
        async with contenders.bare_relay(port, core) as relay:
            others = {"gemini": replace(relay.target, path="/v1/nothing")}
            yield replace(relay, name=PORTKEY, others=others)

    monkeypatch.setitem(starters, PORTKEY, half)
    part = replace(ONCE, every_round=(PORTKEY,))
    parts = [part, replace(part, road="gemini", scenario=replace(ONCE.scenario, name="there"))]
    found = await run.compare(parts, names=[PORTKEY], rounds=1, seconds=1)

    assert [sample.scenario for sample in found.samples] == ["once"]
    assert "404" in found.failed["Portkey, gemini"]


async def test_a_peer_is_installed_once_and_its_failure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    async def output(command: list[str], folder: Path, **_: object) -> bytes:
        commands.append(command)
        if "npm" in command[0]:
            raise ContenderFailed("npm: no route")
        return b""

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(peers, "output", output)
    monkeypatch.setattr("shutil.which", lambda name: name)
    said: list[str] = []
    failed = [await peers.install(said.append) for _ in range(2)]

    assert failed == [{PORTKEY: "not installed: npm: no route"}] * 2
    assert [peers.LITELLM_WANTED in command for command in commands].count(True) == 1
    assert len([line for line in said if "litellm" in line]) == 1


def test_words_for_the_report_name_no_home_and_no_hosts() -> None:
    words = (
        f"{Path.home()}/x failed at https://me:secret@pypi.example/simple/a, http://127.0.0.1:9/b"
    )

    assert run.public(words) == "…/x failed at https://…/simple/a, http://127.0.0.1:9/b"


async def test_a_failed_installation_is_not_tried_by_starting(
    starters: dict[str, run.Starter], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(say: Callable[[str], None]) -> dict[str, str]:
        return {PORTKEY: "not installed: no route"}

    install: Callable[[Callable[[str], None]], Awaitable[dict[str, str]]] = failing
    monkeypatch.setattr(peers, "install", install)
    found = await run.compare([ONCE], names=[BARE, PORTKEY], rounds=1, seconds=1)

    assert found.failed == {PORTKEY: "not installed: no route"}


def test_litellm_knows_every_model_on_every_road() -> None:
    config = orjson.loads(orjson.dumps(peers.litellm_config(9911)))
    names = [row["model_name"] for row in config["model_list"]]

    assert names == [
        prefix + model for prefix in ("", "anthropic-", "gemini-") for model in scenarios.MODELS
    ]
    assert {row["litellm_params"]["api_base"].split("/")[2] for row in config["model_list"]} == {
        "127.0.0.1:9911"
    }


async def test_a_process_in_a_session_of_its_own_is_measured_with_who_started_it() -> None:
    """As the gateway's workers are: their memory is the gateway's."""
    inner = "import sys; x = bytearray(80_000_000); print('up', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", inner]
    outer = f"import subprocess; subprocess.run({command!r}, start_new_session=True)"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", outer, stdin=pipe, stdout=pipe
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await asyncio.wait_for(process.stdout.readline(), 30) == b"up\n"
        assert Contender("", process.pid, Target("", 0, "")).rss_mb() > 80
    finally:
        process.stdin.close()  # which ends both
        await asyncio.wait_for(process.wait(), 30)

"""A whole run: everything started, load on it, something broken meanwhile, then the claims."""

import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench import servers
from bench.chaos import claims, clients, machines, platform
from bench.chaos.claims import Claim
from bench.chaos.clients import Asking, Seen
from bench.chaos.machines import Machine
from bench.chaos.platform import Platform

MACHINES = 3
CREDENTIALS = 4  # of each of the two platforms
MODELS = ("north/m-1", "south/m-1")
LICENCES = 6  # without limits; LIMITED and AMPLE have some
LIMITED = ({"rpm": 120}, {"concurrency": 2}, {"budget_total_micros": 20_000})
AMPLE = ({"rpm": 10**6, "concurrency": 10**4, "budget_total_micros": 10**12},)
LEASE_S = 10.0  # longer than a killed gateway is away, so that what it has used is booked before
KILL_S = (3.0, 6.0)
"""A process is killed after so many seconds, by chance."""
AROUND_S = 10.0
"""Load before and after a database's stop."""
_PROGRESS_S = 5.0
_TIMEOUTS = {"connect_s": 1, "first_byte_s": 2, "idle_s": 2, "total_s": 15}
_PRICES = {
    "kind": "chat",
    "price_prompt_micros": 3_000_000,
    "price_completion_micros": 15_000_000,
    "price_request_micros": 7,
}


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is made of."""

    seconds: float = 120.0
    seed: int = 1
    clients: int = 40
    kill_s: tuple[float, float] | None = KILL_S
    """Between two kills; None: no process is killed."""
    outage_s: float = 0.0
    """The database is stopped for so long, in the middle. 0: it runs throughout."""
    frozen: bool = False
    """It is frozen and not stopped: connections stand, and nothing answers."""
    weights: dict[str, int] = field(default_factory=lambda: platform.WEIGHTS)
    postgres: str = ""
    """URL of a server that is running, where a database is made and dropped; "": one of its own."""
    quiet: bool = False


@dataclass
class Result:
    """What a run has shown."""

    options: Options
    seen: Seen
    upstream: Platform
    kills: int
    elapsed_s: float
    waits: dict[str, list[float]]
    """Seconds to the whole answer, for each part of the run."""
    claims: list[Claim]

    @property
    def holds(self) -> bool:
        """All of it."""
        return all(claim.holds for claim in self.claims)


@dataclass
class _Stage:
    """What a run plays on."""

    options: Options
    upstream: Platform
    machines: list[Machine]
    asking: Asking
    seen: Seen
    settings: dict[str, str]
    redis: str
    postgres: servers.Postgres | None
    began_s: float
    outage: tuple[float, float] = (0.0, 0.0)
    """When the database was away, in seconds of the run."""


async def chaos(options: Options) -> Result:
    """Play it. Raises NotInstalled, MachineFailed."""
    async with _staged(options) as stage:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            load = clients.run(stage.asking, options.clients, stop, stage.seen)
            group.create_task(load)
            telling = group.create_task(_tell(stage))
            try:
                async with asyncio.TaskGroup() as breaking:
                    for trouble in _troubles(stage):
                        breaking.create_task(trouble)
            finally:
                stop.set()
                telling.cancel()
        elapsed_s = time.monotonic() - stage.began_s
        # Leases end, and those who are left compare the counters with what is booked.
        await asyncio.sleep(LEASE_S + 3)
        counters = orjson.loads(await machines.inside(stage.settings, "counters"))
        for machine in stage.machines:
            await machine.stop()
        booked = orjson.loads(await machines.inside(stage.settings, "read"))
        booked["counters"] = counters
        found = _claims(stage, booked)
        kills = sum(machine.kills for machine in stage.machines)
        waits = _waits(stage)
        return Result(options, stage.seen, stage.upstream, kills, elapsed_s, waits, found)


def _troubles(stage: _Stage) -> Iterator[Coroutine[Any, Any, Any]]:
    yield asyncio.sleep(stage.options.seconds)
    if stage.options.kill_s is not None:
        yield _kill(stage, stage.options.kill_s)
    if stage.options.outage_s:
        yield _stop_database(stage)


async def _kill(stage: _Stage, between_s: tuple[float, float]) -> None:
    """Kill one after the other, by chance; each comes back in its own data folder."""
    chance = random.Random(stage.options.seed)  # noqa: S311 # no secret
    end_s = stage.began_s + stage.options.seconds
    async with asyncio.TaskGroup() as group:
        while True:
            pause_s = chance.uniform(*between_s)
            if time.monotonic() + pause_s >= end_s:
                return
            await asyncio.sleep(pause_s)
            up = [machine for machine in stage.machines if machine.is_up]
            if len(up) > 1:  # somebody must be there to answer
                machine = chance.choice(up)
                await machine.kill()
                group.create_task(machine.start())


async def _stop_database(stage: _Stage) -> None:
    assert stage.postgres is not None
    options = stage.options
    await asyncio.sleep((options.seconds - options.outage_s) / 2)
    began_s = time.monotonic() - stage.began_s
    await servers.outage(stage.postgres, options.outage_s, frozen=options.frozen)
    stage.outage = began_s, time.monotonic() - stage.began_s


async def _tell(stage: _Stage) -> None:
    """A line every few seconds."""
    while not stage.options.quiet:
        await asyncio.sleep(_PROGRESS_S)
        seen = stage.seen
        sys.stderr.write(
            f"{time.monotonic() - stage.began_s:5.0f} s  {len(seen.whole):6,} whole"
            f"  {seen.errors.total():5,} told  {seen.cut.total():5,} cut"
            f"  {sum(m.kills for m in stage.machines):3} kills"
            f"  {sum(m.is_up for m in stage.machines)} up\n"
        )
        sys.stderr.flush()


@contextlib.asynccontextmanager
async def _staged(options: Options) -> AsyncIterator[_Stage]:
    """Everything running, and nothing of it left behind."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tokens-chaos-")))
        redis = stack.enter_context(servers.running_redis())
        postgres = None
        if options.postgres:
            database = stack.enter_context(servers.database(options.postgres))
        else:
            postgres = stack.enter_context(servers.running_postgres())
            database = postgres.url
        settings = machines.environment(folder, database, redis)
        async with platform.running(options.weights, options.seed) as upstream:
            settings["TOKENS_LIMIT_LEASE_S"] = str(LEASE_S)
            plan = orjson.dumps(_plan(upstream.port, AMPLE if options.outage_s else LIMITED))
            prepared = orjson.loads(await machines.inside(settings, "prepare", stdin=plan))
            async with machines.running(MACHINES, folder, settings) as running:
                began_s = time.monotonic()
                asking = Asking(
                    lambda: [machine.url for machine in running if machine.is_up],
                    [(number, key) for number, key in prepared["licences"]],
                    MODELS,
                    random.Random(options.seed),  # noqa: S311 # no secret
                    began_s,
                )
                yield _Stage(
                    *(options, upstream, running, asking, Seen()),
                    *(settings, redis, postgres, began_s),
                )


def _plan(port: int, limited: Sequence[dict[str, int]]) -> dict[str, Any]:
    """Two platforms that stand in for each other, and licences."""
    fields = {"base_url": f"http://{servers.HOST}:{port}/v1", **_TIMEOUTS}
    pairs = (("north", "south/m-1"), ("south", "north/m-1"))
    return {
        "platforms": [
            {
                "slug": slug,
                "fields": fields,
                "credentials": {
                    f"{slug}-{number}": {} if number else {"max_concurrency": 4}
                    for number in range(CREDENTIALS)
                },
                "models": {"m-1": {**_PRICES, "upstream_name": "m-1", "fallbacks": [other]}},
            }
            for slug, other in pairs
        ],
        "licences": [
            {"name": f"licence {number}", **limits}
            for number, limits in enumerate([*({},) * LICENCES, *limited])
        ],
    }


def _claims(stage: _Stage, booked: dict[str, Any]) -> list[Claim]:
    seen, records = stage.seen, booked["records"]
    found = [*claims.booked(seen, records), *claims.whole(seen, stage.upstream.whole)]
    if seen.told:
        found.append(claims.told(seen, records))
    found += claims.agreeing(records, booked["days"], booked["spends"])
    found.append(claims.hourly(records, booked["hours"]))
    counters, budgets, spends = booked["counters"], booked["budgets"], booked["spends"]
    found += claims.limited(counters, budgets, spends, records)
    found.append(claims.in_service(booked["out_of_service"], 2 * CREDENTIALS))
    journals = {name: size for one in stage.machines for name, size in one.journals.items()}
    found.append(claims.all_booked(journals, booked["journals"]))
    found += _of_machines(stage.machines)
    if stage.options.outage_s:
        failed = [f"{count} x {what}" for what, count in (seen.errors + seen.cut).items()]
        text = "No client noticed that the database was stopped."
        found.append(claims.none(text, len(seen.whole), failed))
        found.append(_as_quick(_waits(stage)))
    return found


def _of_machines(running: Sequence[Machine]) -> list[Claim]:
    died = [f"{m.folder.name}: {death}" for m in running for death in m.deaths]
    complained = [
        f"{machine.folder.name}: {line}"
        for machine in running
        for line in machine.log.splitlines()
        if "Traceback" in line or " ERROR " in line
    ]
    return [
        claims.none(
            "No process died by itself; all ended with 0 when told to.", len(running), died
        ),
        claims.none("The logs hold no traceback and no error.", len(running), complained),
    ]


def _waits(stage: _Stage) -> dict[str, list[float]]:
    """How long whole answers took, by the part of the run in which they were asked for."""
    from_s, until_s = stage.outage
    parts: dict[str, list[float]] = {"before": [], "during": [], "after": []}
    for whole in stage.seen.whole.values():
        part = "before" if whole.at_s < from_s else "during" if whole.at_s < until_s else "after"
        parts[part if until_s else "during"].append(whole.took_s)
    return {part: sorted(waits) for part, waits in parts.items() if waits}


def _as_quick(waits: dict[str, list[float]]) -> Claim:
    """Answers took no longer while the database was away."""
    before, during = (percentile(waits.get(part, []), 0.99) for part in ("before", "during"))
    wrong = []
    if during > 2 * before + 0.5:  # a call that waited for the database would wait for seconds
        wrong.append(f"99 of 100 within {during * 1000:.0f} ms, before {before * 1000:.0f} ms")
    return Claim("Answers took no longer meanwhile.", len(waits.get("during", [])), wrong)


def percentile(waits: Sequence[float], share: float) -> float:
    """Of sorted figures; 0 where there are none."""
    return waits[min(int(len(waits) * share), len(waits) - 1)] if waits else 0.0

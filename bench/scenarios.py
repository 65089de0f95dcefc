"""Who is measured at what: every scenario, and which contenders run it how often."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bench import upstream
from bench.asking import Scenario
from bench.check import STREAM_MODEL as CHECK_MODEL
from bench.processes import CHAT

DIRECT = "direct"  # load and upstream without anybody between them
NGINX, BARE, GATEWAY, TWO_WORKERS = "nginx", "bare relay", "gateway", "gateway, 2 workers"
LITELLM, PORTKEY = "LiteLLM", "Portkey"
PEERS = (PORTKEY, LITELLM)
OURS = (BARE, GATEWAY)
ALL = (DIRECT, NGINX, *OURS, *PEERS)

UNLIMITED, ANTHROPIC, GEMINI = "unlimited", "anthropic", "gemini"  # roads besides CHAT

EVENTS = upstream.DEFAULT_EVENTS
PER_SECOND = 50
STREAM_MODEL = f"bench-stream-{EVENTS}"
PACED_MODEL = f"bench-paced-{EVENTS}-{PER_SECOND}"
MODELS = (upstream.CHAT_MODEL, STREAM_MODEL, PACED_MODEL, CHECK_MODEL)
SECONDS = 3.0
FURTHER_SHARE = 2 / 3  # of that, where there is one round only
CROWD_S = 15.0  # a healthy crowd of paced streams needs 6 s

ONE, BLOCKING, STREAMS, PACED, THOUSAND = (
    *("1 connection", "blocking", "streams", "200 paced streams", "1,000 paced streams"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """One scenario of the comparison and who runs it."""

    scenario: Scenario
    every_round: tuple[str, ...]
    first_round: tuple[str, ...] = ()
    """Who runs it only once: ceilings, and those that it would take too long."""
    road: str = CHAT
    fewer: Mapping[str, int] = field(default_factory=dict)
    """Connections of those whom the scenario's would keep busy for long after the turn's end."""

    def of(self, name: str) -> Scenario:
        """The scenario as this contender runs it."""
        if name not in self.fewer:
            return self.scenario
        return replace(self.scenario, connections=self.fewer[name])


def _timed(name: str, model: str, connections: int, **over: int) -> Scenario:
    return Scenario(name, model, connections, seconds=SECONDS, **over)


def _blocking(name: str, connections: int, **over: int) -> Scenario:
    return _timed(name, upstream.CHAT_MODEL, connections, **over)


def _streams(name: str) -> Scenario:
    return _timed(name, STREAM_MODEL, 50, events=EVENTS)


# LiteLLM's core is busy with ten streams; with fifty every turn would end ten seconds late.
_FEWER = {LITELLM: 10}


def _paced(name: str, count: int) -> Scenario:
    """Each stream twice, and as many begin in any moment as end: all are open for a stream's time.

    A thousand that begin in one instant measure that instant: how long a thousand requests take.
    """
    scenario = Scenario(name, PACED_MODEL, count, EVENTS, requests=2 * count, stall_s=CROWD_S)
    # Of a crowd a hundred are read event by event: to read them all takes more than a core.
    sample = count // 100 if count >= 500 else 1
    spread_s = EVENTS / PER_SECOND
    return replace(scenario, per_second=PER_SECOND, spread_s=spread_s, sample=sample)


# In every round; what must hold (bench/verdicts.py) is judged by these.
MAIN = (
    Part(_blocking(ONE, 1), (DIRECT, *OURS, *PEERS), (NGINX,)),
    Part(_blocking(BLOCKING, 32), (*OURS, *PEERS), (DIRECT, NGINX)),
    Part(_streams(STREAMS), (*OURS, *PEERS), (DIRECT, NGINX), fewer=_FEWER),
    # 10,000 events/s, below what a contender can do: every event is a read of its own there, as
    # with a real model. Unpaced, a slow contender reads several at once and looks cheaper. The
    # figure depends on the rate (bare relay: 38 µs at half of it, 27 here; 2026-11): keep it.
    Part(_paced(PACED, 200), OURS),
    Part(_paced(THOUSAND, 1_000), OURS, (DIRECT, NGINX, PORTKEY)),
)
# Once, after the others; what matters least comes last.
FURTHER = (
    Part(_blocking("256 connections", 256), (DIRECT, *OURS, *PEERS)),
    Part(_paced("100 paced streams", 100), (*OURS, *PEERS)),
    Part(_paced("500 paced streams", 500), OURS),
    Part(_blocking("200 kB request", 16, padding=200_000), (DIRECT, *OURS, *PEERS)),
    Part(_blocking("5 MB picture", 4, picture_bytes=5_000_000), (DIRECT, *OURS, *PEERS)),
    Part(_blocking("to Anthropic", 32), (GATEWAY, *PEERS), road=ANTHROPIC),
    Part(_streams("from Anthropic"), (GATEWAY, *PEERS), road=ANTHROPIC, fewer=_FEWER),
    Part(_blocking("to Gemini", 32), (GATEWAY, *PEERS), road=GEMINI),
    Part(_streams("from Gemini"), (GATEWAY, *PEERS), road=GEMINI, fewer=_FEWER),
    Part(_blocking("blocking, two workers", 32), (TWO_WORKERS,)),
    Part(_streams("streams, two workers"), (TWO_WORKERS,)),
    Part(_blocking("blocking, no limits", 32), (GATEWAY,), road=UNLIMITED),
    Part(_streams("streams, no limits"), (GATEWAY,), road=UNLIMITED),
)
WARM_UP = (
    Scenario("warm-up", upstream.CHAT_MODEL, 32, requests=1_000, seconds=2),
    Scenario("warm-up", STREAM_MODEL, 5, EVENTS, requests=50, seconds=2),
)


def lasting(part: Part, seconds: float) -> Part:
    """This part with turns of so many seconds, where it is bound by seconds at all."""
    scenario = part.scenario
    return replace(part, scenario=replace(scenario, seconds=scenario.seconds and seconds))

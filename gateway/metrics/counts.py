"""What this process has counted since it began: plain numbers in a dict, no library, no lock.

Counted on the event loop only. What nobody has set up (models without a mapping, platforms that do
not exist) is counted as `other`: a stranger must not be able to make a series per request.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gateway.metrics import series
from gateway.metrics.series import SERIES, Numbers
from gateway.models import Outcome
from gateway.shapes import Failure
from licences.errors import BudgetSpent, LimitReached

if TYPE_CHECKING:
    from gateway.usage.entry import Entry

OTHER = "other"
_SECONDS = SERIES[series.SECONDS].bounds
_FIRST_BYTE = SERIES[series.FIRST_BYTE].bounds
_OVERHEAD = SERIES[series.OVERHEAD].bounds
_QUEUE_WAIT = SERIES[series.QUEUE_WAIT].bounds


class _Calls:
    """The numbers that calls of one kind add to, found once and kept at hand."""

    __slots__ = (
        *("cached", "completion", "cost", "ended", "first_byte", "overhead"),
        *("prompt", "queue_wait", "reasoning", "seconds"),
    )

    def __init__(self, of: Callable[..., list[float]], call: tuple[str, str, str]) -> None:
        platform, endpoint, model = call
        self.ended: dict[tuple[str, int], list[float]] = {}
        self.seconds = of(series.SECONDS, *call)
        self.first_byte = of(series.FIRST_BYTE, *call)
        self.overhead = of(series.OVERHEAD, platform, endpoint)
        self.queue_wait = of(series.QUEUE_WAIT, platform, endpoint)
        self.prompt, self.cached, self.completion, self.reasoning = (
            of(series.USED_TOKENS, platform, model, kind)
            for kind in ("prompt", "cached", "completion", "reasoning")
        )
        self.cost = of(series.COST, platform, model)


class Metrics:
    """Counts what has ended, failed and was refused.

    `finished` takes 1.4 µs for a streamed chat with tokens and a price (`python -m bench.metrics`,
    Nov 2026); the others happen rarely.
    """

    def __init__(self, is_known: Callable[[str], bool]) -> None:
        """`is_known`: whether there is a platform of this short name."""
        self.numbers: Numbers = {}
        self._is_known = is_known
        self._calls: dict[tuple[str, str, str], _Calls] = {}

    def finished(self, entry: "Entry") -> None:
        """A request has ended; its entry knows how."""
        route = entry.route
        if route is not None:
            platform = route.platform.slug
            model = OTHER if route.kind is None else route.name
        else:
            platform, model = entry.platform, OTHER
            if platform and not self._is_known(platform):
                platform = OTHER
        call = (platform, entry.endpoint, model)
        calls = self._calls.get(call)
        if calls is None:
            calls = self._calls[call] = _Calls(self._of, call)
        end = (entry.outcome or "", entry.status)
        ended = calls.ended.get(end)
        if ended is None:
            key = (str(end[0]), str(entry.status))
            ended = calls.ended[end] = self._of(series.REQUESTS, *call, *key)
        ended[0] += 1
        self._time(entry, calls)
        if (usage := entry.usage) is not None:
            calls.prompt[0] += usage.prompt_tokens
            calls.cached[0] += usage.cached_tokens
            calls.completion[0] += usage.completion_tokens
            calls.reasoning[0] += usage.reasoning_tokens
            calls.cost[0] += entry.cost_micros

    def booked(self, record: Mapping[str, Any]) -> None:
        """A media task has ended well; its request was counted when it was ordered."""
        model = record["model"] if record["price_version"] else OTHER
        place = record["platform"], model
        self._of(series.COST, *place)[0] += record["cost_micros"]
        for kind in ("prompt", "cached", "completion", "reasoning"):
            self._of(series.USED_TOKENS, *place, kind)[0] += record[f"{kind}_tokens"]

    def failed(self, platform: str, failure: Failure) -> None:
        """An attempt at a platform went wrong, or an answer broke off."""
        self._of(series.FAILURES, platform, failure.kind)[0] += 1

    def refused(self, error: BaseException) -> None:
        """A request ended by this error, which is counted if a limit or a budget is its cause."""
        if isinstance(error, LimitReached):
            self._of(series.REFUSALS, error.subject, error.what)[0] += 1
        elif isinstance(error, BudgetSpent):
            self._of(series.REFUSALS, "licence", f"budget_{error.window}")[0] += 1

    def _time(self, entry: "Entry", calls: _Calls) -> None:
        outcome = entry.outcome
        if outcome == Outcome.REFUSED:
            return
        elapsed_s = entry.elapsed_s()
        _observe(calls.seconds, _SECONDS, elapsed_s)
        first_byte_s = entry.first_byte_s
        if first_byte_s is not None:
            _observe(calls.first_byte, _FIRST_BYTE, first_byte_s)
        if entry.attempts or entry.waited_s:
            _observe(calls.queue_wait, _QUEUE_WAIT, entry.waited_s)
        if entry.attempts == 1 and outcome == Outcome.COMPLETED:
            # One attempt: between several the gateway waits on purpose.
            until_s = first_byte_s if entry.stream and first_byte_s is not None else elapsed_s
            own_s = until_s - entry.upstream_s - entry.waited_s
            _observe(calls.overhead, _OVERHEAD, max(own_s, 0.0))

    def _of(self, *key: str) -> list[float]:
        """This series' numbers, from now on."""
        found = self.numbers.get(key)
        if found is None:
            found = self.numbers[key] = SERIES[key[0]].zero()
        return found


def _observe(histogram: list[float], bounds: tuple[float, ...], seconds: float) -> None:
    histogram[0] += seconds
    histogram[1 + bisect_left(bounds, seconds)] += 1

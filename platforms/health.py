"""How one credential fares: what it carries, when it rests, and how it comes back. Pure.

A platform limits and fails by model, so rest is per model: a key that may not ask for one model now
may well ask for another. Only what is about the account itself (no credit, key refused) is about
the whole credential.
"""

import math
from collections import deque
from typing import Literal

Why = Literal["rate", "open", "trial", "full", "disabled"]
"""Why a credential cannot be used now: told to go slower; failing; being tried by one call; at its
own limits; out of service."""

FAILURES = 5
"""So many failures in a row open the breaker."""
OPEN_S, MOST_OPEN_S = 2.0, 60.0
"""The breaker's first pause and its longest; each failed trial doubles it."""
COOL_S, MOST_COOL_S = 1.0, 60.0
"""The same for a platform that says “slower” and not for how long."""
LEAST_COOL_S = 0.01
"""The least for one that says “in no time”; each that follows doubles it, up to COOL_S."""
MOST_RETRY_AFTER_S = 3600.0
"""A platform's own word is believed up to here; then it is asked again."""
_HOUR = 60  # minutes


class Rest:
    """Cooldown and breaker of one credential for one model. All times are of a monotonic clock."""

    __slots__ = ("cooling_until", "failures", "half_open", "openings", "rates", "since", "trying")

    def __init__(self) -> None:
        self.cooling_until = 0.0
        """Until when a platform's “slower” holds, or the breaker is open."""
        self.since = 0.0
        """When the rest began: what a call that began before tells is known already."""
        self.rates = 0
        self.failures = 0
        self.openings = 0
        self.half_open = False
        """The breaker was open: the next call is a trial."""
        self.trying = False

    def why(self, now: float) -> Why | None:
        """Why the model must not be asked for now; None: it may."""
        if self.trying:
            return "trial"
        if self.cooling_until > now:
            return "open" if self.half_open else "rate"
        return None

    def cool(self, now: float, began: float, seconds: float | None) -> float:
        """Rest for so long, or for longer each time where nothing was said. Until when.

        A cooldown only ever grows; `began` is when the call began that was told so.
        """
        if began >= self.since:
            self.rates += 1
            self.since = now
            self.trying = False
        doubled = 2 ** min(max(self.rates - 1, 0), 10)
        if seconds is None:
            seconds = min(COOL_S * doubled, MOST_COOL_S)
        else:  # “at once”, said again and again, is not believed for ever
            seconds = max(seconds, min(LEAST_COOL_S * doubled, COOL_S))
        until = now + min(seconds, MOST_RETRY_AFTER_S)
        self.cooling_until = max(self.cooling_until, until)
        return self.cooling_until

    def failed(self, now: float, began: float) -> bool:
        """Count a failure; whether that has opened the breaker."""
        if began < self.since:
            return False
        self.trying = False
        self.failures += 1
        if self.failures < FAILURES:  # which a trial's is not: only success forgets them
            return False
        self.since = now
        self.half_open = True
        pause_s = min(OPEN_S * 2 ** min(self.openings, 10), MOST_OPEN_S)
        self.openings += 1
        self.cooling_until = max(self.cooling_until, now + pause_s)
        return True

    def succeeded(self, now: float, began: float) -> bool:
        """The platform has answered; whether that ends the rest, so that nothing of it is kept.

        A “slower” that came meanwhile, of another call or process, is of a later moment and stays.
        """
        if began < self.since:
            return False
        self.trying = self.half_open = False
        self.failures = self.openings = 0
        return self.cooling_until <= now

    def begin(self) -> bool:
        """A call goes out; whether it is a half-open breaker's trial, and the only one."""
        is_trial = self.half_open and not self.trying
        self.trying = self.trying or is_trial
        return is_trial


class Health:
    """One credential: in service or not, its calls under way, its rests, its last hour."""

    __slots__ = (
        *("_minutes", "disabled", "full_until", "in_flight"),
        *("recovering", "reset_at", "rests", "well_since"),
    )

    def __init__(self) -> None:
        self.in_flight = 0
        self.disabled = ""
        """Why it is out of service; "": it is in service."""
        self.recovering = False
        """It was out of service, and no call has succeeded since."""
        self.full_until = 0.0
        """Its own limits are reached until then."""
        self.reset_at: object = None
        """The operator's last “enable now” that was obeyed."""
        self.well_since = 0.0
        """When that was: a refusal of a call that began before says nothing any more."""
        self.rests: dict[str, Rest] = {}
        self._minutes: deque[list[int]] = deque(maxlen=_HOUR)

    def why(self, model: str, now: float) -> Why | None:
        """Why it must not be used for this model now; None: it may."""
        if self.disabled:
            return "disabled"
        if self.full_until > now:
            return "full"
        rest = self.rests.get(model)
        return rest.why(now) if rest is not None else None

    def free_in(self, model: str, now: float) -> float:
        """Seconds until it may be used again; infinite while it is out of service.

        A trial's end is not known, only that it comes: 0.
        """
        if self.disabled:
            return math.inf
        rest = self.rests.get(model)
        until = max(self.full_until, rest.cooling_until if rest is not None else 0.0)
        return max(0.0, until - now)

    def rest(self, model: str) -> Rest:
        """The model's rest, made if need be."""
        found = self.rests.get(model)
        if found is None:
            found = self.rests[model] = Rest()
        return found

    def count(self, now: float, *, ok: bool) -> None:
        """Note how a call has ended, for the last hour's rate."""
        minute = int(now // 60)
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append([minute, 0, 0])
        self._minutes[-1][1 if ok else 2] += 1

    def last_hour(self, now: float) -> tuple[int, int]:
        """Calls that went well and calls that failed, of the last 60 minutes."""
        since = int(now // 60) - _HOUR
        recent = [counted for counted in self._minutes if counted[0] > since]
        return sum(one[1] for one in recent), sum(one[2] for one in recent)

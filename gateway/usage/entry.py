"""What is known of one request so far; in the end one line in the journal and one in the log."""

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from gateway.errors import ApiError, BadRequest
from gateway.metrics.counts import Metrics
from gateway.models import Outcome
from gateway.observe import AccessLog
from gateway.shapes import Json, RawHeaders, Reader, Usage
from gateway.usage.limit_headers import rate_headers
from gateway.usage.prices import cost_micros, prices
from gateway.usage.request_ids import new_request_id
from licences.errors import KeyMissing
from licences.holders import Holder
from licences.limits.reservation import Reservation
from platforms.routes import FREE, CredentialSpec, Route

if TYPE_CHECKING:
    from gateway.traces import Traces

_ERROR_LENGTH = 300


class Lines(Protocol):
    """Where finished requests are written: the journal."""

    def append(self, record: dict[str, Json]) -> None:
        """Write one line, now."""


class Entry:
    """One request, from its first header to its last byte."""

    __slots__ = (
        "_access",
        "_journal",
        "_metrics",
        "_started",
        "_traces",
        "asked_groups",
        "at_ns",
        "attempts",
        "cost_micros",
        "credential",
        "endpoint",
        "error",
        "first_byte_s",
        "holder",
        "id",
        "model",
        "outcome",
        "platform",
        "reader",
        "reservation",
        "retries",
        "route",
        "status",
        "stream",
        "took_s",
        "traceparent",
        "tried_at",
        "tries",
        "upstream_s",
        "usage",
        "waited_s",
        "written",
    )

    def __init__(
        self,
        endpoint: str,
        platform: str,
        *,
        journal: Lines | None,
        access: AccessLog,
        metrics: Metrics,
        traces: "Traces | None",
    ) -> None:
        """`journal` None: this endpoint uses nothing that is booked."""
        self._journal, self._access = journal, access
        self._metrics, self._traces = metrics, traces
        self._started = time.monotonic()
        self.at_ns = time.time_ns()
        self.id = new_request_id(self.at_ns)
        self.endpoint, self.platform = endpoint, platform
        self.holder: Holder | None = None
        self.route: Route | None = None
        self.credential: CredentialSpec | None = None
        self.model = ""
        self.stream = False
        self.attempts = 0
        self.tries: list[dict[str, Json]] = []
        """What became of each attempt: platform, model, credential, milliseconds, failure."""
        self.tried_at: list[float] = []
        """When each attempt began, in seconds after the call."""
        self.traceparent = ""
        """The caller's span, as W3C's header says it."""
        self.retries: int | None = None
        """How many more attempts the caller allows after the first; None: as the site does."""
        self.asked_groups = ""
        """Names of credential groups that the caller asks for, with commas between."""
        self.waited_s = 0.0
        """Waited for a credential that may be used."""
        self.upstream_s = 0.0
        """Spent in attempts: until the whole answer, or a stream's first event."""
        self.usage: Usage | None = None
        self.cost_micros = 0  # of that usage
        self.reader: Reader | None = None
        """Of the stream that is relayed; it knows what came so far."""
        self.reservation: Reservation | None = None
        """What is held of limits and budgets; None: nothing limits this call."""
        self.first_byte_s: float | None = None
        """After the beginning; None: the client had nothing yet."""
        self.took_s: float | None = None  # None: it is under way
        self.status = 0
        self.outcome: Outcome | None = None
        self.error: ApiError | None = None
        self.written = False

    @property
    def caller(self) -> Holder:
        """Who calls. Raises KeyMissing before that is known."""
        if self.holder is None:
            raise KeyMissing
        return self.holder

    def read_hints(self, group: bytes, retries: bytes) -> None:
        """Take note of the headers x-tokens-group and x-tokens-retries. Raises BadRequest."""
        self.asked_groups = group.decode("latin-1")
        if retries:
            if not (retries.isdigit() and len(retries) <= 3):
                raise BadRequest(
                    "The header x-tokens-retries must be a whole number: how many more attempts "
                    "may follow the first.",
                    param="x-tokens-retries",
                )
            self.retries = int(retries)

    def used(self, usage: Usage) -> None:
        """Take note of what it has used, and so has cost on the route that has answered."""
        self.usage = usage
        if self.route is not None:
            self.cost_micros = cost_micros(self.route.price, usage)

    async def settle(self) -> None:
        """Count what was used instead of what was reserved; after `write`, see `limited`."""
        if self.reservation is not None:
            usage = self.usage
            used = usage.prompt_tokens + usage.completion_tokens if usage else 0
            await self.reservation.settle(tokens=used, cost_micros=self.cost_micros)

    def headers(self) -> RawHeaders:
        """What every answer tells of its making."""
        told = [(b"x-request-id", self.id.encode("ascii"))]
        if self.reservation is not None:
            told += rate_headers(self.reservation.rates)
        if self.attempts:
            told.append((b"x-tokens-attempts", b"%d" % self.attempts))
            told.append((b"x-tokens-platform", self.platform.encode("ascii", "replace")))
        return told

    def first_byte(self) -> None:
        """The client's first byte of answer goes out now."""
        if self.first_byte_s is None:
            self.first_byte_s = self.elapsed_s()

    @property
    def first_byte_ms(self) -> int | None:
        """The same in milliseconds, as it is booked."""
        return None if self.first_byte_s is None else int(self.first_byte_s * 1000)

    def elapsed_s(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._started

    def forget_journal(self) -> None:
        """Log it, but do not book it: something else, such as a media task, is booked for it."""
        self._journal = None

    @contextlib.contextmanager
    def booked_elsewhere(self) -> Iterator[None]:
        """Forget the journal, unless what is done here is refused."""
        journal, self._journal = self._journal, None
        try:
            yield
        except Exception:
            self._journal = journal
            raise

    def write(self, outcome: Outcome, status: int, error: ApiError | None = None) -> None:
        """Write the lines, once. To be called before the client has the last byte.

        Calls without a licence are logged but not booked: there is nobody to book them on.
        """
        if self.written:
            return
        self.written = True
        self.took_s = self.elapsed_s()
        self.outcome, self.status, self.error = outcome, status, error
        if self._journal is not None and self.holder is not None:
            self._journal.append(self._record(self.holder))
        if self._access.enabled:
            self._access.write(self._line)
        self._metrics.finished(self)
        if self._traces is not None:
            self._traces.finished(self)

    def _elapsed_ms(self) -> int:
        return int((self.elapsed_s() if self.took_s is None else self.took_s) * 1000)

    def _record(self, holder: Holder) -> dict[str, Json]:
        """A UsageRecord, by field names; what is not named has its default."""
        route, credential, usage = self.route, self.credential, self.usage
        record: dict[str, Json] = {
            "request_id": self.id,
            "at": self.at_ns // 1000,
            "licence_id": holder.id,
            "licence_name": holder.name,
            "platform": self.platform[:50],
            "endpoint": self.endpoint,
            "model": self.model[:200],
            "upstream_model": route.upstream_model[:200] if route else "",
            "stream": self.stream,
            "outcome": str(self.outcome),
            "status": self.status,
            "attempts": self.attempts,
            "first_byte_ms": self.first_byte_ms,
            "latency_ms": self._elapsed_ms(),
        }
        if len(self.tries) > 1 or (self.tries and "failure" in self.tries[0]):
            record["tries"] = [
                {**tried, "at_ms": int(at_s * 1000)}
                for tried, at_s in zip(self.tries, self.tried_at, strict=True)
            ]
        if credential is not None and credential.id:
            record["credential_id"] = credential.id
            record["credential_name"] = credential.name
        if usage is not None:
            price = route.price if route else FREE
            record["prompt_tokens"] = usage.prompt_tokens
            record["cached_tokens"] = usage.cached_tokens
            record["cache_write_tokens"] = usage.cache_write_tokens
            record["completion_tokens"] = usage.completion_tokens
            record["reasoning_tokens"] = usage.reasoning_tokens
            record["measured"] = usage.measured
            if price.version:
                record["cost_micros"] = self.cost_micros
                record["price_version"] = price.version
                record["prices"] = prices(price)
        if self.error is not None:
            record["error_code"] = (self.error.code or "")[:60]
            # A caller's own mistakes are told to him alone: their sentences may hold contents.
            if self.status >= 500 or self.status == 429:
                record["error"] = self.error.message[:_ERROR_LENGTH]
        return record

    def _line(self) -> dict[str, Json]:
        """One access line: who, what, how long; never a key, never contents."""
        usage = self.usage
        return {
            "at": self.at_ns // 1000,
            "request": self.id,
            "endpoint": self.endpoint,
            "licence": self.holder.start if self.holder else None,
            "platform": self.platform,
            "model": self.model,
            "credential": self.credential.name if self.credential else None,
            "status": self.status,
            "outcome": str(self.outcome),
            "code": self.error.code if self.error else None,
            "prompt_tokens": usage.prompt_tokens if usage else 0,
            "completion_tokens": usage.completion_tokens if usage else 0,
            "attempts": self.attempts,
            "first_byte_ms": self.first_byte_ms,
            "latency_ms": self._elapsed_ms(),
        }

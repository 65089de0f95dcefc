"""What follows from a failure of an upstream: one table. Pure.

A protocol says what a failure *is* (`Failure.kind`); this table says what is done about it.
"""

from dataclasses import dataclass
from typing import Literal

from gateway.shapes import FailureKind

Again = Literal["never", "other", "same"]
Means = Literal["cool", "disable", "count", "keep"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a kind of failure means for the call and for its caller."""

    again: Again
    """Try once more: `other`: with another credential, if there is one; `same`: also with the same,
    which only a connection that was closed before any answer justifies: the rest may be billed."""
    credential: Means
    """What it says of the credential: `cool`: asked too often, it rests; `disable`: out of service
    until a probe goes well; `count`: the breaker counts it; `keep`: nothing, it is well."""
    status: int
    """HTTP status towards the caller, if it comes to that."""
    type: str
    code: str | None = None
    """None: the upstream's own code."""
    sentence: str = ""
    """Told instead of the upstream's message, where that is about the operator's account."""

    @property
    def elsewhere(self) -> bool:
        """The platform could not, so a fallback may; and the console shows what was wrong."""
        return self.credential != "keep"


_INVALID = "invalid_request_error"

VERDICTS: dict[FailureKind, Verdict] = {
    "rate": Verdict("other", "cool", 429, "rate_limit_error", "rate_limit_exceeded"),
    "quota": Verdict(
        "other",
        "disable",
        503,
        "service_unavailable_error",
        "upstream_quota_exhausted",
        "The operator's account with this platform has no credit left.",
    ),
    "key": Verdict(
        "other",
        "disable",
        502,
        "server_error",
        "upstream_credential_refused",
        "The platform refused the gateway's credential. Your licence is fine; tell the operator.",
    ),
    "overloaded": Verdict(
        "other", "count", 503, "service_unavailable_error", "server_is_overloaded"
    ),
    "unreachable": Verdict("same", "count", 502, "server_error", "upstream_unreachable"),
    "timeout": Verdict("other", "count", 504, "server_error", "upstream_timeout"),
    "broken": Verdict("other", "count", 502, "server_error", "upstream_error"),
    "not_found": Verdict("never", "keep", 404, _INVALID, "model_not_found"),
    "context_length": Verdict("never", "keep", 400, _INVALID, "context_length_exceeded"),
    "content_filter": Verdict("never", "keep", 400, _INVALID, "content_filter"),
    "bad_request": Verdict("never", "keep", 400, _INVALID),
}

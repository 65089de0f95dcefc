"""What follows from a failure of an upstream: one table. Pure.

A protocol says what a failure *is* (`Failure.kind`); this table says what is done about it.
"""

from dataclasses import dataclass
from typing import Literal

from gateway.shapes import FailureKind

Again = Literal["never", "other", "same"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a kind of failure means for the call and for its caller."""

    again: Again
    """Try once more: `other`: with another credential, if there is one; `same`: also with the same,
    which only a connection that was closed before any answer justifies: the rest may be billed."""
    status: int
    """HTTP status towards the caller, if it comes to that."""
    type: str
    code: str | None = None
    """None: the upstream's own code."""
    sentence: str = ""
    """Told instead of the upstream's message, where that is about the operator's account."""
    noted: bool = False
    """The credential's row in the admin shows this failure."""


_INVALID = "invalid_request_error"

VERDICTS: dict[FailureKind, Verdict] = {
    "rate": Verdict("other", 429, "rate_limit_error", "rate_limit_exceeded", noted=True),
    "quota": Verdict(
        "other",
        503,
        "service_unavailable_error",
        "upstream_quota_exhausted",
        "The operator's account with this platform has no credit left.",
        noted=True,
    ),
    "key": Verdict(
        "other",
        502,
        "server_error",
        "upstream_credential_refused",
        "The platform refused the gateway's credential. Your licence is fine; tell the operator.",
        noted=True,
    ),
    "overloaded": Verdict("other", 503, "service_unavailable_error", "server_is_overloaded"),
    "unreachable": Verdict("same", 502, "server_error", "upstream_unreachable"),
    "timeout": Verdict("other", 504, "server_error", "upstream_timeout"),
    "broken": Verdict("other", 502, "server_error", "upstream_error"),
    "not_found": Verdict("never", 404, _INVALID, "model_not_found"),
    "context_length": Verdict("never", 400, _INVALID, "context_length_exceeded"),
    "content_filter": Verdict("never", 400, _INVALID, "content_filter"),
    "bad_request": Verdict("never", 400, _INVALID),
}

"""What the errors of OpenAI's protocol mean, in all the shapes that are about. Pure."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import orjson

from gateway.shapes import Codes, Failure, FailureKind, Json

_QUOTA_CODES = frozenset(
    (
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "billing_hard_limit_reached",
        "exceeded_current_quota_error",  # Moonshot
    )
)
_CODES: dict[str, FailureKind] = {
    "context_length_exceeded": "context_length",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "model_not_found": "not_found",
}
_STATUSES: dict[int, FailureKind] = {
    401: "key",
    402: "quota",
    403: "key",
    404: "not_found",
    408: "timeout",
    429: "rate",
    451: "content_filter",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
_BROKEN_OFF: dict[str, FailureKind] = {
    "error": "broken",  # OpenRouter, Mistral
    "network_error": "broken",  # Zhipu
    "insufficient_system_resource": "overloaded",  # DeepSeek
}
_ANSWERS = ("choices", "data", "output", "id")
"""What a body has that is an answer, and no error's."""
_FINE = (0, "0", 200, "200")  # codes that are no error's
_MESSAGE_LENGTH = 2000  # characters of an upstream's message that are passed on


def failure_of(status: int, headers: Mapping[str, str], body: bytes, codes: Codes = ()) -> Failure:
    """The platform's own code first, then status and code; no message is ever searched."""
    message, kind_name, code, param = error_fields(body)
    own = next((kind for known, kind in codes if known in (code, kind_name)), None)
    if own is not None:
        kind: FailureKind = own
    elif code in _QUOTA_CODES or kind_name in _QUOTA_CODES:
        kind = "quota"
    elif code in _CODES and status < 500:
        kind = _CODES[code]
    elif status in _STATUSES:
        kind = _STATUSES[status]
    else:
        kind = "bad_request" if 400 <= status < 500 else "broken"
    if not message:
        what = "a redirect" if 300 <= status < 400 else "no message that could be read"
        message = f"The platform answered {status} with {what}."
    return Failure(
        kind,
        message,
        status=status,
        code=code,
        param=param,
        retry_after_s=retry_after_s(headers),
    )


def failure_in(body: dict[str, Json], codes: Codes = ()) -> Failure | None:
    """An error where an answer or chunk should be; it comes with status 200.

    `{"error": …}`, and in an answer without choices a code and a message (SiliconFlow, old vLLM);
    and MiniMax's `base_resp`.
    """
    if (
        not _base_error(body)
        and not body.get("error")
        and (
            any(body.get(name) for name in _ANSWERS)
            or not (body.get("message") or body.get("msg"))
            or (body.get("code", 0) in _FINE and body.get("object") != "error")
        )
    ):
        return None
    message, kind_name, code, param = error_fields(orjson.dumps(body))
    own = next((kind for known, kind in codes if known in (code, kind_name)), None)
    kind: FailureKind = own or "broken"
    if own is not None:
        pass
    elif code in _QUOTA_CODES or kind_name in _QUOTA_CODES:
        kind = "quota"
    elif code is not None and code in _CODES:
        kind = _CODES[code]
    elif code is not None and code.isdecimal() and int(code) in _STATUSES:
        kind = _STATUSES[int(code)]  # OpenRouter puts the HTTP status there
    elif code == "rate_limit_exceeded":
        kind = "rate"
    return Failure(kind, message or "The platform reported an error.", code=code, param=param)


def broken_off(reason: str) -> Failure | None:
    """The failure that a finish reason tells of: a cut must not look like the end of an answer."""
    kind = _BROKEN_OFF.get(reason)
    return Failure(kind, f"The platform broke its answer off: {reason}.") if kind else None


def error_fields(body: bytes) -> tuple[str, str | None, str | None, str | None]:
    """Message, type, code and param of an error body, in the shapes that are about."""
    try:
        error = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", None, None, None
    if isinstance(error, list) and error:  # Google wraps its error in a list
        error = error[0]
    if isinstance(error, dict) and error.get("error"):
        inner = error["error"]
        error = inner if isinstance(inner, dict) else {"message": inner}
    if not isinstance(error, dict):
        error = {"message": error}
    error = _base_error(error) or error
    message = error.get("message") or error.get("detail") or error.get("msg") or ""
    if not isinstance(message, str):
        message = orjson.dumps(message).decode()
    kind, code, param = (error.get(name) for name in ("type", "code", "param"))
    return (
        message[:_MESSAGE_LENGTH],
        kind if isinstance(kind, str) else None,
        str(code) if isinstance(code, str | int) and not isinstance(code, bool) else None,
        param if isinstance(param, str) else None,
    )


def _base_error(body: dict[str, Json]) -> dict[str, Json] | None:
    """MiniMax's error, if it is one: `base_resp` stands in good answers too, with code 0."""
    base = body.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        return {"code": base["status_code"], "message": base.get("status_msg")}
    return None


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (seconds or an HTTP date against `date`)."""
    try:
        if value := headers.get("retry-after-ms"):
            return max(0.0, float(value) / 1000)
        if not (value := headers.get("retry-after")):
            return None
        if value.strip().replace(".", "", 1).isdecimal():
            return float(value)
        # The upstream's own clock, so that no other is needed.
        now = parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None

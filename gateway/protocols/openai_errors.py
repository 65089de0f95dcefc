"""What the errors of OpenAI's protocol mean, in all the shapes that are about. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from gateway.protocols.refusals import about
from gateway.protocols.waits import wait_s
from gateway.shapes import Codes, Failure, FailureKind, Json

_QUOTA_CODES = frozenset(
    (
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "billing_hard_limit_reached",
        "billing_not_active",
        "insufficient_balance",
        "insufficient_user_quota",  # one-api and its kin, with a 403
        "exceeded_current_quota_error",  # Moonshot
    )
)
_CODES: dict[str, FailureKind] = {
    "context_length_exceeded": "context_length",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "model_not_found": "not_found",
    # These come with a 403 and say nothing against the credential.
    "unsupported_country_region_territory": "not_found",
    "model_permission_blocked_org": "not_found",  # Groq
    "model_permission_blocked_project": "not_found",
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


class Fields(NamedTuple):
    """What an error object says, in whichever shape."""

    message: str
    type: str | None
    code: str | None
    param: str | None
    error: Mapping[str, Json]
    """The object itself."""


def failure_of(status: int, headers: Mapping[str, str], body: bytes, codes: Codes = ()) -> Failure:
    """The platform's own code first, then code and status; then what words alone tell apart."""
    said = error_fields(body)
    kind = own_kind(said, codes) or _by_code(said, status)
    if kind is None:
        kind = _STATUSES.get(status, "bad_request" if 400 <= status < 500 else "broken")
        if status == 403 and body.lstrip()[:1] == b"<":
            kind = "broken"  # a firewall's page: the platform has not seen the credential
        kind = about(kind, said.message, said.error)
    message = said.message
    if not message:
        what = "a redirect" if 300 <= status < 400 else "no message that could be read"
        message = f"The platform answered {status} with {what}."
    return Failure(
        kind,
        message,
        status=status,
        code=said.code,
        param=said.param,
        retry_after_s=wait_s(headers, _details(kind, said), windows=kind == "rate"),
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
    said = error_fields(orjson.dumps(body))
    kind = own_kind(said, codes) or _by_code(said)
    if kind is None:
        # OpenRouter puts the HTTP status there.
        number = int(said.code) if said.code is not None and said.code.isdecimal() else 0
        kind = "rate" if said.code == "rate_limit_exceeded" else _STATUSES.get(number, "broken")
        kind = about(kind, said.message, said.error)
    message = said.message or "The platform reported an error."
    wait = wait_s({}, _details(kind, said))
    return Failure(kind, message, code=said.code, param=said.param, retry_after_s=wait)


def _details(kind: FailureKind, said: Fields) -> Json:
    """Google's, of which a wait may be read; with a day's quota comes that for the minute's."""
    return said.error.get("details") if kind != "quota" else None


def own_kind(said: Fields, codes: Codes) -> FailureKind | None:
    """What the platform's own codes say."""
    return next((kind for known, kind in codes if known in (said.code, said.type)), None)


def _by_code(said: Fields, status: int = 400) -> FailureKind | None:
    """What the code alone says; one about the request is not believed beside a 5xx."""
    if said.code in _QUOTA_CODES or said.type in _QUOTA_CODES:
        return "quota"
    return _CODES.get(said.code or "") if status < 500 else None


def broken_off(reason: str) -> Failure | None:
    """The failure that a finish reason tells of: a cut must not look like the end of an answer."""
    kind = _BROKEN_OFF.get(reason)
    return Failure(kind, f"The platform broke its answer off: {reason}.") if kind else None


def error_fields(body: bytes) -> Fields:
    """What an error body says, in the shapes that are about."""
    try:
        error = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Fields("", None, None, None, {})
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
    return Fields(
        message[:_MESSAGE_LENGTH],
        kind if isinstance(kind, str) else None,
        str(code) if isinstance(code, str | int) and not isinstance(code, bool) else None,
        param if isinstance(param, str) else None,
        error,
    )


def _base_error(body: dict[str, Json]) -> dict[str, Json] | None:
    """MiniMax's error, if it is one: `base_resp` stands in good answers too, with code 0."""
    base = body.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        return {"code": base["status_code"], "message": base.get("status_msg")}
    return None

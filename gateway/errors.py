"""Every error as a caller is told it: exception in, status, type, code and sentence out. Pure.

One table for ASGI endpoints, DRF views and events in the middle of a stream. Shapes and codes are
those of OpenAI's error guide, so that the official SDKs raise the class that their users expect.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from typing_extensions import override

from gateway.retry import VERDICTS
from gateway.shapes import Failure, Json, duration
from licences import errors as licences
from platforms import errors as platforms

INVALID = "invalid_request_error"


class ApiError(Exception):
    """An error in the shape in which it is answered: status, headers, `{"error": {…}}`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = INVALID,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.type = type
        self.code = code
        self.param = param
        self.headers = dict(headers or {})

    @override
    def __str__(self) -> str:
        return self.message

    def body(self) -> dict[str, Json]:
        """OpenAI's error object; all four keys are always there."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }


class BadRequest(ApiError):
    """A 400 that names the field, what is wrong with it and what would be right."""

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = "invalid_value"
    ) -> None:
        super().__init__(400, message, param=param, code=code)


def not_found(path: str) -> ApiError:
    """The answer for a path that the gateway does not serve."""
    return ApiError(
        404,
        f"Nothing is served at {path}. Paths look like /<platform>/v1/chat/completions or "
        "/<platform>/v1/models.",
        code="unknown_path",
    )


def method_not_allowed(method: str, allowed: str) -> ApiError:
    """The answer for a path that exists, called by another method."""
    return ApiError(
        405,
        f"{method} is not allowed here; use {allowed}.",
        code="method_not_allowed",
        headers={"Allow": allowed},
    )


def explain(error: BaseException) -> ApiError:
    """Any exception as the error that a caller is answered. Unknown ones are a 500 without detail.

    Looked up along the exception's classes, nearest first.
    """
    if isinstance(error, ApiError):
        return error
    for cls in type(error).__mro__:
        if cls in _EXPLANATIONS:
            return _EXPLANATIONS[cls](error)
    return ApiError(
        500,
        "The gateway failed on this request. Its operator finds the details in the log under the "
        "request's id.",
        type="server_error",
        code="internal_error",
    )


def _unauthorised(message: str, code: str) -> ApiError:
    return ApiError(401, message, code=code, headers={"WWW-Authenticate": "Bearer"})


def _key_missing(_error: Any) -> ApiError:
    return _unauthorised(
        "No licence came with this request. Send it as “Authorization: Bearer <licence>”.",
        "invalid_api_key",
    )


def _key_unknown(error: licences.KeyUnknown) -> ApiError:
    return _unauthorised(
        f"The licence {error.shown} is not known here. Check that it was copied whole; a rotated "
        "licence stops working when its overlap ends.",
        "invalid_api_key",
    )


def _revoked(error: licences.LicenceRevoked) -> ApiError:
    if error.revoked:
        return _unauthorised(
            "This licence was revoked. Ask the operator for a new one.", "licence_revoked"
        )
    return _unauthorised(
        "This licence is switched off. Ask the operator to enable it.", "licence_disabled"
    )


def _expired(error: licences.LicenceExpired) -> ApiError:
    return _unauthorised(
        f"This licence expired at {error.when}. Ask the operator to extend it.", "licence_expired"
    )


def _not_yet(error: licences.LicenceNotYetValid) -> ApiError:
    return _unauthorised(
        f"This licence is valid from {error.when} on, not before.", "licence_not_yet_valid"
    )


def _not_allowed(error: licences.NotAllowed) -> ApiError:
    sentence = {
        "platform": "This licence may not call the platform “{}”.",
        "model": "This licence may not use the model “{}”.",
        "address": "This licence may not be used from the address {}.",
    }[error.subject].format(error.what)
    return ApiError(
        403,
        f"{sentence} Its operator can allow it.",
        type="permission_error",
        code="permission_denied",
        param="model" if error.subject == "model" else None,
    )


def _register_unavailable(_error: Any) -> ApiError:
    return ApiError(
        503,
        "The licence could not be looked up just now. Try again in a moment.",
        type="service_unavailable_error",
        code="licences_unavailable",
        headers={"Retry-After": "1"},
    )


def _limit_reached(error: licences.LimitReached) -> ApiError:
    seconds = max(1, math.ceil(error.retry_after_s))
    headers = {"Retry-After": str(seconds)}
    whose = {
        "licence": "this licence",
        "model": f"this licence's models “{error.name}”",
        "platform": f"the platform “{error.name}”, of all licences together,",
    }.get(error.subject, "this credential")
    if error.what == "reserved":
        return ApiError(
            429,
            "What is left of this licence's budget is reserved for calls that are under way. Try "
            "again when they have ended.",
            type="requests",
            code="rate_limit_exceeded",
            headers=headers,
        )
    if error.what == "concurrency":
        sentence = f"{error.limit} requests of {whose} are under way, the most at the same time."
        return ApiError(
            429,
            f"{sentence} Try again when one has ended.",
            type="requests",
            code="rate_limit_exceeded",
            headers=headers,
        )
    unit = "requests" if error.what == "rpm" else "tokens"
    headers |= {
        f"x-ratelimit-limit-{unit}": str(error.limit),
        f"x-ratelimit-remaining-{unit}": "0",
        f"x-ratelimit-reset-{unit}": duration(seconds),
    }
    return ApiError(
        429,
        f"The limit of {error.limit} {unit} per minute of {whose} is reached. Try again in "
        f"{seconds} s.",
        type=unit,
        code="rate_limit_exceeded",
        headers=headers,
    )


_WINDOWS = {"total": "in all", "day": "for this day (UTC)", "month": "for this month (UTC)"}
_ANEW = {
    "total": "Its operator can raise it.",
    "day": "It begins anew at midnight (UTC); its operator can raise it.",
    "month": "It begins anew on the first of the next month (UTC); its operator can raise it.",
}


def _budget_spent(error: licences.BudgetSpent) -> ApiError:
    headers = {"x-should-retry": "false"}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    return ApiError(
        429,
        f"The budget of this licence {_WINDOWS[error.window]} is spent: "
        f"{error.amount / 1_000_000:,.6g}. {_ANEW[error.window]}",
        type="insufficient_quota",
        code="insufficient_quota",
        headers=headers,
    )


def _limits_unavailable(_error: Any) -> ApiError:
    return ApiError(
        503,
        "The limits of this licence cannot be looked at just now, and it is not served without "
        "them. Try again in a moment.",
        type="service_unavailable_error",
        code="limits_unavailable",
        headers={"Retry-After": "2"},
    )


def _platform_unknown(error: platforms.PlatformUnknown) -> ApiError:
    return ApiError(
        404,
        f"There is no platform “{error.slug}” here, or it is switched off. The first part of the "
        "path is the platform's short name.",
        code="platform_not_found",
    )


def _model_unknown(error: platforms.ModelUnknown) -> ApiError:
    if not error.slug:
        return ApiError(
            404,
            f"There is no model “{error.model}” here that this licence may call. Write it as "
            "platform/model; GET /v1/models lists them.",
            code="model_not_found",
            param="model",
        )
    return ApiError(
        404,
        f"The platform “{error.slug}” has no model “{error.model}” here. "
        f"GET /{error.slug}/v1/models lists those that you may call.",
        code="model_not_found",
        param="model",
    )


def _no_credential(error: platforms.NoCredential) -> ApiError:
    return ApiError(
        503,
        f"No credential of the platform “{error.slug}” is in service. Its operator can add or "
        "enable one.",
        type="service_unavailable_error",
        code="no_credential",
    )


def _all_resting(error: platforms.AllResting) -> ApiError:
    seconds = max(1, math.ceil(error.seconds))
    headers = {"Retry-After": str(seconds)}
    if error.why in ("open", "trial"):
        return ApiError(
            503,
            f"The platform “{error.slug}” keeps failing and is given a pause. Try again in "
            f"{seconds} s.",
            type="service_unavailable_error",
            code="server_is_overloaded",
            headers=headers,
        )
    return ApiError(
        429,
        f"The platform “{error.slug}” takes no more requests just now with any of the operator's "
        f"keys. Try again in {seconds} s.",
        type="rate_limit_error",
        code="rate_limit_exceeded",
        headers=headers,
    )


def _upstream(error: Failure) -> ApiError:
    verdict = VERDICTS[error.kind]
    headers = {}
    if error.retry_after_s is not None and verdict.status in (429, 503):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    message = verdict.sentence or error.message
    return ApiError(
        verdict.status,
        message,
        type=verdict.type,
        code=verdict.code or error.code,
        param=error.param if verdict.status == 400 else None,
        headers=headers,
    )


_EXPLANATIONS: dict[type[BaseException], Callable[[Any], ApiError]] = {
    licences.KeyMissing: _key_missing,
    licences.KeyUnknown: _key_unknown,
    licences.LicenceRevoked: _revoked,
    licences.LicenceExpired: _expired,
    licences.LicenceNotYetValid: _not_yet,
    licences.NotAllowed: _not_allowed,
    licences.RegisterUnavailable: _register_unavailable,
    licences.LimitReached: _limit_reached,
    licences.BudgetSpent: _budget_spent,
    licences.LimitsUnavailable: _limits_unavailable,
    platforms.PlatformUnknown: _platform_unknown,
    platforms.ModelUnknown: _model_unknown,
    platforms.NoCredential: _no_credential,
    platforms.AllResting: _all_resting,
    Failure: _upstream,
}

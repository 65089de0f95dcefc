"""What answers that are no 200 mean, for the wires with words of their own."""

from typing import Any

import orjson
import pytest

from gateway.protocols import PROTOCOLS

KEY_INVALID = {
    "code": 400,
    "message": "API key not valid.",
    "status": "INVALID_ARGUMENT",
    "details": [{"@type": "…/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
}
SLOW_DOWN = {
    "code": 429,
    "message": "Quota.",
    "status": "RESOURCE_EXHAUSTED",
    "details": [{"@type": "…/google.rpc.RetryInfo", "retryDelay": "12.5s"}],
}


def exhausted(per: str) -> dict[str, Any]:
    """Google's own sentence is the same for a minute's and for a day's quota."""
    quota = f"GenerateRequestsPer{per}PerProjectPerModel-FreeTier"
    return {
        "code": 429,
        "message": "You exceeded your current quota, please check your plan and billing details.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": "…/google.rpc.QuotaFailure", "violations": [{"quotaId": quota}]},
            {"@type": "…/google.rpc.RetryInfo", "retryDelay": "34.07s"},
        ],
    }


@pytest.mark.parametrize(
    ("protocol", "status", "body", "kind", "retry_after_s"),
    [
        ("gemini", 400, {"error": KEY_INVALID}, "key", None),
        ("gemini", 429, [{"error": SLOW_DOWN}], "rate", 12.5),
        (
            "gemini",
            400,
            {"error": {"status": "INVALID_ARGUMENT", "message": "x"}},
            "bad_request",
            None,
        ),
        ("gemini", 429, {"error": exhausted("Minute")}, "rate", 34.07),
        ("gemini", 429, {"error": exhausted("Day")}, "quota", None),
        ("openai", 429, [{"error": exhausted("Minute")}], "rate", 34.07),
        ("openai", 429, [{"error": exhausted("Day")}], "quota", None),
        ("gemini", 402, {"error": {"message": "x"}}, "quota", None),
        ("gemini", 403, {"error": {"status": "PERMISSION_DENIED"}}, "key", None),
        ("gemini", 404, {"error": {"status": "NOT_FOUND"}}, "not_found", None),
        ("gemini", 500, {"error": {"status": "INTERNAL"}}, "broken", None),
        ("gemini", 503, {"error": {"status": "UNAVAILABLE"}}, "overloaded", None),
        ("gemini", 502, b"<html>", "broken", None),
        ("gemini", 400, b"", "bad_request", None),
        ("gemini", 400, [], "bad_request", None),
        ("gemini", 400, {"error": "words"}, "bad_request", None),
        ("zhipu", 400, {"error": {"code": "1301", "message": "x"}}, "content_filter", None),
        ("zhipu", 429, {"error": {"code": "1113", "message": "x"}}, "quota", None),
        ("zhipu", 429, {"error": {"code": "1302", "message": "x"}}, "rate", None),
        ("zhipu", 401, {"error": {"code": "1002", "message": "x"}}, "key", None),
        ("ark", 403, {"error": {"code": "AccountOverdueError", "message": "x"}}, "quota", None),
        (
            "ark",
            400,
            {"error": {"code": "InputTextSensitiveContentDetected"}},
            "content_filter",
            None,
        ),
        ("dashscope", 429, {"code": "Throttling.RateQuota", "message": "x"}, "rate", None),
        (
            "dashscope",
            400,
            {"code": "DataInspectionFailed", "message": "x"},
            "content_filter",
            None,
        ),
        ("dashscope", 403, {"code": "Model.AccessDenied", "message": "x"}, "not_found", None),
        ("dashscope", 403, {"code": "AccessDenied", "message": "x"}, "key", None),
        ("dashscope", 401, {"code": "InvalidApiKey", "message": "x"}, "key", None),
        ("dashscope", 400, {"code": "Arrearage", "message": "x"}, "quota", None),
        ("dashscope", 400, {"code": "InvalidParameter", "message": "x"}, "bad_request", None),
    ],
)
def test_a_failure_means(
    protocol: str, status: int, body: Any, kind: str, retry_after_s: float | None
) -> None:
    data = body if isinstance(body, bytes) else orjson.dumps(body)

    failure = PROTOCOLS[protocol].failure(status, {}, data)

    assert (failure.kind, failure.retry_after_s) == (kind, retry_after_s)
    assert failure.message


def test_geminis_models_are_named_without_their_folder() -> None:
    body = orjson.dumps({"models": [{"name": "models/gemini-x"}, {"name": 5}, "odd"]})

    assert PROTOCOLS["gemini"].model_names(body) == ["gemini-x"]

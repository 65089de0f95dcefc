"""What a refusal is about: the key, a model, the client's own words, or money."""

from typing import Any

import orjson
import pytest

from gateway.protocols import PROTOCOLS

PERMISSION = "permission_error"


def openai(status: int, message: str = "x", **fields: Any) -> tuple[str, int, Any]:
    return "openai", status, {"error": {"message": message, **fields}}


def anthropic(
    status: int, message: str, type: str = "invalid_request_error"
) -> tuple[str, int, Any]:
    return "anthropic", status, {"type": "error", "error": {"type": type, "message": message}}


def google(status: int, message: str, name: str = "PERMISSION_DENIED") -> tuple[str, int, Any]:
    return "gemini", status, {"error": {"message": message, "status": name}}


VERTEX = "//aiplatform.googleapis.com/projects/p/locations/l/publishers/google/models/m"
REFUSALS: dict[str, list[tuple[str, int, Any]]] = {
    "not_found": [
        openai(403, code="model_not_found"),
        openai(403, "Project `p` does not have access to model `gpt-5.1`."),
        openai(401, "Key not allowed to access model. It can only access x."),
        openai(403, "You are not allowed to sample from this model"),
        openai(403, "The model gpt-4.1 isn't available to this team."),
        openai(403, "Your organization must be verified to use the model `gpt-image-1`. Go to x."),
        openai(403, code="unsupported_country_region_territory"),
        openai(403, "Country, region, or territory not supported"),
        openai(403, "该令牌无权访问模型 gpt-5"),
        openai(403, "Model disabled."),
        openai(403, "This model requires real-name verification"),
        openai(403, "Access denied. Please check your network settings."),
        openai(402, "The model has not been enabled in the console."),
        anthropic(403, "Your organization does not have access to claude-opus-4-7.", PERMISSION),
        anthropic(403, "Your key may not be used with this model.", PERMISSION),
        anthropic(403, "Request not allowed", "forbidden"),
        ("anthropic", 403, {"message": "You don't have access to the model with the given ID."}),
        ("anthropic", 403, {"message": "x is not authorized on y::foundation-model/m.v1"}),
        google(403, f"Permission 'aiplatform.endpoints.predict' denied on resource '{VERTEX}'."),
        google(400, "User location is not supported for the API use.", "FAILED_PRECONDITION"),
    ],
    "key": [
        openai(401, "Incorrect API key provided.", code="invalid_api_key"),
        openai(401, "You have insufficient permissions. Missing scopes: model.request."),
        openai(401, "The `models` permission is required"),
        openai(401, "This model requires a valid API key."),
        openai(401, "Authentication Fails, Your api key: ****abcd is invalid"),
        openai(401, "You must be a member of an organization to use the API"),
        openai(403, "Your account was disabled for violating our policies"),
        ("openai", 401, b"<html>"),
        anthropic(401, "invalid x-api-key", "authentication_error"),
        anthropic(403, "Your API key does not have permission to use x.", PERMISSION),
        anthropic(400, "This organization has been disabled."),
        google(403, "Your API key was reported as leaked. Use another."),
        google(403, "Method doesn't allow unregistered callers"),
    ],
    "content_filter": [
        openai(403, "x requires moderation and your input was flagged"),
        openai(403, "Content violates usage guidelines. Team: t, API key ID: k, Model: m"),
    ],
    "context_length": [openai(403, "The input is longer than the context length.")],
    "broken": [
        ("openai", 403, b"<html>Blocked</html>"),
        ("gemini", 403, b" <html>Blocked</html>"),
    ],
    "quota": [
        openai(403, "Your newly created team doesn't have any credits yet."),
        openai(403, code="insufficient_user_quota"),
        openai(403, "Sorry, your account balance is insufficient"),
        openai(403, "Key limit exceeded (total limit). Manage it in the settings."),
        openai(402, "Insufficient Balance"),
        openai(402, "You do not have enough credits to use this model."),
        openai(429, code="insufficient_quota"),
        openai(429, type="insufficient_quota"),
        openai(429, "You exceeded your current quota, please check your plan."),
        openai(429, code="billing_not_active"),
        openai(400, code="billing_hard_limit_reached"),
        openai(400, "Billing hard limit has been reached"),
        anthropic(400, "Your credit balance is too low to access the API."),
        anthropic(400, "You have reached your specified workspace API usage limits."),
    ],
    "rate": [
        openai(429, "Rate limit reached for model x. You need more credits."),
        anthropic(429, "This would exceed your rate limit.", "rate_limit_error"),
    ],
    "bad_request": [  # what quotes the client says nothing of the account
        openai(400, "Bad 'user': Your credit balance is too low"),
        anthropic(400, "messages.0: 'Billing hard limit'"),
        anthropic(400, "messages.0: This organization has been disabled."),
    ],
}


@pytest.mark.parametrize(
    ("kind", "protocol", "status", "body"),
    [(kind, *case) for kind, cases in REFUSALS.items() for case in cases],
)
def test_a_refusal_is_about_the_key_only_where_it_says_so(
    kind: str, protocol: str, status: int, body: Any
) -> None:
    data = body if isinstance(body, bytes) else orjson.dumps(body)

    assert PROTOCOLS[protocol].failure(status, {}, data).kind == kind


def test_a_platforms_own_code_goes_before_what_the_protocol_knows() -> None:
    body = {"type": "error", "error": {"type": "rate_limit_error", "code": "1113", "message": "x"}}

    failure = PROTOCOLS["anthropic"].failure(429, {}, orjson.dumps(body), (("1113", "quota"),))

    assert failure.kind == "quota"

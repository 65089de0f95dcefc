"""The OpenAPI 3.1 document, put together from operations and schemas."""

from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from gateway.reference.operations import (
    AT_THE_ROOT,
    FORM,
    JSON,
    OPERATIONS,
    Operation,
    Parameter,
    Words,
)
from gateway.reference.schemas import SCHEMAS, ref

Document = dict[str, Any]
_HEADERS = ("x-request-id", "x-tokens-attempts", "x-tokens-platform", "x-tokens-dropped")


def document() -> Document:
    """The whole document, in the language that is active."""
    found: Document = _plain(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Tokens",
                "version": settings.TOKENS_VERSION,
                "summary": _("One OpenAI-shaped API to all platforms of this gateway."),
                "description": _introduction(),
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [
                {
                    "url": "/{platform}",
                    "description": _("A platform of this gateway."),
                    "variables": {
                        "platform": {
                            "default": "sandbox",
                            "description": _("The platform's short name."),
                        }
                    },
                },
                {
                    "url": "/",
                    "description": _("All platforms: the model names its own, `platform/model`."),
                },
            ],
            "tags": [{"name": name, "description": words} for name, words in _tags().items()],
            "security": [{"bearer": []}, {"apiKey": []}],
            "paths": _paths(),
            "components": {
                "schemas": {**SCHEMAS, "any": {"type": "object"}},
                "securitySchemes": {
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": _("A licence of this gateway: `tk-…`."),
                    },
                    "apiKey": {
                        "type": "apiKey",
                        "in": "header",
                        "name": "x-api-key",
                        "description": _(
                            "The same, as Anthropic's clients send it; `api-key` and "
                            "`x-goog-api-key` are taken, too."
                        ),
                    },
                },
            },
        }
    )
    return found


def _introduction() -> str:
    return _(
        "OpenAI's official SDKs work unchanged: give them the address of a platform here as base "
        "URL, and a licence as API key. Fields of requests that are not named travel on to the "
        "platform. Every answer has the header `x-request-id`, every error the shape of `Error`."
    )


def _tags() -> dict[str, str]:
    return {
        "chat": _("Conversations and embeddings"),
        "images": _("Pictures"),
        "videos": _("Films"),
        "models": _("Models"),
        "licence": _("The licence itself"),
        "operation": _("For operators"),
    }


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    for operation in AT_THE_ROOT:
        path = paths.setdefault(operation.path, {"servers": [{"url": "/"}]})
        path[operation.method] = _operation(operation)
    return paths


def _operation(operation: Operation) -> dict[str, Any]:
    headers = {name: {"schema": {"type": "string"}} for name in _HEADERS}
    found: dict[str, Any] = {
        "operationId": _id(operation),
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": {
            str(operation.status): {
                "description": _("Success."),
                "content": {kind: _content(name) for kind, name in operation.answers.items()},
                **({} if operation.open else {"headers": headers}),
            },
            **{str(status): _error(operation, status) for status in operation.errors},
        },
    }
    if operation.description:
        found["description"] = operation.description
    if operation.parameters:
        found["parameters"] = [_parameter(one) for one in operation.parameters]
    if operation.request:
        kinds = (JSON, FORM) if operation.forms else (JSON,)
        content = {kind: _content(operation.request) for kind in kinds}
        found["requestBody"] = {"required": True, "content": content}
    if operation.open:
        found["security"] = []
    return found


def _id(operation: Operation) -> str:
    words = operation.path.replace(":", "/").replace("{", "").replace("}", "").split("/")
    return "_".join([operation.method, *filter(None, words)]).replace(".", "_")


def _content(name: str) -> dict[str, Any]:
    """A schema, or "A or B"; nothing for bytes and text."""
    if not name:
        return {}
    names = name.split(" or ")
    schemas = [ref(one) for one in names]
    return {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.where == "path",
        "schema": parameter.schema,
        **({"description": parameter.description} if parameter.description else {}),
    }


def _error(operation: Operation, status: int) -> dict[str, Any]:
    found: dict[str, Any] = {"description": _reasons()[status]}
    if operation.error:
        found["content"] = {JSON: _content(operation.error)}
    if status in (429, 503):
        found["headers"] = {"Retry-After": {"schema": {"type": "string"}}}
    return found


def _reasons() -> dict[int, Words]:
    return {
        400: _("Something in the request is wrong; `param` names it."),
        401: _("No licence, an unknown one, or one that is not in force."),
        403: _("Not this platform, model or address."),
        404: _("No such platform, model, task or file."),
        408: _("The body did not arrive in time."),
        409: _("Not now: an idempotency key of another request, or a film still in the making."),
        410: _("A file or link whose time is over."),
        413: _("The body is too long."),
        415: _("The body is of a kind that is not read here."),
        416: _("A range beyond the end of the file."),
        429: _("A limit or budget is reached; `Retry-After` says when there is room."),
        500: _("A fault of the gateway; the log has it under the request's id."),
        502: _("The platform failed, or refused the operator's credential."),
        503: _("The platform is overloaded, or something of the gateway's is out of reach."),
        504: _("The platform took too long."),
    }


def _plain(value: Any) -> Any:
    """The same with lazy texts as texts."""
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value

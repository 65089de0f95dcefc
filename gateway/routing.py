"""ASGI paths to the endpoints that stream. What is not here is in urls.py."""

from django.urls import re_path

from gateway.client import Application
from gateway.endpoints.chat import chat
from gateway.endpoints.generate_content import generate_content
from gateway.endpoints.messages import count_tokens, messages
from gateway.endpoints.responses import responses

_METHODS = "generateContent|streamGenerateContent|countTokens"
_API: dict[str, Application] = {
    "v1/chat/completions": chat,
    "v1/messages": messages,
    "v1/messages/count_tokens": count_tokens,
    "v1/responses": responses,
    rf"v1(?:beta)?/models/(?P<model>(?s:.+)):(?P<method>{_METHODS})": generate_content,
}

# One regular expression per path, tried in order; the short name's characters are those that
# `platforms.models.Platform.slug` allows, and more, so that a wrong one is answered as unknown.
urlpatterns = [
    re_path(rf"^(?:(?P<platform>[^/]+)/)?{path}$", endpoint)  # type: ignore[arg-type] # ASGI
    for path, endpoint in _API.items()
]

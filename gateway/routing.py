"""ASGI paths to the endpoints that stream. What is not here is in urls.py."""

from django.urls import re_path

from gateway.endpoints.chat import chat

# One regular expression per path, tried in order; the short name's characters are those that
# `platforms.models.Platform.slug` allows, and more, so that a wrong one is answered as unknown.
urlpatterns = [
    re_path(r"^v1/chat/completions$", chat),  # type: ignore[arg-type] # ASGI
    re_path(r"^(?P<platform>[^/]+)/v1/chat/completions$", chat),  # type: ignore[arg-type] # ASGI
]

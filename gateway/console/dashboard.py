"""The console's start page: what is used, by whom, how well, and what just failed."""

from typing import Any

from django.http import HttpRequest


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the start page's template shows; called by django-unfold."""
    return context

"""The Content-Security-Policy of the console's pages: what they may load, run and talk to."""

from typing import Any

from csp.utils import build_policy
from django.http import HttpResponseBase
from unfold import fields

HEADER = "Content-Security-Policy"


def protect(response: HttpResponseBase) -> None:
    """Say it with this answer, unless its view has said something of its own."""
    if HEADER not in response:
        response[HEADER] = build_policy()


def plain_json() -> None:
    """Let unfold show JSON that may only be read as text: it would colour it with inline styles."""
    fields.prettify_json = _uncoloured


def _uncoloured(_data: Any, _encoder: Any) -> None:
    """What unfold's own answers where pygments is not installed."""

"""The Content-Security-Policy of the console's pages: what they may load, run and talk to."""

from csp.utils import build_policy
from django.http import HttpResponseBase

HEADER = "Content-Security-Policy"


def protect(response: HttpResponseBase) -> None:
    """Say it with this answer, unless its view has said something of its own."""
    if HEADER not in response:
        response[HEADER] = build_policy()

"""Signals of Django and django-axes, written into the audit; and when a session begins."""

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from gateway import audit
from gateway.audit import Kind
from gateway.console import gate


def connect() -> None:
    """Listen."""
    user_logged_in.connect(_signed_in, dispatch_uid="gateway.audit.in")
    user_logged_out.connect(_signed_out, dispatch_uid="gateway.audit.out")
    user_login_failed.connect(_refused, dispatch_uid="gateway.audit.refused")
    user_locked_out.connect(_locked, dispatch_uid="gateway.audit.locked")


def _signed_in(sender: Any, request: HttpRequest, user: Any, **_more: Any) -> None:
    gate.begin(request)
    audit.note(request, Kind.SIGN_IN, user=user)


def _signed_out(sender: Any, request: HttpRequest, user: Any, **_more: Any) -> None:
    if user is not None:
        audit.note(request, Kind.SIGN_OUT, user=user)


def _refused(sender: Any, credentials: Any, request: Any = None, **_more: Any) -> None:
    if request is not None and not getattr(request, "axes_locked_out", False):
        audit.note(request, Kind.REFUSED, username=credentials.get("username") or "")


def _locked(sender: Any, request: HttpRequest, username: str, **_more: Any) -> None:
    """Once, when it begins: who goes on trying fills no table."""
    if getattr(request, "axes_failures_since_start", None) is not None:
        audit.note(request, Kind.LOCKED, username=username or "")

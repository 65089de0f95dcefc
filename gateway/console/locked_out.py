"""What those see who tried too often: when to try again."""

from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from gateway.console import policy
from gateway.console.addresses import network_of


def answer(request: HttpRequest, _response: Any, credentials: Any) -> HttpResponse:
    """A page that says until when; called by django-axes.

    Its asynchronous middleware gives no credentials (8.3), but keeps them with the request.
    """
    given = credentials or getattr(request, "axes_credentials", None) or {}
    username = given.get("username") or ""
    attempts = AccessAttempt.objects.filter(username=username, ip_address=network_of(request))
    last = attempts.order_by("-attempt_time").values_list("attempt_time", flat=True).first()
    until = (last or timezone.now()) + settings.AXES_COOLOFF_TIME
    seconds = max(1, round((until - timezone.now()).total_seconds()))
    context = {
        **admin.site.each_context(request),
        "title": _("Too many tries"),
        "until": until,
        "minutes": -(-seconds // 60),
    }
    page = render(request, "console/locked_out.html", context, status=429)
    page["Retry-After"] = str(seconds)
    policy.protect(page)  # put in place of the view's answer after console_gate has seen that
    return page

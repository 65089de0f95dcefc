"""What stands before each page of the console: how long a session lasts, and what comes first."""

from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.translation import gettext as _

from gateway import audit
from gateway.console import confirming, second_factor

_SINCE = "since"
_SEEN = "seen"
_WRITTEN_EVERY_S = 300
_OPEN = (
    "console:login",
    "admin:logout",
    "admin:jsi18n",
    "admin:password_change",
    "admin:password_change_done",
)


def begin(request: HttpRequest) -> None:
    """Note when this session has begun; signing in counts as having confirmed."""
    now = timezone.now().timestamp()
    request.session[_SINCE] = request.session[_SEEN] = now
    request.session.set_expiry(settings.SESSION_COOKIE_AGE)
    confirming.note_fresh(request)


def answer_instead(request: HttpRequest) -> HttpResponse | None:
    """What the console answers in place of the page that was asked for; None: the page."""
    if not request.user.is_authenticated:
        return None
    if not _goes_on(request):
        logout(request)
        return redirect_to_login(request.get_full_path(), "admin:login")
    try:
        match = resolve(request.path_info)
    except Resolver404:
        return None
    if lacks_factor(request) and not _is_open(match.view_name):
        messages.warning(request, _("Set up a second factor first; the console asks for one."))
        return redirect("console:security")
    if match.view_name == "admin:password_change" and request.method == "POST":
        # Its form looks at the old password by itself, however often: nobody shall guess there.
        confirming.is_right(request, {"password": request.POST.get("old_password", "")})
        if getattr(request, "axes_locked_out", False):
            return redirect("admin:index")  # django-axes answers in place of this
    return confirming.ask_first(request, match)


def write_down(request: HttpRequest, response: HttpResponse, since: datetime) -> None:
    """Into the audit: what this request has done, of which there is no signal."""
    audit.take_in(request, request.user, since)
    match = request.resolver_match
    if match and match.view_name == "admin:password_change" and response.status_code == 302:
        audit.note(request, audit.Kind.PASSWORD, user=request.user)


def lacks_factor(request: HttpRequest) -> bool:
    """Whether this session must set up a second factor before it may do anything else."""
    needs = settings.TOKENS_REQUIRE_TOTP and request.user.is_staff
    return needs and not request.session.get(second_factor.PASSED)


def is_shut_out(request: HttpRequest) -> bool:
    """The same questions for what no middleware stands before: a socket, looked at again and again.

    Nothing is written, so an open page does not keep its session from becoming idle.
    """
    began = request.session.get(_SINCE)
    is_old = began is not None and timezone.now().timestamp() - began > settings.TOKENS_SESSION_S
    return is_old or lacks_factor(request)


def _goes_on(request: HttpRequest) -> bool:
    """Whether the session may go on. Being idle ends it by itself: its row expires."""
    session, now = request.session, timezone.now().timestamp()
    left = session.setdefault(_SINCE, now) + settings.TOKENS_SESSION_S - now
    if left <= 0:
        return False
    idle = settings.TOKENS_SESSION_IDLE_S
    if now - session.get(_SEEN, 0) >= min(_WRITTEN_EVERY_S, idle / 10):
        session[_SEEN] = now
        session.set_expiry(int(max(1, min(idle, left))))
    return True


def _is_open(name: str) -> bool:
    return name in _OPEN or name.startswith(("console:security", "console:confirm"))

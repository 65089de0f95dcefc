"""Signing in: name and password, then a code where a second factor is on. Nobody is in before."""

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model, login
from django.contrib.auth.signals import user_login_failed
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from typing_extensions import override

from gateway.console import second_factor
from gateway.console.forms import CodeForm
from gateway.console.locked_out import answer as locked_out

_PENDING = "signing_in"
_PENDING_S = 300


@method_decorator(never_cache, name="dispatch")
class SignIn(LoginView):
    """Name and password. In place of the admin's own, at the same path."""

    template_name = "admin/login.html"

    @override
    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if admin.site.has_permission(request):
            return redirect("admin:index")
        return super().get(request, *args, **kwargs)

    @override
    def get_form_class(self) -> Any:
        return admin.site.login_form

    @override
    def get_default_redirect_url(self) -> str:
        return reverse("admin:index")

    @override
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **super().get_context_data(**kwargs),
            **admin.site.each_context(self.request),
            "title": _("Log in"),
            "subtitle": None,
            "app_path": self.request.get_full_path(),
            "username": self.request.user.get_username(),
        }

    @override
    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        if not second_factor.is_on(user):
            return super().form_valid(form)
        self.request.session.cycle_key()
        self.request.session[_PENDING] = {
            "user": user.pk,
            "backend": user.backend,
            "hash": user.get_session_auth_hash(),
            "at": timezone.now().timestamp(),
        }
        query = urlencode({"next": self.get_success_url()})
        return redirect(f"{reverse('console:sign_in_code')}?{query}")


@never_cache
@sensitive_post_parameters()
@csrf_protect
def code(request: HttpRequest) -> HttpResponse:
    """The second step: a code of the app, or a recovery code."""
    pending = request.session.get(_PENDING)
    user = _pending_user(pending)
    if pending is None or user is None:
        request.session.pop(_PENDING, None)
        return redirect("admin:login")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        credentials = {"username": user.get_username()}
        if not AxesProxyHandler.is_allowed(request, credentials):
            return locked_out(request, None, credentials)
        if second_factor.passes(request, user, form.cleaned_data["code"]):
            login(request, user, pending["backend"])
            request.session.pop(_PENDING, None)
            request.session[second_factor.PASSED] = True
            return redirect(safe_next(request, request.GET.get("next", "")))
        # Counts like a wrong password; at the limit django-axes answers in place of this page.
        user_login_failed.send(__name__, credentials=credentials, request=request)
        form.add_error("code", _("This code is not right, was used before, or came too soon."))
    context = {**admin.site.each_context(request), "form": form, "title": _("Your code")}
    return render(request, "console/sign_in_code.html", context)


def safe_next(request: HttpRequest, path: str) -> str:
    """Where to go on to: a page of this console, or its start."""
    fine = url_has_allowed_host_and_scheme(
        path, allowed_hosts={request.get_host()}, require_https=settings.TOKENS_HTTPS
    )
    return path if fine and path.startswith("/") else reverse("admin:index")


def _pending_user(pending: Any) -> Any:
    """Who gave the right password within the last minutes, if it is still his."""
    if not pending or timezone.now().timestamp() - pending["at"] > _PENDING_S:
        return None
    user = get_user_model().objects.filter(pk=pending["user"], is_active=True).first()
    if user is None or not constant_time_compare(pending["hash"], user.get_session_auth_hash()):
        return None
    return user

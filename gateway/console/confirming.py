"""Sensitive actions ask again for the password, and for a code where a second factor is on.

Which pages these are is said here, by the names of their URLs: the apps they are in know nothing
of it. Asked is when the form is opened, so that nothing that was entered is lost; and again when it
is sent too late.
"""

from fnmatch import fnmatchcase
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import ResolverMatch, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from gateway.console import second_factor
from gateway.console.forms import PasswordAndCodeForm, PasswordForm
from gateway.console.pages import for_staff, page
from gateway.console.signing_in import safe_next

FORMS = (
    "admin:licences_licence_add",
    "admin:licences_licence_rotate",
    "admin:platforms_credential_add",
    "admin:platforms_credential_change",
    "admin:platforms_platform_change",
    "admin:auth_*_add",
    "admin:auth_*_change",
    "admin:auth_user_*change",
    "admin:auth_user_second_factor",
    "admin:gateway_alerttarget_add",
    "admin:gateway_alerttarget_change",
    "admin:gateway_alerttarget_secret",
    "admin:*_delete",
    "console:security_app",
    "console:security_codes",
)
"""Pages that ask, both when they are opened and when they are sent."""

ACTIONS = ("delete_selected", "revoke_selected")
"""Actions of lists that ask."""

_CONFIRMED = "confirmed_at"


def note_fresh(request: HttpRequest) -> None:
    """This session has just shown who it is."""
    request.session[_CONFIRMED] = timezone.now().timestamp()


def is_fresh(request: HttpRequest) -> bool:
    """Whether the password was entered not long ago."""
    since = timezone.now().timestamp() - request.session.get(_CONFIRMED, 0)
    return not settings.TOKENS_CONFIRM_S or since < settings.TOKENS_CONFIRM_S


def ask_first(request: HttpRequest, match: ResolverMatch) -> HttpResponse | None:
    """A way to the page that asks, where this request needs it; None where it may go on."""
    if not _is_sensitive(request, match) or is_fresh(request):
        return None
    query = {"next": request.get_full_path()}
    if request.method != "GET":
        query["again"] = "1"
    return redirect(f"{reverse('console:confirm')}?{urlencode(query)}")


@sensitive_post_parameters()
@for_staff()
def confirm(request: HttpRequest) -> HttpResponse:
    """Confirm it is you."""
    asks_code = second_factor.is_on(request.user)
    form_class = PasswordAndCodeForm if asks_code else PasswordForm
    form = form_class(request.POST or None)
    back = safe_next(request, request.GET.get("next", ""))
    if request.method == "POST" and form.is_valid():
        if is_right(request, form.cleaned_data):
            note_fresh(request)
            if "again" in request.GET:
                messages.warning(
                    request, _("Thank you. Nothing was changed yet: please press the button again.")
                )
            return redirect(back)
        form.add_error(None, _("The password or the code is not right."))
    return page(
        request, "confirm.html", _("Confirm it is you"), form=form, back=reverse("admin:index")
    )


def is_right(request: HttpRequest, given: dict[str, Any]) -> bool:
    """Whether password, and code if one is given, are this user's. Throttled like signing in."""
    user: Any = request.user
    found = authenticate(request, username=user.get_username(), password=given["password"])
    if found is None or found.pk != user.pk:
        return False
    return "code" not in given or second_factor.passes(request, user, given["code"])


def _is_sensitive(request: HttpRequest, match: ResolverMatch) -> bool:
    name = match.view_name
    if name.endswith("_changelist"):
        # Lists can send it twice, above and below, and `index` tells the admin which one counts.
        sent = request.POST.getlist("action") if request.method == "POST" else []
        return any(action in ACTIONS for action in sent)
    if not any(fnmatchcase(name, pattern) for pattern in FORMS):
        return False
    if not name.startswith("admin:"):
        return True
    # Who may only look, or nothing, is not asked: the page itself says so.
    app, model, verb = name.removeprefix("admin:").split("_", 2)
    needed = verb if verb in ("add", "delete") else "change"
    return request.user.has_perm(f"{app}.{needed}_{model}")

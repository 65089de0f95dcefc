"""The page of the first steps, and its button for the sandbox."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gateway.console.first_steps.path import Progress, curl, example_model, progress
from gateway.console.pages import for_staff, page
from platforms.adding import add_platform
from platforms.admin.head import client_url
from platforms.models import AuthStyle, Platform


@dataclass(frozen=True, slots=True)
class Step:
    """One step as the page shows it."""

    title: str
    why: str
    """What it is for, in a sentence."""
    found: str
    """What ticks it off; "": it is not done."""
    button: str
    url: str
    """Where the button leads; "": nowhere yet, or not for this user."""
    by_post: bool = False
    name: str = ""
    """What the page has for this step alone."""

    @property
    def done(self) -> bool:
        """Whether it is ticked off."""
        return bool(self.found)


@for_staff("platforms.view_platform")
def show(request: HttpRequest) -> HttpResponse:
    """The page."""
    now = progress()
    steps = [
        _platform(request, now),
        _credential(request, now),
        _test(request, now),
        _licence(request, now),
        _call(now),
    ]
    done = sum(step.done for step in steps)
    current = next((step for step in steps if not step.done), None)
    model = example_model(now.platform) if now.platform else ""
    context: dict[str, Any] = {
        "steps": steps,
        "current": current,
        "done": done,
        "total": len(steps),
        "progress": now,
        "model": model,
        "curl": curl(client_url(request, now.platform), model) if now.platform else "",
        "playground": _playground(request, now.platform),
        "sandbox_playground": _playground(request, now.sandbox),
        "reference": _reference(),
        "may_add": request.user.has_perm("platforms.add_platform"),
        "only_looks": not request.user.has_perm("platforms.change_platform"),
    }
    return page(request, "first_steps.html", _("First steps"), **context)


@require_POST
@for_staff("platforms.view_platform")
def add_sandbox(request: HttpRequest) -> HttpResponse:
    """Add the sandbox; pressing it twice changes nothing."""
    if not request.user.has_perm("platforms.add_platform"):
        raise PermissionDenied
    try:
        with transaction.atomic():
            platform, is_new = add_platform("sandbox", preset="sandbox")
            if is_new:
                own = admin.site.get_model_admin(Platform)
                own.log_addition(request, platform, _("Added in the first steps."))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        text = _(
            "The sandbox is there: it answers at /sandbox/v1 with made-up answers, for nothing."
        )
        messages.success(request, text)
    return redirect("console:first_steps")


def _platform(request: HttpRequest, now: Progress) -> Step:
    return Step(
        _("Add a platform"),
        _("Whom Tokens calls: a provider, a cloud or an engine of your own, chosen from a list."),
        str(now.platform) if now.platform else "",
        _("Choose a platform"),
        _there(request, "platforms.add_platform", "admin:platforms_platform_add"),
    )


def _credential(request: HttpRequest, now: Progress) -> Step:
    found, url = "", ""
    if now.platform and now.has_key:
        keyless = now.platform.auth_style == AuthStyle.NONE
        found = _("none needed") if keyless else _("%s has one") % now.platform
    elif now.platform:
        may, name = "platforms.add_credential", "admin:platforms_credential_add"
        url = _there(request, may, name, platform=str(now.platform.pk))
    return Step(
        _("Enter your key for it"),
        _("The platform's own key, stored encrypted. Those who call Tokens never see it."),
        found,
        _("Add a credential"),
        url,
    )


def _test(request: HttpRequest, now: Progress) -> Step:
    url = ""
    if now.platform and now.has_key and request.user.has_perm("platforms.change_platform"):
        url = reverse("admin:platforms_platform_do", args=[now.platform.pk, "test"])
    return Step(
        _("Test it"),
        _("Asks the platform for its list of models, so that a mistake shows here, to you."),
        _("it answers") if now.tested else "",
        _("Test again") if now.test_failed else _("Test now"),
        url,
        by_post=True,
        name="test",
    )


def _licence(request: HttpRequest, now: Progress) -> Step:
    return Step(
        _("Issue a licence"),
        _("The key for one who calls: a person, a team or a program. It is shown once; copy it."),
        _("it is issued") if now.licensed else "",
        _("Issue a licence"),
        _there(request, "licences.add_licence", "admin:licences_licence_add"),
    )


def _call(now: Progress) -> Step:
    return Step(
        _("Make the first call"),
        _("Paste this into a terminal, with the licence's key in place of YOUR_KEY."),
        _("answered") if now.called else "",
        "",
        "",
        name="call",
    )


def _there(request: HttpRequest, permission: str, name: str, **query: str) -> str:
    """The page of this name, with the way back; "" for those who may not use it."""
    if not request.user.has_perm(permission):
        return ""
    back = {"next": reverse("console:first_steps")}
    return f"{reverse(name)}?{urlencode({**query, **back})}"


def _playground(request: HttpRequest, platform: Platform | None) -> str:
    if platform is None or not request.user.has_perm("gateway.use_playground"):
        return ""
    return f"{reverse('console:playground')}?{urlencode({'platform': platform.slug})}"


def _reference() -> str | Promise:
    """The page of the API, where it is served."""
    try:
        resolve("/docs/")
    except (Resolver404, NoReverseMatch):
        return ""
    return "/docs/"

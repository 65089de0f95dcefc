"""“My security”: one's password, second factor, recovery codes, and sessions elsewhere."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from gateway.console import second_factor
from gateway.console.confirming import is_right
from gateway.console.forms import CodeForm, PasswordForm
from gateway.console.pages import for_staff, page


@for_staff()
def show(request: HttpRequest) -> HttpResponse:
    """What is on, and the ways to change it."""
    return _overview(request, PasswordForm(auto_id="off_%s"))


@sensitive_post_parameters()
@sensitive_variables("device", "codes")
@for_staff()
def app(request: HttpRequest) -> HttpResponse:
    """Set up an authenticator app: scan, then prove it with a code."""
    if second_factor.is_on(request.user):
        return redirect("console:security")
    from segno import make  # not at every start of a server: for one page it takes 30 ms

    device = second_factor.draft(request.user)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = second_factor.switch_on(request, request.user, form.cleaned_data["code"])
        if codes is not None:
            return _codes(request, codes)
        form.add_error(
            "code",
            _(
                "This code is not right, or came too soon after a wrong one. Is the clock of your "
                "telephone set by the network?"
            ),
        )
    return page(
        request,
        "security/app.html",
        _("Set up a second factor"),
        form=form,
        picture=make(device.config_url, error="m").svg_data_uri(scale=5, border=3, light="#fff"),
        secret=_in_fours(device.config_url.split("secret=")[1].split("&")[0]),
    )


@require_POST
@sensitive_variables("codes")
@for_staff()
def codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes."""
    if not second_factor.is_on(request.user):
        return redirect("console:security")
    return _codes(request, second_factor.new_codes(request, request.user))


@require_POST
@sensitive_post_parameters()
@for_staff()
def off(request: HttpRequest) -> HttpResponse:
    """Switch the second factor off; always asks for the password."""
    form = PasswordForm(request.POST, auto_id="off_%s")
    if form.is_valid() and not is_right(request, form.cleaned_data):
        form.add_error("password", _("This is not your password."))
    if form.errors:
        return _overview(request, form)
    second_factor.switch_off(request, request.user)
    messages.success(request, _("The second factor is off."))
    return redirect("console:security")


@require_POST
@for_staff()
def elsewhere(request: HttpRequest) -> HttpResponse:
    """End one's sessions in other browsers."""
    second_factor.end_sessions(request.user, but=request.session.session_key)
    messages.success(request, _("You are signed out everywhere else."))
    return redirect("console:security")


def _overview(request: HttpRequest, form: PasswordForm) -> HttpResponse:
    return page(
        request,
        "security/show.html",
        _("My security"),
        is_on=second_factor.is_on(request.user),
        codes_left=second_factor.codes_left(request.user),
        form=form,
    )


def _codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """Shown in the answer to the POST itself: nowhere are they kept to be shown again."""
    return page(request, "security/codes.html", _("Recovery codes"), codes=codes)


def _in_fours(secret: str) -> str:
    plain = secret.replace("%3D", "")
    return " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))

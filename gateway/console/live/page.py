"""Live requests: the page, and the way from a request to what is booked of it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _, pgettext

from gateway.console.pages import for_staff, page
from gateway.models import MediaTask, Outcome, UsageRecord


@for_staff("gateway.watch_live")
def show(request: HttpRequest) -> HttpResponse:
    """The page; what it shows comes through the socket."""
    may_look_up = request.user.has_perm("gateway.view_usagerecord")
    return page(
        request,
        "live.html",
        _("Live requests"),
        outcomes=Outcome.choices,
        words=_words(),
        may_look_up=may_look_up,
    )


@for_staff("gateway.view_usagerecord")
def record(request: HttpRequest, request_id: str) -> HttpResponse:
    """To the usage record of this request; of pictures and films that are in work, to the task."""
    id = UsageRecord.objects.filter(request_id=request_id).values_list("pk", flat=True).first()
    if id is not None:
        return redirect("admin:gateway_usagerecord_change", id)
    task = MediaTask.objects.filter(request_id=request_id).values_list("pk", flat=True).first()
    if task is not None and request.user.has_perm("gateway.view_mediatask"):
        return redirect("admin:gateway_mediatask_change", task)
    answer = page(request, "live_unbooked.html", _("Not booked"), request_id=request_id)
    answer.status_code = 404
    return answer


def _words() -> dict[str, str]:
    """What the page's script says."""
    return {
        **{f"outcome_{outcome.value}": str(outcome.label) for outcome in Outcome},
        "waiting": pgettext("a request", "waiting"),
        "trying": _("attempt {n}"),
        "streaming": _("streaming"),
        "ended": pgettext("a request", "ended"),
        "lost": _("no news"),
        "connecting": _("Connecting"),
        "live": _("Live"),
        "again": _("Disconnected. Next try in {n} s"),
        "signed_out": _("Not signed in any more. Sign in again and reload this page."),
        "no_permission": _("You may not watch requests any more."),
        "too_many": _("Too many pages watch already. Close one, then reload this one."),
        "pause": _("Pause"),
        "go_on": _("Go on"),
        "paused": _("Paused: {n} requests have changed"),
        "nobody": _("no licence"),
        "estimated": _("estimated by the gateway"),
        "tokens_in_out": _("{in} in, {out} out"),
        "per_second": _("{n}/s"),
        "request": _("Request"),
        "state": _("State"),
        "licence": _("Licence"),
        "platform": _("Platform"),
        "model": _("Model"),
        "credential": _("Credential"),
        "endpoint": _("Endpoint"),
        "began": _("Began"),
        "tokens": _("Tokens"),
        "speed": _("Speed"),
        "first_byte": _("First byte after"),
        "waited": _("Waited for a credential"),
        "took": _("Duration"),
        "status": _("Status"),
        "code": _("Error code"),
        "answered": _("answered"),
        "under_way": _("under way"),
    }

"""Live requests."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from gateway.console.pages import for_staff, page


@for_staff("gateway.watch_live")
def show(request: HttpRequest) -> HttpResponse:
    """The page."""
    return page(request, "live.html", _("Live requests"))

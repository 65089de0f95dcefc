"""Playground."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from gateway.console.pages import for_staff, page


@for_staff("gateway.use_playground")
def show(request: HttpRequest) -> HttpResponse:
    """The page."""
    return page(request, "playground.html", _("Playground"))

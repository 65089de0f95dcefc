"""First steps."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from gateway.console.pages import for_staff, page


@for_staff("platforms.view_platform")
def show(request: HttpRequest) -> HttpResponse:
    """The page."""
    return page(request, "first_steps.html", _("First steps"))

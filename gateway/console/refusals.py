"""What is said in the console's frame where there is no page, or not for this person."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views import defaults

_CONSOLE = "/admin/"


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: in the console with ways on, elsewhere Django's own."""
    if not _is_in_console(request):
        return defaults.permission_denied(request, exception)
    return _page(request, 403, _("Not for your role"))


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404, in the same way."""
    if not _is_in_console(request):
        return defaults.page_not_found(request, exception)
    return _page(request, 404, _("There is no such page"))


def _is_in_console(request: HttpRequest) -> bool:
    is_there = request.path_info.startswith(_CONSOLE) and hasattr(request, "user")
    return is_there and admin.site.has_permission(request)


def _page(request: HttpRequest, status: int, title: str) -> HttpResponse:
    request.current_app = admin.site.name
    context = {**admin.site.each_context(request), "title": title, "status": status}
    return render(request, "console/refused.html", context, status=status)

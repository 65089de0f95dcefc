"""What every page of the console shares: who may see it, and the frame around it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.views.decorators.cache import never_cache

View = Callable[..., HttpResponseBase]


def for_staff(permission: str = "") -> Callable[[View], View]:
    """Staff with this permission (`app.codename`) only; others sign in first, or get a 403.

    Without one: all staff.
    """

    def decorate(view: View) -> View:
        @never_cache
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not admin.site.has_permission(request):
                return redirect_to_login(request.get_full_path(), "admin:login")
            if permission and not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def page(
    request: HttpRequest, template: str, title: Promise | str, **context: Any
) -> TemplateResponse:
    """A page in the console's frame: `templates/console/<template>`, which extends its base."""
    request.current_app = admin.site.name
    shown = {**admin.site.each_context(request), "title": title, **context}
    return TemplateResponse(request, f"console/{template}", shown)

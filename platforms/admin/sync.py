"""The page that brings model mappings up to a platform's own list: shown first, then applied."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, ngettext, pgettext
from typing_extensions import override

from platforms import syncing
from platforms.admin.rows import way_back
from platforms.models import Kind, ModelMapping, Platform

if TYPE_CHECKING:  # the class takes a parameter in its stubs only
    _Admin = admin.ModelAdmin[Platform]
else:
    from unfold.admin import ModelAdmin as _Admin  # cannot be subscripted at run time

MOST = 500  # rows of new models on one page; Django takes 1000 fields of a form at most


class SyncAdmin(_Admin):
    """Platforms whose models can be taken over from their lists."""

    @override
    def get_urls(self) -> list[URLPattern]:
        sync = path(
            "<int:object_id>/models/",
            self.admin_site.admin_view(self.sync_view),
            name="platforms_platform_sync",
        )
        return [sync, *super().get_urls()]

    def sync_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """What the platform lists, beside what is mapped; a POST applies what was ticked."""
        platform = self.get_queryset(request).filter(pk=object_id).first()
        if platform is None:
            raise Http404
        may_add = request.user.has_perm("platforms.add_modelmapping")
        if not (self.has_change_permission(request, platform) and may_add):
            raise PermissionDenied
        if request.method == "POST":
            self._apply(request, platform)
            page = reverse("admin:platforms_platform_sync", args=[object_id])
            return redirect(way_back(request) or page)
        return self._page(request, platform)

    def _page(self, request: HttpRequest, platform: Platform) -> HttpResponse:
        match = request.GET.get("match", "").strip()
        shown: dict[str, Any] = {"why": ""}
        try:
            plan = syncing.plan(platform)
        except syncing.CannotList as error:
            shown = {"why": str(error), "no_key": isinstance(error, syncing.NoKeyToAsk)}
        else:
            new = [it for it in plan.new if not match or fnmatchcase(it.name, match)]
            shown |= {"plan": plan, "new": new[:MOST], "more": max(0, len(new) - MOST)}
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": platform,
            "title": gettext("Models of %s") % platform,
            "match": match,
            "kinds": Kind.choices,
            "may_switch": request.user.has_perm("platforms.change_modelmapping"),
            "media": self.media,
            **shown,
        }
        return TemplateResponse(request, "admin/platforms/platform/sync.html", context)

    def _apply(self, request: HttpRequest, platform: Platform) -> None:
        """Add and switch off what was ticked, with entries in the history."""
        kind = request.POST.get("kind", "")
        kind = kind if kind in Kind.values else ""
        names = request.POST.getlist("add")
        wanted = {name: kind or syncing.guess_kind(name).value for name in names}
        gone = ModelMapping.objects.none()
        if request.user.has_perm("platforms.change_modelmapping"):
            numbers = [it for it in request.POST.getlist("off") if it.isdecimal()]
            gone = platform.model_mappings.filter(pk__in=numbers[:MOST])
        try:
            with transaction.atomic():
                added = syncing.add(platform, wanted)
                off = syncing.switch_off(gone)
                if said := _said(added, off):
                    self.log_change(request, platform, said)
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
            return
        if not (added or off):
            text = gettext("Nothing was changed: nothing was ticked that is not so already.")
            self.message_user(request, text, messages.WARNING)
            return
        self.message_user(request, said, messages.SUCCESS)


def _said(added: list[ModelMapping], off: list[ModelMapping]) -> str:
    """What was done, for the operator and the history."""
    first, second = "", ""
    if added:
        text = ngettext(
            "%(count)d model added: %(names)s.", "%(count)d models added: %(names)s.", len(added)
        )
        first = text % {"count": len(added), "names": _some(added)}
    if off:
        text = ngettext(
            "%(count)d model switched off: %(names)s.",
            "%(count)d models switched off: %(names)s.",
            len(off),
        )
        second = text % {"count": len(off), "names": _some(off)}
    if first and second:
        return gettext("%(first)s %(second)s") % {"first": first, "second": second}
    return first or second


def _some(mappings: Iterable[ModelMapping]) -> str:
    names = [it.public_name for it in mappings]
    some = pgettext("between names", ", ").join(names[:10])
    if len(names) <= 10:
        return some
    return gettext("%(some)s and %(count)d more") % {"some": some, "count": len(names) - 10}

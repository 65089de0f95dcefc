"""What is done with licences that exist, each asked and written into the history."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_lazy as _, ngettext
from django.views.decorators.http import require_POST
from typing_extensions import override

from licences import issuing, snippets
from licences.admin.overview import origin, page
from licences.forms import ExtendForm, RotateForm
from licences.models import Licence

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Licence]
else:
    from unfold.admin import ModelAdmin as _Admin  # cannot be subscripted at run time

_POSTED = method_decorator(require_POST)


class ActingAdmin(_Admin):
    """The verbs: rotate, end an overlap, extend, revoke, switch; of one licence or of many."""

    @override
    def get_urls(self) -> list[URLPattern]:
        views: dict[str, Callable[..., HttpResponse]] = {
            "rotate": self.rotate_view,
            "end-overlap": self.end_overlap_view,
            "extend": self.extend_view,
            "revoke": self.revoke_view,
            "switch": self.switch_view,
        }
        own = [
            path(
                f"<path:object_id>/{verb}/",
                self.admin_site.admin_view(view),
                name=f"licences_licence_{verb.replace('-', '_')}",
            )
            for verb, view in views.items()
        ]
        return [*own, *super().get_urls()]

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the overlap, then give a licence a new key and show it."""
        licence = self._changeable(request, object_id)
        form = RotateForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                key = self._rotate(request, licence, form)
            except ValidationError as error:
                form.add_error(None, error)
            else:
                return self.key_page(request, licence, key, gettext("Key rotated"))
        return self._page(request, "rotate.html", licence, gettext("Rotate the key"), form=form)

    @_POSTED
    def end_overlap_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End the old key before its time."""
        licence = self._changeable(request, object_id)
        message = gettext("Ended the old key.")
        return self._done(request, licence, issuing.end_overlap, message)

    def extend_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask until when, then let a licence work for longer."""
        licence = self._changeable(request, object_id)
        form = ExtendForm(licence, request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                with transaction.atomic():
                    end = issuing.extend(licence, by=form.by, until=form.until)
                    self.log_change(request, licence, _extended(end.isoformat(timespec="minutes")))
            except ValidationError as error:
                form.add_error(None, error)
            else:
                shown = date_format(timezone.localtime(end), "DATETIME_FORMAT")
                self.message_user(request, _extended(shown), messages.SUCCESS)
                return HttpResponseRedirect(page(licence))
        return self._page(request, "extend.html", licence, gettext("Extend"), form=form)

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then revoke for good."""
        licence = self._changeable(request, object_id)
        if request.method == "POST":
            return self._done(request, licence, issuing.revoke, gettext("Revoked."))
        title = gettext("Revoke the licence")
        return self._page(request, "revoke.html", licence, title, licences=[licence])

    @_POSTED
    def switch_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Switch on or off, as was posted."""
        licence = self._changeable(request, object_id)
        if request.POST.get("on") == "yes":
            return self._done(request, licence, issuing.enable, gettext("Switched on."))
        return self._done(request, licence, issuing.disable, gettext("Switched off."))

    @transaction.atomic
    def _rotate(self, request: HttpRequest, licence: Licence, form: RotateForm) -> str:
        key = issuing.rotate(licence, form.overlap)
        if licence.previous_key_until is None:
            message = gettext("Rotated the key; the old one ended at once.")
        else:
            message = gettext("Rotated the key; the old one works until %(until)s.") % {
                "until": licence.previous_key_until.isoformat(timespec="minutes")
            }
        self.log_change(request, licence, message)
        return key

    @admin.action(description=_("Revoke selected licences"), permissions=["change"])
    def revoke_selected(
        self, request: HttpRequest, queryset: QuerySet[Licence]
    ) -> HttpResponse | None:
        """Revoke for good, after a page that asks."""
        if "confirmed" in request.POST:
            self._change_each(request, queryset, issuing.revoke, gettext("Revoked."))
            return None
        return self._page(
            request,
            "revoke.html",
            None,
            gettext("Revoke licences"),
            licences=queryset,
            action_checkbox_name=ACTION_CHECKBOX_NAME,
        )

    @admin.action(description=_("Switch on selected licences"), permissions=["change"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[Licence]) -> None:
        """Switch on those that are not revoked."""
        self._change_each(request, queryset, issuing.enable, gettext("Switched on."))

    @admin.action(description=_("Switch off selected licences"), permissions=["change"])
    def disable_selected(self, request: HttpRequest, queryset: QuerySet[Licence]) -> None:
        """Switch off for a while."""
        self._change_each(request, queryset, issuing.disable, gettext("Switched off."))

    def key_page(
        self, request: HttpRequest, licence: Licence, key: str, title: str
    ) -> HttpResponse:
        """The page that shows a key, once."""
        return self._page(
            request,
            "key.html",
            licence,
            title,
            key=key,
            has_old_key=licence.has_old_key(timezone.now()),
            change_url=page(licence),
            snippets=snippets.shown(licence, origin(request), key),
        )

    def _done(
        self,
        request: HttpRequest,
        licence: Licence,
        change: Callable[[Licence], bool],
        message: str,
    ) -> HttpResponse:
        """Change one licence, write it into the history if it did, and go back to its page."""
        try:
            with transaction.atomic():
                if change(licence):
                    self.log_change(request, licence, message)
                    self.message_user(request, message, messages.SUCCESS)
                else:
                    self.message_user(request, gettext("It was so already."), messages.INFO)
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
        return HttpResponseRedirect(page(licence))

    def _change_each(
        self,
        request: HttpRequest,
        queryset: QuerySet[Licence],
        change: Callable[[Licence], bool],
        message: str,
    ) -> None:
        """Change every licence, write those that changed into the history, say what happened."""
        changed = 0
        for licence in queryset:
            try:
                with transaction.atomic():
                    if change(licence):
                        self.log_change(request, licence, message)
                        changed += 1
            except ValidationError as error:
                self.message_user(request, " ".join(error.messages), messages.ERROR)
        counted = ngettext("%(count)d licence changed.", "%(count)d licences changed.", changed)
        self.message_user(request, f"{message} {counted % {'count': changed}}", messages.SUCCESS)

    def _changeable(self, request: HttpRequest, object_id: str) -> Licence:
        """The licence that is meant. Raises Http404, PermissionDenied."""
        licence = self.get_object(request, unquote(object_id))
        if licence is None:
            raise Http404
        if not self.has_change_permission(request, licence):
            raise PermissionDenied
        return licence

    def _page(
        self,
        request: HttpRequest,
        template: str,
        licence: Licence | None,
        title: str,
        **context: Any,
    ) -> TemplateResponse:
        request.current_app = self.admin_site.name
        context = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        # `original` is what the header names and links to.
        context |= {"licence": licence, "original": licence, "title": title, "media": self.media}
        return TemplateResponse(request, f"admin/licences/licence/{template}", context)


def _extended(end: str) -> str:
    return gettext("Extended until %(end)s") % {"end": end}

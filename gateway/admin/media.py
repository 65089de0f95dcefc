"""The console's page for pictures and films: what is made for whom, where, and how it stands."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat, truncatechars
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _, ngettext
from typing_extensions import override

from gateway.admin.books import ReadOnlyAdmin, badge, moment, unbroken
from gateway.admin.dated import Dated
from gateway.admin.filters import LicenceFilter, PeriodFilter, ValuesFilter
from gateway.console.units import duration
from gateway.media import operating
from gateway.media.links import link
from gateway.models import ENDED, MediaFile, MediaTask, UsageRecord


@admin.register(MediaTask)
class MediaTaskAdmin(ReadOnlyAdmin):
    """One line a task."""

    list_display = (
        *("ordered", "thumbnail", "kind", "standing", "licence", "platform", "model"),
        *("took", "problem"),
    )
    list_display_links = ("ordered", "thumbnail")
    list_filter = (
        *("state", "kind"),
        ("platform", ValuesFilter),
        ("licence_id", LicenceFilter),
        ("created_at", PeriodFilter),
        "blocking",
    )
    search_fields = ("=id", "=request_id", "^licence_name", "^model")
    search_help_text = _("A task's or request's id, or how a licence or model begins.")
    date_hierarchy = "created_at"
    actions = ("cancel_selected", "retry_selected")
    fieldsets = (
        (None, {"fields": ("id", "kind", "standing", "made", "problem_in_full")}),
        (
            _("Who and where"),
            {
                "fields": (
                    *("licence", "platform", "credential_name", "model", "upstream_model"),
                    *("upstream_id", "remixed_from", "usage_record"),
                )
            },
        ),
        (_("What was asked"), {"fields": ("prompt", "parameters", "blocking", "response_format")}),
        (
            _("When"),
            {
                "fields": (
                    *("created_at", "submitted_at", "completed_at", "took", "due_at"),
                    *("deadline_at", "expires_at"),
                )
            },
        ),
        (_("Work"), {"fields": ("attempts", "failures", "lease_by", "lease_until")}),
    )

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return Dated(MediaTask).prefetch_related("files")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who may cancel and retry: nobody may change a task in another way."""
        return request.user.has_perm("gateway.change_mediatask")

    @admin.action(description=_("Cancel"), permissions=["operate"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[MediaTask]) -> None:
        """End the selected tasks; what a platform has begun it may still bill."""
        chosen = list(queryset)
        done = [task for task in chosen if operating.cancel(task)]
        for task in done:
            self.log_change(request, task, gettext("Cancelled."))
        text = ngettext("%(count)d cancelled.", "%(count)d cancelled.", len(done))
        self.message_user(request, text % {"count": len(done)})
        if rest := len(chosen) - len(done):
            text = ngettext("%(count)d had ended already.", "%(count)d had ended already.", rest)
            self.message_user(request, text % {"count": rest}, messages.WARNING)

    @admin.action(description=_("Try again, where that is safe"), permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[MediaTask]) -> None:
        """Queue failed tasks again that no platform has accepted."""
        chosen = list(queryset)
        done = [task for task in chosen if operating.retry(task)]
        for task in done:
            self.log_change(request, task, gettext("Queued again."))
        text = ngettext("%(count)d queued again.", "%(count)d queued again.", len(done))
        self.message_user(request, text % {"count": len(done)})
        if rest := len(chosen) - len(done):
            text = ngettext(
                "%(count)d was left alone: it has not failed, or its platform may have begun it, "
                "and would do it twice.",
                "%(count)d were left alone: they have not failed, or their platforms may have "
                "begun them, and would do them twice.",
                rest,
            )
            self.message_user(request, text % {"count": rest}, messages.WARNING)

    @admin.display(description=_("ordered"), ordering="created_at")
    def ordered(self, task: MediaTask) -> SafeString:
        """When it was ordered."""
        return moment(task.created_at)

    @admin.display(description=_("made"))
    def thumbnail(self, task: MediaTask) -> SafeString:
        """The first picture, or a film's thumbnail, small."""
        shown = _shown(task)
        stills = [file for file in shown if file.content_type.startswith("image/")]
        if stills:
            address = self._link(task, stills[0])
            form = '<img src="{}" alt="{}" class="tk-thumb" loading="lazy">'
            return format_html(form, address, gettext("What task %s made") % task.pk)
        return format_html("{}", "▶" if shown else "-")

    @admin.display(description=_("what it made"))
    def made(self, task: MediaTask) -> SafeString:
        """All files, to be looked at."""
        rows = []
        for file in _shown(task):
            address = self._link(task, file)
            form = (
                '<video src="{}" controls preload="metadata" class="tk-picture"></video>'
                if file.content_type.startswith("video/")
                else '<img src="{}" alt="" class="tk-picture" loading="lazy">'
            )
            rows.append(
                (
                    format_html(form, address),
                    address,
                    file.variant,
                    file.content_type,
                    filesizeformat(file.size),
                )
            )
        if not rows:
            return format_html("{}", "-")
        return format_html_join("", '<p>{}<br><a href="{}">{}</a> {}, {}</p>', rows)

    @admin.display(description=_("state"), ordering="state")
    def standing(self, task: MediaTask) -> SafeString:
        """The state in its colour, with its progress while it runs."""
        percent = "" if task.state in ENDED else f" {task.progress} %"
        return badge(task.state, f"{task.get_state_display()}{percent}")

    @admin.display(description=_("how long"))
    def took(self, task: MediaTask) -> SafeString:
        """From the order to the end, or until now."""
        seconds = ((task.completed_at or timezone.now()) - task.created_at).total_seconds()
        return unbroken(duration(seconds * 1000))

    @admin.display(description=_("error"))
    def problem(self, task: MediaTask) -> SafeString:
        """Why it failed, in short."""
        shown = truncatechars(task.error_message, 100) or "-"
        return format_html('<span class="tk-cut" title="{}">{}</span>', shown, shown)

    @admin.display(description=_("error"))
    def problem_in_full(self, task: MediaTask) -> str:
        """Why it failed."""
        return f"{task.error_code}: {task.error_message}" if task.error_message else "-"

    @admin.display(description=_("prompt"))
    def prompt(self, task: MediaTask) -> str:
        """The words."""
        return str(task.asked.get("prompt", ""))

    @admin.display(description=_("parameters"))
    def parameters(self, task: MediaTask) -> str:
        """All else that was asked."""
        asked = task.asked
        found = {name: asked.get(name) for name in ("n", "size", "seconds") if asked.get(name)}
        if task.kind == "video":
            found.pop("n", None)
        found.update(asked.get("options", {}))
        inputs = [source["name"] for source in asked.get("sources", ())]
        if inputs:
            found["inputs"] = ", ".join(inputs)
        return ", ".join(f"{name}: {value}" for name, value in found.items()) or "-"

    @admin.display(description=_("request"))
    def usage_record(self, task: MediaTask) -> SafeString:
        """Its id, with a link to its usage record once that is booked."""
        record = UsageRecord.objects.filter(request_id=task.request_id).only("pk").first()
        if record is None:
            return format_html("{}", task.request_id or "-")
        page = reverse("admin:gateway_usagerecord_change", args=[record.pk])
        return format_html('<a href="{}">{}</a>', page, task.request_id)

    def _link(self, task: MediaTask, file: MediaFile) -> str:
        file.task = task
        return link(file, "")  # on this site


def _shown(task: MediaTask) -> list[MediaFile]:
    """What it has made and what is still there of it."""
    return [file for file in task.files.all() if file.variant != "input"]

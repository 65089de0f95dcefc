"""The pages of alert targets: who is told; a test that really goes out; a secret shown once."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from typing_extensions import override

from gateway.admin.alerts.form import AlertTargetForm
from gateway.admin.alerts.list import badge
from gateway.alert_rows import AlertKind, AlertTarget, TargetKind
from gateway.alerts import sending, testing

if TYPE_CHECKING:  # the class takes a parameter in its stubs only
    _Admin = admin.ModelAdmin[AlertTarget]
else:
    from unfold.admin import ModelAdmin as _Admin

_SHOWN_MESSAGES = 10


@admin.register(AlertTarget)
class AlertTargetAdmin(_Admin):
    """Who is told of alerts, by e-mail or webhook."""

    form = AlertTargetForm
    list_display = (
        *("name", "kind", "where", "told_of", "min_severity", "state"),
        *("last_delivery_at", "last_error"),
    )
    list_filter = ("kind", "enabled")
    search_fields = ("name",)
    readonly_fields = ("where", "state", "last_delivery_at", "last_error", "last_error_at")
    change_form_outer_before_template = "console/alert_target.html"

    class Media:
        css = {"all": ["console/alerts.css"]}

    @override
    @method_decorator(sensitive_post_parameters("secret", "address"))
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # Should anything break in here, no report of it may quote what was entered.
        return super().changeform_view(request, *args, **kwargs)

    @override
    def get_fieldsets(self, request: HttpRequest, obj: AlertTarget | None = None) -> Any:
        may_write = obj is None or self.has_change_permission(request, obj)
        # An address can hold a token, as Slack's do: it is for those who may change it.
        address: tuple[str, ...] = ("address",) if may_write else ("where",)
        if may_write and (obj is None or obj.kind == TargetKind.WEBHOOK):
            address = (*address, "secret")
        record = ("state", "last_delivery_at", "last_error", "last_error_at")
        return [
            (_("Who"), {"fields": ("name", "kind", *address, "enabled")}),
            (
                _("What they are told"),
                {"fields": ("kinds", "min_severity", "platforms", "language", "per_hour")},
            ),
            *([(_("How it went"), {"fields": record})] if obj else []),
        ]

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: AlertTarget | None = None) -> Any:
        return (*self.readonly_fields, "kind") if obj else self.readonly_fields

    @override
    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        # By ?address__startswith= in the list's address one finds out what its pages do not show.
        hidden = lookup.startswith(("address", "secret_encrypted"))
        return not hidden and super().lookup_allowed(lookup, value, request)

    @override
    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:object_id>/test/", wrap(self.test_view), name="gateway_alerttarget_test"),
            path(
                "<int:object_id>/new-secret/",
                wrap(self.secret_view),
                name="gateway_alerttarget_secret",
            ),
            *super().get_urls(),
        ]

    @override
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context: dict[str, Any] = {**(extra_context or {})}
        target = self.get_object(request, object_id)
        if target is not None:
            context["target_messages"] = target.messages.order_by("-created_at")[:_SHOWN_MESSAGES]
            context["may_test"] = self.has_change_permission(request, target)
            context["is_webhook"] = target.kind == TargetKind.WEBHOOK
        return super().change_view(request, object_id, form_url, context)

    @override
    def save_model(self, request: HttpRequest, obj: AlertTarget, form: Any, change: bool) -> None:
        if change:
            # Only what was changed here: how deliveries went is noted meanwhile.
            names = [name for name in form.changed_data if name != "secret"]
            secret = ["secret_encrypted"] if "secret" in form.changed_data else []
            obj.save(update_fields=[*names, *secret, "updated_at"])
            return
        if obj.kind == TargetKind.WEBHOOK and not obj.secret_encrypted:
            obj.fresh_secret = sending.new_secret()
            obj.secret_encrypted = sending.seal(obj.fresh_secret)
        obj.save()

    @override
    def response_add(
        self, request: HttpRequest, obj: AlertTarget, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show a secret that was made in the answer to the POST itself: nothing else stores it."""
        if obj.fresh_secret:
            return self._secret_page(request, obj, obj.fresh_secret)
        self.message_user(request, gettext("The target was added. Test it now."), messages.SUCCESS)
        return redirect(_page(obj.pk))

    def test_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Send a real message now, and show what came of it."""
        target = self._changeable(request, object_id)
        if isinstance(target, HttpResponse):
            return target
        said, ok = testing.try_target(target)
        form = gettext("The test was delivered: %s") if ok else gettext("The test failed: %s")
        self.log_change(request, target, gettext("Tested."))
        self.message_user(request, form % said, messages.SUCCESS if ok else messages.ERROR)
        return redirect(_page(object_id))

    def secret_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Make a new secret and show it once; the old one signs nothing any more."""
        target = self._changeable(request, object_id)
        if isinstance(target, HttpResponse):
            return target
        if target.kind != TargetKind.WEBHOOK:
            raise Http404
        secret = sending.new_secret()
        with transaction.atomic():
            target.secret_encrypted = sending.seal(secret)
            target.save(update_fields=["secret_encrypted", "updated_at"])
            self.log_change(request, target, gettext("Made a new secret."))
        return self._secret_page(request, target, secret)

    @admin.display(description=_("where"))
    def where(self, target: AlertTarget) -> str:
        """The addresses; of a webhook no more than its host."""
        if target.kind == TargetKind.EMAIL:
            return target.address
        parts = urlsplit(target.address)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…"

    @admin.display(description=_("alerts"))
    def told_of(self, target: AlertTarget) -> str:
        """What it is told of."""
        labels = dict(AlertKind.choices)
        return "; ".join(str(labels.get(kind, kind)) for kind in target.kinds) or gettext("all")

    @admin.display(description=_("state"))
    def state(self, target: AlertTarget) -> SafeString:
        """Whether messages reach it."""
        if not target.enabled:
            return badge("off", gettext("switched off"))
        if target.last_error:
            return badge("bad", gettext("not reached"))
        if target.last_delivery_at is None:
            return badge("warn", gettext("never tried"))
        return badge("good", gettext("reached"))

    def _changeable(self, request: HttpRequest, id: int) -> AlertTarget | HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        target = self.get_queryset(request).filter(pk=id).first()
        if target is None or not self.has_change_permission(request, target):
            raise Http404
        return target

    @method_decorator(never_cache)
    def _secret_page(
        self, request: HttpRequest, target: AlertTarget, secret: str
    ) -> TemplateResponse:
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("The webhook's secret"),
            "opts": self.opts,
            "target": target,
            "secret": secret,
            "page": _page(target.pk),
        }
        return TemplateResponse(request, "console/alert_secret.html", context)


def _page(id: int) -> str:
    return reverse("admin:gateway_alerttarget_change", args=[id])

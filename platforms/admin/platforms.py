"""The console's pages for platforms."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, gettext_lazy as _
from typing_extensions import override

from platforms.admin.head import head_of
from platforms.admin.rows import ProxyAdmin, SwitchAdmin, badge, way_back
from platforms.admin.sync import SyncAdmin
from platforms.dialect_table import DialectAdmin
from platforms.forms import PlatformForm
from platforms.models import AuthStyle, Credential, ModelMapping, Platform
from platforms.preset_form import grouped, parts_of
from platforms.presets import PRESETS, Preset
from platforms.probing import ProbeResult, probe_and_note


@admin.register(Platform)
class PlatformAdmin(SyncAdmin, DialectAdmin, ProxyAdmin):
    """Whom we call."""

    form = PlatformForm
    change_form_outer_before_template = "admin/platforms/platform/head.html"
    actions = (*SwitchAdmin.actions, "test_selected")
    list_display = (
        *("slug", "name", "preset_title", "base_url", "on"),
        *("credential_count", "model_count", "updated_at"),
    )
    list_filter = ("enabled", "preset", "protocol")
    search_fields = ("slug", "name", "base_url", "note")
    readonly_fields = ("preset_title", "proxy_shown", "created_at", "updated_at")

    class Media:
        css = {"all": ["platforms/admin.css"]}
        js = ("platforms/filter.js",)

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        annotated: QuerySet[Any] = rows.annotate(
            credentials_on=_count(Credential.objects.filter(enabled=True)),
            models_mapped=_count(ModelMapping.objects.all()),
        )
        return annotated

    @override
    def get_fieldsets(self, request: HttpRequest, obj: Platform | None = None) -> Any:
        address = ("protocol", "auth_style", "chat_path", "models_path")
        more = ("headers", self.proxy_field(request, obj), "pass_unmapped")
        waits = ("connect_s", "first_byte_s", "idle_s", "total_s")
        fold = {"classes": ("collapse",)}
        if obj is None:
            preset = _chosen(request)
            asked = parts_of(preset) or (("base_url",) if preset and not preset.base_url else ())
            rest = () if "base_url" in asked else ("base_url",)
            told = gettext("Filled in from the preset; whatever you change here wins.")
            advanced = {**fold, "description": told, "fields": (*rest, *address, *more)}
            first = (None, {"fields": ("preset_choice", "slug", *asked, "name")})
            call = (_("Advanced: how it is called"), advanced)
            state = (_("Advanced: state and note"), {**fold, "fields": ("enabled", "note")})
        else:
            first = (None, {"fields": ("slug", "name", "base_url", "enabled", "note")})
            call = (_("How it is called"), {**fold, "fields": (*address, *more)})
            state = (_("Record"), {**fold, "fields": ("preset_title", "created_at", "updated_at")})
        return (
            first,
            call,
            self.rules_fieldset(obj, "rules"),
            (_("How much it may carry"), {**fold, "fields": ("rpm", "tpm", "concurrency")}),
            (_("How long to wait"), {**fold, "fields": waits}),
            state,
        )

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Platform | None = None) -> Any:
        # Clients call the short name: with another one, all of them would break.
        return (*super().get_readonly_fields(request, obj), *(("slug",) if obj else ()))

    @override
    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        given: dict[str, Any] = super().get_changeform_initial_data(request)
        preset = _chosen(request)
        if preset is not None:
            given["preset_choice"] = preset.slug
            given.setdefault("slug", _free_slug(preset))
        return given

    @override
    def get_urls(self) -> list[URLPattern]:
        done = path(
            "<int:object_id>/do/<slug:verb>/",
            self.admin_site.admin_view(self.do_view),
            name="platforms_platform_do",
        )
        return [done, *super().get_urls()]

    @override
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """First which service; then its form, filled in."""
        preset = _chosen(request)
        if preset is None and request.method == "GET":
            if not self.has_add_permission(request):
                raise PermissionDenied
            return self._presets_page(request)
        shown = {"preset": preset, "presets_url": f"?{_kept(request).urlencode()}"}
        return super().add_view(request, form_url, {**(extra_context or {}), **shown})

    @override
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form below, above it what is done with a platform."""
        row = self.get_object(request, unquote(object_id))
        shown = {}
        if row is not None and self.has_view_permission(request, row):
            may_change = self.has_change_permission(request, row)
            shown = {"head": head_of(request, row, may_change=may_change)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    @override
    def response_add(
        self, request: HttpRequest, obj: Platform, post_url_continue: str | None = None
    ) -> HttpResponse:
        """On to what comes next: back to where one came from, or to the platform's own page."""
        if {"_addanother", "_continue", "_popup"} & set(request.POST):
            return super().response_add(request, obj, post_url_continue)
        text = gettext("%s was added. What comes next stands on its page.")
        if obj.auth_style == AuthStyle.NONE:
            text = gettext("%s was added, and needs no key. Test it next.")
        elif way_back(request):
            text = gettext("%s was added. Next it needs a key of yours.")
        self.message_user(request, text % obj, messages.SUCCESS)
        page = reverse("admin:platforms_platform_change", args=[obj.pk])
        return redirect(way_back(request) or page)

    def do_view(self, request: HttpRequest, object_id: int, verb: str) -> HttpResponse:
        """A button of the platform's page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self.get_queryset(request).filter(pk=object_id).first()
        if row is None or verb not in ("test", "enable"):
            raise Http404
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        if verb == "test":
            self._test(request, row, self.say_probe_briefly)
        else:
            self.enable_selected(request, Platform.objects.filter(pk=object_id))
        page = reverse("admin:platforms_platform_change", args=[object_id])
        return redirect(way_back(request) or page)

    def _presets_page(self, request: HttpRequest) -> HttpResponse:
        request.current_app = self.admin_site.name
        kept = _kept(request).urlencode()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Add a platform: which service?"),
            "groups": grouped(),
            "count": len(PRESETS),
            "kept": f"&{kept}" if kept else "",
            "media": self.media,
            "is_popup": "_popup" in request.GET,
        }
        return TemplateResponse(request, "admin/platforms/platform/presets.html", context)

    @admin.display(description=_("preset"), ordering="preset")
    def preset_title(self, platform: Platform) -> str:
        """The service it was made from."""
        preset = PRESETS.get(platform.preset)
        return preset.title if preset else platform.preset

    @admin.display(description=_("credentials"), ordering="credentials_on")
    def credential_count(self, platform: Any) -> str:
        """Enabled credentials; a warning where there are none and one is needed."""
        if platform.auth_style == AuthStyle.NONE:
            return gettext("none needed")
        if not platform.credentials_on:
            return badge("bad", gettext("none"))
        return str(platform.credentials_on)

    @admin.display(description=_("models"), ordering="models_mapped")
    def model_count(self, platform: Any) -> int:
        """Model mappings."""
        count: int = platform.models_mapped
        return count

    @admin.action(description=_("Test with each credential"), permissions=["change"])
    def test_selected(self, request: HttpRequest, queryset: QuerySet[Platform]) -> None:
        """Try each platform with each of its enabled credentials."""
        for platform in queryset:
            self._test(request, platform, self.say_probe)

    def _test(
        self,
        request: HttpRequest,
        platform: Platform,
        say: Callable[[HttpRequest, str, ProbeResult], None],
    ) -> None:
        keys = list(platform.credentials.filter(enabled=True))
        if platform.auth_style == AuthStyle.NONE:
            say(request, str(platform), probe_and_note(platform, None))
        elif not keys:
            text = gettext("%s has no enabled credential to test with.") % platform
            self.message_user(request, text, messages.WARNING)
        else:
            for key in keys:
                say(request, str(key), probe_and_note(platform, key))


def _chosen(request: HttpRequest) -> Preset | None:
    """The preset that a new platform is made from."""
    named = request.POST.get("preset_choice") or request.GET.get("preset")
    return PRESETS.get(str(named))


def _kept(request: HttpRequest) -> QueryDict:
    """What the address says besides the preset, for links to another one."""
    kept = request.GET.copy()
    kept.pop("preset", None)
    return kept


def _free_slug(preset: Preset) -> str:
    """A short name to begin with; none for what the operator must name himself."""
    taken = preset.slug == "custom" or Platform.objects.filter(slug=preset.slug).exists()
    return "" if taken else preset.slug


def _count(rows: QuerySet[Any]) -> Coalesce:
    """How many of these rows a platform has; two joins at once would multiply them."""
    own = rows.filter(platform=OuterRef("pk")).order_by().values("platform")
    return Coalesce(Subquery(own.annotate(count=Count("pk")).values("count")), 0)

"""Django's paths: the admin, health, and what of the gateway does not stream."""

from django.contrib import admin
from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView

from gateway.reference import views as reference
from tokens_site import health
from tokens_site.metrics import metrics

admin.site.index_title = _("Dashboard")

handler403 = "gateway.console.refusals.forbidden"
handler404 = "gateway.console.refusals.missing"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", health.no_icon),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics),
    path("admin/", include("gateway.console.urls")),
    path("admin/", admin.site.urls),
    path("openapi.json", reference.openapi, name="openapi"),
    path("docs/", reference.docs, name="docs"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("gateway.urls")),
]

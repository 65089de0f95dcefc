"""The admin with the console's pages, which its navigation links, and nothing of the API."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", include("gateway.console.urls")), path("admin/", admin.site.urls)]

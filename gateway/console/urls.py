"""Paths of the console's own pages, all below /admin/."""

from django.urls import path

from gateway.console import dashboard, explorer, first_steps, live, playground

app_name = "console"
urlpatterns = [
    path("dashboard/licences/", dashboard.top_licences, name="dashboard_licences"),
    path("first-steps/", first_steps.show, name="first_steps"),
    path("live/", live.show, name="live"),
    path("playground/", playground.show, name="playground"),
    path("explorer/", explorer.show, name="explorer"),
]

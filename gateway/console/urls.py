"""Paths of the console's own pages, all below /admin/."""

from django.urls import path

from gateway.console import dashboard, live, playground
from gateway.console.explorer import choices, downloads, page as explorer
from gateway.console.first_steps import views as first_steps

app_name = "console"
urlpatterns = [
    path("dashboard/licences/", dashboard.top_licences, name="dashboard_licences"),
    path("first-steps/", first_steps.show, name="first_steps"),
    path("first-steps/sandbox/", first_steps.add_sandbox, name="first_steps_sandbox"),
    path("live/", live.show, name="live"),
    path("playground/", playground.show, name="playground"),
    path("explorer/", explorer.show, name="explorer"),
    path("explorer/choices/", choices.show, name="explorer_choices"),
    path("explorer/sums.csv", downloads.of_sums, name="explorer_sums"),
    path("explorer/requests.csv", downloads.of_requests, name="explorer_requests"),
]

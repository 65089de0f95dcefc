"""Paths of the console's own pages, all below /admin/."""

from django.urls import path

from gateway.console import (
    confirming,
    dashboard,
    security,
    signing_in,
)
from gateway.console.explorer import choices, downloads, page as explorer
from gateway.console.first_steps import views as first_steps
from gateway.console.live import page as live
from gateway.console.playground import booked, page as playground, passing

app_name = "console"
urlpatterns = [
    # Before the admin's own at the same path, which knows no second factor.
    path("login/", signing_in.SignIn.as_view(), name="login"),
    path("login/code/", signing_in.code, name="sign_in_code"),
    path("confirm/", confirming.confirm, name="confirm"),
    path("security/", security.show, name="security"),
    path("security/app/", security.app, name="security_app"),
    path("security/codes/", security.codes, name="security_codes"),
    path("security/off/", security.off, name="security_off"),
    path("security/elsewhere/", security.elsewhere, name="security_elsewhere"),
    path("dashboard/licences/", dashboard.top_licences, name="dashboard_licences"),
    path("first-steps/", first_steps.show, name="first_steps"),
    path("first-steps/sandbox/", first_steps.add_sandbox, name="first_steps_sandbox"),
    path("live/", live.show, name="live"),
    path("live/record/<str:request_id>/", live.record, name="live_record"),
    path("playground/", playground.show, name="playground"),
    path("playground/pass/", passing.give, name="playground_pass"),
    path("playground/booked/", booked.show, name="playground_booked"),
    path("explorer/", explorer.show, name="explorer"),
    path("explorer/choices/", choices.show, name="explorer_choices"),
    path("explorer/sums.csv", downloads.of_sums, name="explorer_sums"),
    path("explorer/requests.csv", downloads.of_requests, name="explorer_requests"),
]

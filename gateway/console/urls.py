"""Paths of the console's own pages, all below /admin/."""

from django.urls import path

from gateway.console import explorer, first_steps, playground
from gateway.console.live import page as live

app_name = "console"
urlpatterns = [
    path("first-steps/", first_steps.show, name="first_steps"),
    path("live/", live.show, name="live"),
    path("live/record/<str:request_id>/", live.record, name="live_record"),
    path("playground/", playground.show, name="playground"),
    path("explorer/", explorer.show, name="explorer"),
]

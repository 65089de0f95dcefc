"""Paths of the console's own pages, all below /admin/."""

from django.urls import path

from gateway.console import explorer, live, playground
from gateway.console.first_steps import views as first_steps

app_name = "console"
urlpatterns = [
    path("first-steps/", first_steps.show, name="first_steps"),
    path("first-steps/sandbox/", first_steps.add_sandbox, name="first_steps_sandbox"),
    path("live/", live.show, name="live"),
    path("playground/", playground.show, name="playground"),
    path("explorer/", explorer.show, name="explorer"),
]

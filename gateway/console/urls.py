"""Paths of the console's own pages, all below /admin/."""

from django.urls import path

from gateway.console import explorer, first_steps, live
from gateway.console.playground import booked, page as playground, passing

app_name = "console"
urlpatterns = [
    path("first-steps/", first_steps.show, name="first_steps"),
    path("live/", live.show, name="live"),
    path("playground/", playground.show, name="playground"),
    path("playground/pass/", passing.give, name="playground_pass"),
    path("playground/booked/", booked.show, name="playground_booked"),
    path("explorer/", explorer.show, name="explorer"),
]

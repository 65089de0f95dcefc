"""What the tests of the admin share."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from licences.forms import platform_choices
from licences.panels import panels


@pytest.fixture
def platforms(_nobody_registered: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an app that knows the platforms would register."""
    known = [("acme", "Acme"), ("sandbox", "Sandbox")]
    monkeypatch.setattr(platform_choices, "source", lambda: known)


@pytest.fixture
def operator() -> Client:
    """Staff who may do all. Without a password: hashing one takes longer than a test."""
    client = Client()
    client.force_login(User.objects.create(username="op", is_staff=True, is_superuser=True))
    return client


@pytest.fixture(autouse=True)
def _nobody_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """This app on its own: in the whole site, the gateway tells it the platforms and more."""
    monkeypatch.setattr(platform_choices, "source", None)
    for panel in ("usage", "usages_of", "reaches"):
        monkeypatch.setattr(panels, panel, None)


@pytest.fixture
def viewer() -> Client:
    """Staff who may look at licences and nothing else."""
    user = User.objects.create(username="viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_licence"))
    client = Client()
    client.force_login(user)
    return client

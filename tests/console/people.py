"""Signed-in people of each role."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client

PASSWORD = "correct horse battery staple"


def person(name: str, role: str = "", password: str | None = None, **fields: Any) -> User:
    """Staff in a role. Without a password, unless one is needed: hashing takes long."""
    user = User(username=name, is_staff=True, **fields)
    if password is None:
        user.set_unusable_password()
    else:
        user.set_password(password)
    user.save()
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def in_role(role: str) -> Client:
    """A browser in which somebody of this role has signed in."""
    return signed_in(person(f"the-{role}", role))

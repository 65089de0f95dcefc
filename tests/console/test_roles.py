"""Roles: what they hold, that they follow the table, and that nobody gives more than he has."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from gateway.console import roles
from tests.console.people import in_role, person, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Client:
    return in_role("owner")


def named(role: str) -> set[str]:
    group = Group.objects.get(name=role)
    return {
        f"{app}.{codename}"
        for app, codename in group.permissions.values_list("content_type__app_label", "codename")
    }


def form(user: User, **over: Any) -> dict[str, Any]:
    groups = list(user.groups.values_list("pk", flat=True))
    return {"username": user.username, "is_active": "on", "groups": groups, **over}


def change(client: Client, user: User, **over: Any) -> int:
    page = reverse("admin:auth_user_change", args=[user.pk])
    return client.post(page, form(user, **over)).status_code


@pytest.mark.parametrize(
    ("patterns", "permission", "allowed"),
    [
        (("a.view_*",), "a.view_x", True),
        (("a.view_*",), "a.change_x", False),
        (("a.*", "!a.view_x"), "a.view_x", False),
        (("!a.view_x", "a.*"), "a.view_x", True),
        ((), "a.view_x", False),
    ],
)
def test_the_last_pattern_that_matches_decides(
    patterns: tuple[str, ...], permission: str, allowed: bool
) -> None:
    assert roles.allows(patterns, permission) is allowed


def test_each_role_holds_what_the_one_below_holds_and_more() -> None:
    assert named("viewer") < named("operator") < named("owner")
    assert "gateway.watch_live" in named("viewer")
    assert "gateway.use_playground" in named("operator") - named("viewer")
    assert {"auth.change_user", "gateway.view_auditevent"} <= named("owner") - named("operator")
    assert all(name.split(".")[1].startswith(("view_", "watch_")) for name in named("viewer"))
    assert not any(name.startswith("auth.") for name in named("operator"))


def test_roles_are_put_right_after_every_migration_and_other_groups_left_alone() -> None:
    wanted = named("viewer")
    Group.objects.get(name="viewer").permissions.set(
        Permission.objects.filter(codename="delete_user")
    )
    own = Group.objects.create(name="helpers")
    own.permissions.set(Permission.objects.filter(codename="delete_user"))

    roles.after_migrating(apps.get_app_config("gateway"), "default")
    assert named("viewer") == {"auth.delete_user"}  # not in the middle of it
    *_others, last = (app for app in apps.get_app_configs() if app.models_module)
    roles.after_migrating(last, "default")

    assert named("viewer") == wanted
    assert named("helpers") == {"auth.delete_user"}


def test_an_owner_adds_people_who_can_sign_in(owner: Client) -> None:
    group = Group.objects.get(name="operator")
    word = "a long and unlikely password"

    owner.post(
        reverse("admin:auth_user_add"),
        {"username": "bob", "password1": word, "password2": word, "groups": [group.pk]},
    )

    bob = User.objects.get(username="bob")
    assert bob.is_staff
    assert not bob.is_superuser
    assert [group.name for group in bob.groups.all()] == ["operator"]


def test_an_owner_makes_nobody_a_superuser(owner: Client) -> None:
    bob = person("bob", "viewer")

    assert change(owner, bob, is_superuser="on", user_permissions=["1"], is_staff="on") == 302

    bob.refresh_from_db()
    assert not bob.is_superuser
    assert not bob.user_permissions.exists()


def test_an_owner_does_not_touch_who_may_do_more(owner: Client) -> None:
    root = person("root", is_superuser=True)
    beyond = Group.objects.create(name="beyond")
    beyond.permissions.set(Permission.objects.filter(codename="delete_session"))
    asleep = person("asleep", "beyond", is_active=False)

    for other in (root, asleep):
        assert change(owner, other, username="taken") == 403
        for page in ("auth_user_password_change", "auth_user_second_factor", "auth_user_delete"):
            path = reverse(f"admin:{page}", args=[other.pk])
            assert owner.post(path, {"post": "yes"}).status_code == 403, page
        other.refresh_from_db()
        assert other.username != "taken"
    delete = {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}
    owner.post(reverse("admin:auth_user_changelist"), delete)
    assert User.objects.filter(pk=root.pk).exists()


def test_an_owner_gives_no_group_and_no_permission_that_he_has_not(owner: Client) -> None:
    beyond = Group.objects.create(name="beyond")
    forbidden = Permission.objects.get(codename="delete_permission")
    beyond.permissions.add(forbidden)
    bob = person("bob", "viewer")

    assert change(owner, bob, groups=[beyond.pk]) == 200  # refused, with the form again
    owner.post(reverse("admin:auth_group_add"), {"name": "mine", "permissions": [forbidden.pk]})
    path = reverse("admin:auth_group_change", args=[beyond.pk])

    assert [group.name for group in bob.groups.all()] == ["viewer"]
    assert not Group.objects.filter(name="mine").exists()
    assert owner.post(path, {"name": "x"}).status_code == 403


def test_roles_of_tokens_are_changed_by_nobody(owner: Client) -> None:
    root = signed_in(person("root", is_superuser=True))
    group = Group.objects.get(name="viewer")

    for client in (owner, root):
        for verb in ("change", "delete"):
            path = reverse(f"admin:auth_group_{verb}", args=[group.pk])
            assert client.post(path, {"name": "x", "post": "yes"}).status_code == 403


def test_nobody_deletes_himself() -> None:
    root = person("root", is_superuser=True)

    path = reverse("admin:auth_user_delete", args=[root.pk])

    assert signed_in(root).post(path, {"post": "yes"}).status_code == 403


def test_a_list_of_people_costs_the_same_queries_however_long(
    owner: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        person(f"p{number}", "viewer")

    with django_assert_max_num_queries(16):
        assert owner.get(reverse("admin:auth_user_changelist")).status_code == 200

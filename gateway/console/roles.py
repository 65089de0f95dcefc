"""Who may do what in the console: three roles, each a group with the permissions that match.

The groups belong to this table: `grant()` makes them so after every migration, so that what a new
version brings is in them. Groups with other names are the operator's own and never touched.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions

VIEWER = (
    "licences.view_*",
    "platforms.view_*",
    "gateway.view_*",
    "gateway.watch_live",
    "!gateway.view_auditevent",
)
OPERATOR = (
    *VIEWER,
    "licences.*",
    "platforms.*",
    "gateway.change_mediatask",
    "gateway.delete_mediatask",
    "gateway.*alert*",
    "gateway.use_playground",
)
OWNER = (
    *OPERATOR,
    "gateway.*",
    "auth.*_user",
    "auth.*_group",
    "admin.view_logentry",
)
ROLES = {"owner": OWNER, "operator": OPERATOR, "viewer": VIEWER}
"""Role to patterns over `app.codename`. The last pattern that matches decides; `!` takes away."""

APPS = ("licences", "platforms", "gateway", "auth", "admin")
"""Whose permissions roles can have."""


def allows(patterns: Iterable[str], permission: str) -> bool:
    """Whether a role with these patterns has the permission `app.codename`."""
    allowed = False
    for pattern in patterns:
        if fnmatchcase(permission, pattern.removeprefix("!")):
            allowed = not pattern.startswith("!")
    return allowed


def grant(models: Any = installed, using: str = "default") -> None:
    """Make the roles' groups, and give each exactly what the table says.

    `models` are the apps as a migration sees them, or as they are.
    """
    groups = models.get_model("auth", "Group").objects.using(using)
    permissions = models.get_model("auth", "Permission").objects.using(using)
    there = {
        f"{app}.{codename}": pk
        for pk, app, codename in permissions.filter(content_type__app_label__in=APPS).values_list(
            "pk", "content_type__app_label", "codename"
        )
    }
    for role, patterns in ROLES.items():
        group, _new = groups.get_or_create(name=role)
        wanted = {pk for name, pk in there.items() if allows(patterns, name)}
        if wanted != set(group.permissions.values_list("pk", flat=True)):
            group.permissions.set(wanted)


def create_and_grant(models: Any, using: str) -> None:
    """For a migration: the permissions of what exists so far, then the roles."""
    for app in APPS:
        create_permissions(installed.get_app_config(app), verbosity=0, using=using, apps=models)
    grant(models, using)


def after_migrating(sender: Any, using: str, **_more: Any) -> None:
    """Grant once the last app has its permissions; called by Django for each app in turn."""
    *_others, last = (app for app in installed.get_app_configs() if app.models_module)
    if sender.label == last.label:
        grant(using=using)

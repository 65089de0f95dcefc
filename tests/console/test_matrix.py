"""Role by page: what each role gets of each page of the console."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.console.expected import MAY_ACT, MODELS, PAGES, ROLES, Family
from tests.console.people import in_role
from tests.console.rows import MAKE

pytestmark = pytest.mark.django_db


def walk(patterns: Any, spaces: tuple[str, ...] = ()) -> dict[str, URLPattern]:
    """Every named page below /admin/, by its full name."""
    found: dict[str, URLPattern] = {}
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = (*spaces, pattern.namespace) if pattern.namespace else spaces
            found |= walk(pattern.url_patterns, inner)
        elif pattern.name:
            found[":".join((*spaces, pattern.name))] = pattern
    return found


def pages() -> dict[str, URLPattern]:
    mounted = get_resolver().url_patterns
    console = [p for p in mounted if isinstance(p, URLResolver) and str(p.pattern) == "admin/"]
    return walk(console)


def model_of(name: str) -> tuple[str, str]:
    """The model and the verb that a page of the admin is named for; empty for others."""
    for key in MAKE.keys() | MODELS.keys():
        if name.startswith(f"admin:{key}_"):
            return key, name.removeprefix(f"admin:{key}_")
    return "", ""


def expected(name: str) -> tuple[int, int, int] | None:
    if name in PAGES:
        return PAGES[name]
    key, verb = model_of(name)
    if key in MODELS and verb in Family._fields:
        return getattr(MODELS[key], verb)  # type: ignore[no-any-return] # a field of the family
    return None


def address(name: str, pattern: URLPattern) -> str:
    """The page's path, of a row that is made for it where it is about one."""
    wanted = {*pattern.pattern.converters, *pattern.pattern.regex.groupindex}
    key, _verb = model_of(name)
    row = MAKE.get(key, MAKE["gateway_usagerecord"])
    own: dict[str, Callable[[], Any]] = {
        "object_id": lambda: row().pk,
        "id": lambda: row().pk,
        "app_label": lambda: "gateway",
        "verb": lambda: "enable",
        "request_id": lambda: MAKE["gateway_usagerecord"]().request_id,
        "content_type_id": lambda: 0,
    }
    return reverse(name, kwargs={word: own[word]() for word in wanted})


def get(role: str, name: str) -> int:
    client = in_role(role)
    return client.get(address(name, pages()[name])).status_code


PAIRS = [
    pytest.param(role, name, id=f"{role}-{name}")
    for name in sorted(pages())
    for role in ROLES
    if expected(name) is not None
]


def test_every_page_is_in_the_table() -> None:
    assert [name for name in sorted(pages()) if expected(name) is None] == []


@pytest.mark.parametrize(("role", "name"), PAIRS)
def test_a_role_gets_what_the_table_says(role: str, name: str) -> None:
    statuses = expected(name)
    assert statuses is not None

    assert get(role, name) == statuses[ROLES.index(role)]


@pytest.mark.parametrize("name", sorted(pages()))
def test_nobody_gets_in_without_signing_in(name: str) -> None:
    if name in ("admin:login", "console:login", "admin:jsi18n", "admin:logout"):
        return

    response = Client().get(address(name, pages()[name]))

    assert response.status_code in (302, 405)
    if response.status_code == 302:
        assert response["Location"].startswith("/admin/login/")


EDITED = sorted({model_of(name)[0] for name in pages()} - {""})


@pytest.mark.parametrize("key", EDITED)
def test_a_viewer_changes_nothing_by_sending_forms(key: str) -> None:
    row = MAKE[key]()
    client = in_role("viewer")
    change, delete = (
        reverse(f"admin:{key}_{verb}", args=[row.pk]) for verb in ("change", "delete")
    )
    listed = reverse(f"admin:{key}_changelist")
    action = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}

    statuses = {
        "add": client.post(reverse(f"admin:{key}_add"), {"name": "x"}).status_code,
        "change": client.post(change, {"name": "x"}).status_code,
        "delete": client.post(delete, {"post": "yes"}).status_code,
    }
    client.post(listed, action)

    assert statuses == {"add": 403, "change": 403, "delete": 403}
    assert type(row).objects.filter(pk=row.pk).exists()
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("role", ROLES)
def test_lists_offer_actions_to_those_only_who_may(role: str) -> None:
    client = in_role(role)

    for model, owner in admin.site._registry.items():
        request = client.get("/admin/password_change/").wsgi_request
        offered = set(owner.get_actions(request))
        if model._meta.app_label not in MAY_ACT[role]:
            assert offered == set(), model
        else:
            assert {name for name in offered if name not in ("delete_selected",)} <= {
                *map(str, owner.actions or ())
            }

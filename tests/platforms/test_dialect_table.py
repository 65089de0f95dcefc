"""Parameter rules in the console: what is wrong is said at the field, what is in force is shown."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils.html import escape, strip_tags

from platforms.catalogue import Catalogue
from platforms.dialect_table import MEANINGS, dialect_table
from platforms.dialects import HINTS
from platforms.models import ModelMapping, Platform
from tests.make import make_mapping, make_platform
from tests.platforms.test_admin import NO_PRICES, TIMES, add, change, errors

pytestmark = pytest.mark.django_db
LIKE_BEFORE = {
    "name": "Acme",
    "base_url": "http://127.0.0.1:9/v1",
    "protocol": "openai",
    "auth_style": "bearer",
    "chat_path": "/chat/completions",
    "headers": "{}",
    "enabled": "on",
    **TIMES,
}


@pytest.fixture
def operator(admin_client: Client) -> Client:
    return admin_client


def save(client: Client, row: Any, rules: str) -> Any:
    """Post the row's page with these rules and all else as it was."""
    if isinstance(row, Platform):
        return change(client, row, **LIKE_BEFORE, rules=rules)
    same = {"platform": row.platform_id, "public_name": "m", "kind": "chat", "enabled": "on"}
    return change(client, row, **same, **NO_PRICES, overrides=rules)


def stored(row: Any) -> Any:
    row.refresh_from_db()
    return row.rules if isinstance(row, Platform) else row.overrides


def page(client: Client, row: Any) -> str:
    url = reverse(f"admin:platforms_{row._meta.model_name}_change", args=[row.pk])
    return client.get(url).content.decode()


def rows(table: str) -> dict[str, list[str]]:
    """Cells by the rule's name."""
    found = re.findall(r"<tr><th><code>(\w+)</code></th>(.*?)</tr>", table)
    return {
        name: [strip_tags(cell) for cell in re.findall(r"<td>(.*?)</td>", cells)]
        for name, cells in found
    }


def both() -> list[Any]:
    platform = make_platform()
    return [platform, make_mapping(platform, "m")]


def test_every_rule_has_its_meaning() -> None:
    assert list(MEANINGS) == list(HINTS)
    assert all(str(meaning).endswith(".") for meaning in MEANINGS.values())


def test_the_table_shows_value_and_origin_of_every_rule() -> None:
    shown = rows(
        dialect_table(
            "mistral",
            {"n_max": 2, "+drop_params": ["seed"], "efforts": ["low"]},
            {"responses": True, "efforts": ["high"], "+drop_params": ["stop"]},
        )
    )

    assert list(shown) == list(HINTS)
    assert shown["tool_choice_required"][:2] == [escape('"any"'), "preset"]
    assert shown["n_max"][:2] == ["2", "platform"]
    assert shown["responses"][:2] == ["true", "model"]
    assert shown["efforts"][:2] == [escape('["high"]'), "model"]
    assert shown["drop_params"][1] == "preset + platform + model"
    assert shown["temperature_range"][:2] == ["", "default"]
    assert shown["n_max"][2] == str(MEANINGS["n_max"])


def test_the_table_leaves_wrong_rules_out_as_the_catalogue_does() -> None:
    shown = rows(dialect_table("minimax", {"n_max": "many", "responses": True}, ["x"]))  # type: ignore[arg-type] # what a database may hold

    assert shown["n_max"][:2] == ["1", "preset"]
    assert shown["responses"][:2] == ["false", "default"]


def test_nothing_in_the_table_is_markup() -> None:
    table = dialect_table("custom", {"api_version": "<script>"})

    assert "<script>" not in table
    assert escape("<script>") in table


def test_rules_are_saved_and_in_force(operator: Client) -> None:
    for row in both():
        response = save(operator, row, '{"n_max": 1}')

        assert response.status_code == 302, errors(response)
        assert stored(row) == {"n_max": 1}
        whence = "platform" if isinstance(row, Platform) else "model"
        assert rows(page(operator, row))["n_max"][:2] == ["1", whence]
    catalogue = Catalogue()
    catalogue.load()
    assert catalogue.route("acme", "m").dialect.n_max == 1


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ('{"n_max": "one"}', "'n_max' is \"one\"; it must be a whole number, 0 or more."),
        ('{"nmax": 1}', "'nmax' is no rule; did you mean 'n_max'?"),
        ('{"n_max": -1, "responses": 0}', "'responses' is 0; it must be true or false."),
        ("[1]", "This must be a JSON object"),
        ("[]", "This must be a JSON object"),
        ('"x"', "This must be a JSON object"),
        ("{", "Enter a valid JSON."),
    ],
)
def test_mistakes_in_rules_are_named_at_their_field(
    operator: Client, rules: str, says: str
) -> None:
    for row in both():
        before = stored(row)

        response = save(operator, row, rules)

        assert response.status_code == 200
        [field] = response.context["adminform"].form.errors
        assert field == ("rules" if isinstance(row, Platform) else "overrides")
        assert escape(says) in errors(response)
        assert stored(row) == before


def test_no_rules_are_an_empty_object(operator: Client) -> None:
    for row in both():
        assert save(operator, row, "").status_code == 302
        assert stored(row) == {}


@pytest.mark.parametrize(("headers", "status"), [("", 302), ("[]", 200), ("null", 302)])
def test_headers_are_an_object_too(operator: Client, headers: str, status: int) -> None:
    platform = make_platform(headers={"x-a": "1"})

    response = change(operator, platform, **{**LIKE_BEFORE, "headers": headers})

    platform.refresh_from_db()
    assert response.status_code == status
    assert platform.headers == ({} if status == 302 else {"x-a": "1"})


def test_rules_can_be_given_when_a_row_is_added(operator: Client) -> None:
    response = add(
        operator,
        "platform",
        preset_choice="openai",
        slug="acme",
        headers="{}",
        rules='{"n_max": 2}',
        **TIMES,
    )
    assert response.status_code == 302, errors(response)
    response = add(
        operator,
        "modelmapping",
        platform=Platform.objects.get().pk,
        public_name="m",
        kind="chat",
        overrides='{"n_max": 3}',
        **NO_PRICES,
    )

    assert response.status_code == 302, errors(response)
    assert Platform.objects.get().rules == {"n_max": 2}
    assert ModelMapping.objects.get().overrides == {"n_max": 3}


def test_who_may_only_look_sees_what_is_in_force(client: Client) -> None:
    viewer = User.objects.create(username="viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(viewer)

    for row in both():
        text = page(client, row)
        assert list(rows(text)) == list(HINTS)
        assert "<textarea" not in text


@pytest.mark.parametrize("name", ["platform", "modelmapping"])
def test_a_new_row_has_no_table_yet(operator: Client, name: str) -> None:
    text = operator.get(
        reverse(f"admin:platforms_{name}_add"), {"preset": "custom"}
    ).content.decode()

    assert 'name="rules"' in text or 'name="overrides"' in text
    assert rows(text) == {}

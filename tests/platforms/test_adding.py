"""What the admin and the commands add, switch and refuse."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from platforms.adding import (
    MAX_SECRET,
    UnknownPreset,
    add_credential,
    add_mapping,
    add_platform,
    clean_secret,
    from_micros,
    preset_of,
    set_secret,
    switch,
    to_micros,
    without_password,
)
from platforms.models import CatalogueVersion, Credential, ModelMapping, Platform
from platforms.secrets import decrypt
from tests.make import make_credential, make_mapping, make_platform

MARKER = "MARKER-SECRET-4711"


@pytest.mark.django_db
def test_a_preset_fills_what_is_not_given() -> None:
    platform, is_new = add_platform("az", preset="azure-openai", base_url="https://r.example/v1/ ")

    platform.refresh_from_db()
    assert is_new
    assert (platform.name, platform.preset) == ("Azure OpenAI", "azure-openai")
    assert (platform.base_url, platform.auth_style) == ("https://r.example/v1", "api-key")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Ours"),
        ("base_url", "https://elsewhere.example/v1"),
        ("auth_style", "x-api-key"),
        ("chat_path", "/chat"),
        ("models_path", ""),
        ("headers", {"X-Team": "one"}),
        ("proxy", "http://proxy.example:3128"),
        ("pass_unmapped", False),
        ("idle_s", 5.0),
    ],
)
def test_what_is_given_wins_over_the_preset(field: str, value: Any) -> None:
    add_platform("ours", preset="openai", **{field: value})

    assert getattr(Platform.objects.get(), field) == value


@pytest.mark.django_db
def test_the_same_platform_again_changes_nothing() -> None:
    given = {"preset": "openai", "base_url": "https://x.example/v1/", "headers": {"X-A": "1"}}
    first, _new = add_platform("x", **given)  # type: ignore[arg-type] # the keys are apart
    version = CatalogueVersion.current()

    again, is_new = add_platform("x", **given)  # type: ignore[arg-type] # as above

    assert (again.pk, is_new) == (first.pk, False)
    assert CatalogueVersion.current() == version


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value"),
    [("preset", "groq"), ("base_url", "https://y.example"), ("name", "Y"), ("headers", {"a": "b"})],
)
def test_another_platform_of_the_same_name_is_refused(field: str, value: Any) -> None:
    add_platform("x", preset="openai")

    with pytest.raises(ValidationError) as error:
        add_platform("x", **{"preset": "openai", field: value})

    assert list(error.value.message_dict) == [field]
    assert "is there already" in str(error.value)
    assert Platform.objects.get().preset == "openai"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("slug", "over", "field", "sentence"),
    [
        ("x", {}, "base_url", "no base URL"),
        ("x", {"preset": "azure-openai"}, "base_url", "braces filled in"),
        ("x", {"base_url": "ftp://h"}, "base_url", "begin with https://"),
        ("admin", {"preset": "openai"}, "slug", "used by the site itself"),
        ("Acme", {"preset": "openai"}, "slug", "Small letters"),
        ("x", {"preset": "openai", "protocol": "morse"}, "protocol", "known: anthropic"),
        ("x", {"preset": "openai", "auth_style": "fax"}, "auth_style", "not a valid choice"),
        ("x", {"preset": "openai", "proxy": "p:1"}, "proxy", "http://host:port"),
        ("x", {"preset": "openai", "headers": {"Host": "h"}}, "headers", "cannot be set"),
        ("x", {"preset": "opnai"}, "preset", "known are custom, sandbox, openai"),
    ],
)
def test_a_wrong_platform_is_refused_by_field(
    slug: str, over: dict[str, Any], field: str, sentence: str
) -> None:
    with pytest.raises(ValidationError) as error:
        add_platform(slug, **over)

    assert list(error.value.message_dict) == [field]
    assert sentence in " ".join(error.value.messages)
    assert not Platform.objects.exists()


def test_an_unknown_preset_has_a_class_of_its_own() -> None:
    with pytest.raises(UnknownPreset, match="no preset “nobody”; known are custom"):
        preset_of("nobody")


@pytest.mark.django_db
def test_a_secret_is_stored_encrypted_and_without_space_around_it() -> None:
    credential = add_credential(make_platform(), "main", f" {MARKER}\r\n", weight=3)

    credential.refresh_from_db()
    assert MARKER not in credential.secret_encrypted
    assert decrypt(credential.secret_encrypted) == MARKER
    assert credential.weight == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("secret", "sentence"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        (f"{MARKER}\n{MARKER}", "one line of ASCII"),
        (f"{MARKER}\u00e9", "one line of ASCII"),
        (f"{MARKER}\0", "one line of ASCII"),
        (MARKER + "x" * MAX_SECRET, "is the most"),
    ],
)
def test_a_secret_that_cannot_be_sent_is_refused_without_quoting_it(
    secret: str, sentence: str
) -> None:
    platform = make_platform()
    with pytest.raises(ValidationError) as added:
        add_credential(platform, "main", secret)
    with pytest.raises(ValidationError) as cleaned:
        clean_secret(secret)

    assert list(added.value.message_dict) == ["secret"]
    assert sentence in str(added.value)
    assert MARKER not in f"{added.value!r} {cleaned.value!r}"
    assert not Credential.objects.exists()


@pytest.mark.django_db
def test_credentials_of_one_platform_have_different_names() -> None:
    platform = make_platform()
    make_credential(platform, "main")

    with pytest.raises(ValidationError, match="already exists"):
        add_credential(platform, "main", "s")
    add_credential(make_platform("other"), "main", "s")


@pytest.mark.django_db
def test_a_new_secret_forgets_the_old_ones_error_and_keeps_what_changed_meanwhile() -> None:
    credential = make_credential(make_platform(), last_error="401")
    Credential.objects.update(weight=7)
    version = CatalogueVersion.current()

    set_secret(credential, MARKER)

    credential.refresh_from_db()
    assert decrypt(credential.secret_encrypted) == MARKER
    assert (credential.last_error, credential.weight) == ("", 7)
    assert CatalogueVersion.current() > version


@pytest.mark.django_db
def test_the_same_mapping_again_changes_nothing_and_another_is_refused() -> None:
    platform = make_platform()
    fields: dict[str, Any] = {"upstream_name": "u", "price_prompt_micros": 1_200_000}

    first, is_new = add_mapping(platform, "m", **fields)
    again, is_new_again = add_mapping(platform, "m", **fields)
    with pytest.raises(ValidationError, match=r"with “1\.20”, not “1\.30”") as error:
        add_mapping(platform, "m", price_prompt_micros=1_300_000)

    assert (is_new, is_new_again, first.pk) == (True, False, again.pk)
    assert list(error.value.message_dict) == ["price_prompt_micros"]
    assert ModelMapping.objects.get().price_version == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields", [{"price_image_micros": -1}, {"kind": "smell"}, {"upstream_name": "x" * 201}]
)
def test_a_wrong_mapping_is_refused_by_field(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as error:
        add_mapping(make_platform(), "m", **fields)

    assert list(error.value.message_dict) == list(fields)
    assert not ModelMapping.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("make", [make_platform, make_credential, make_mapping])
def test_switching_tells_the_processes_once_and_touches_nothing_else(make: Any) -> None:
    row = make() if make is make_platform else make(make_platform())
    type(row).objects.update(created_at=row.created_at.replace(year=2001))
    version = CatalogueVersion.current()

    changed = [switch(row, enabled) for enabled in (True, False, False)]

    row.refresh_from_db()
    assert changed == [False, True, False]
    assert (row.enabled, row.created_at.year) == (False, 2001)
    assert CatalogueVersion.current() == version + 1


@pytest.mark.parametrize(
    ("text", "micros"),
    [("0", 0), ("2.50", 2_500_000), (" 10 ", 10_000_000), (".000001", 1), ("1e3", 1_000_000_000)],
)
def test_amounts_become_micro_units(text: str, micros: int) -> None:
    assert to_micros(text) == micros


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2,50",
        "-1",
        "0.0000001",
        "nan",
        "inf",
        "1e20",
        "1e999999",
        "1e-999999",
        "1e9999999",
    ],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no price"):
        to_micros(text)


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "0.00"), (2_500_000, "2.50"), (75_000, "0.075"), (1, "0.000001"), (10**13, "10000000.00")],
)
def test_micro_units_become_amounts_and_come_back(micros: int, text: str) -> None:
    assert from_micros(micros) == text
    assert to_micros(text) == micros


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("", ""),
        ("http://p.example:3128", "http://p.example:3128"),
        ("http://user@p.example", "http://user@p.example"),
        (f"http://user:{MARKER}@p.example:3128", "http://user:…@p.example:3128"),
        (f"http://user:{MARKER}@x@p.example", "http://user:…@p.example"),
    ],
)
def test_a_proxys_password_is_not_shown(proxy: str, shown: str) -> None:
    assert without_password(proxy) == shown

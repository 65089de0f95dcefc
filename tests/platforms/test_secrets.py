"""Secrets at rest."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from platforms.models import CatalogueVersion, Credential
from platforms.secrets import SecretUnreadable, decrypt, encrypt, rotate_all
from tests.make import make_credential, make_platform

MARKER = "MARKER-SECRET-4711"
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.mark.parametrize("secret", ["", "sk-1", "x" * 10_000, "\u5bc6\u94a5"])
def test_what_is_encrypted_comes_back(secret: str) -> None:
    assert decrypt(encrypt(secret)) == secret


def test_the_stored_form_shows_nothing_and_differs_each_time() -> None:
    forms = {encrypt(MARKER) for _ in range(5)}

    assert len(forms) == 5
    assert not any(MARKER in form for form in forms)


def test_the_first_key_encrypts_and_all_decrypt(settings: Any) -> None:
    settings.TOKENS_ENCRYPTION_KEYS = [OLD]
    before = encrypt(MARKER)

    settings.TOKENS_ENCRYPTION_KEYS = [NEW, OLD]
    after = encrypt(MARKER)

    assert decrypt(before) == decrypt(after) == MARKER
    assert Fernet(NEW).decrypt(after.encode()) == MARKER.encode()


@pytest.mark.parametrize("damage", ["other key", "cut", "not base64", "not ascii", "empty"])
def test_what_cannot_be_read_says_what_to_do(settings: Any, damage: str) -> None:
    settings.TOKENS_ENCRYPTION_KEYS = [OLD]
    stored = encrypt(MARKER)
    settings.TOKENS_ENCRYPTION_KEYS = [NEW if damage == "other key" else OLD]
    stored = {"cut": stored[:-9], "not base64": "{}", "not ascii": "\u00e9", "empty": ""}.get(
        damage, stored
    )

    with pytest.raises(SecretUnreadable, match="TOKENS_ENCRYPTION_KEYS") as error:
        decrypt(stored)

    assert MARKER not in repr(error.value)


@pytest.mark.django_db
def test_rotation_moves_every_secret_to_the_newest_key(settings: Any) -> None:
    settings.TOKENS_ENCRYPTION_KEYS = [OLD]
    platform = make_platform()
    make_credential(platform, "on", "s-1")
    make_credential(platform, "off", "s-2", enabled=False)
    version = CatalogueVersion.current()

    settings.TOKENS_ENCRYPTION_KEYS = [NEW, OLD]
    count = rotate_all()

    settings.TOKENS_ENCRYPTION_KEYS = [NEW]
    stored = Credential.objects.order_by("pk").values_list("secret_encrypted", flat=True)
    assert [decrypt(form) for form in stored] == ["s-1", "s-2"]
    assert count == 2
    assert CatalogueVersion.current() > version


@pytest.mark.django_db
def test_a_rotation_that_meets_an_unreadable_secret_changes_none(settings: Any) -> None:
    settings.TOKENS_ENCRYPTION_KEYS = [OLD]
    platform = make_platform()
    readable = make_credential(platform, "a")
    Credential.objects.create(platform=platform, name="b", secret_encrypted="nonsense")

    settings.TOKENS_ENCRYPTION_KEYS = [NEW, OLD]
    with pytest.raises(SecretUnreadable, match="“acme: b” cannot be decrypted"):
        rotate_all()

    assert Credential.objects.get(name="a").secret_encrypted == readable.secret_encrypted

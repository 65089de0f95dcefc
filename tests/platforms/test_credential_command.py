"""`manage.py credential …`: secrets go in and never come out."""

from collections.abc import Callable

import pytest

from platforms.models import Credential
from platforms.secrets import decrypt
from tests.make import make_credential, make_platform
from tests.platforms.running import MARKER, refused, run, run_json

pytestmark = pytest.mark.django_db


def test_a_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    make_platform("acme")
    monkeypatch.setenv("ACME_KEY", MARKER)

    add = ("credential", "add", "acme", "--secret-env", "ACME_KEY", "--weight", 3)
    text = run(*add, "--proxy", "http://p:1")

    credential = Credential.objects.get()
    assert text == f"acme: default: added, with the number {credential.pk}.\n"
    assert decrypt(credential.secret_encrypted) == MARKER
    assert (credential.weight, credential.proxy) == (3, "http://p:1")


def test_a_secret_comes_from_standard_input(stdin: Callable[[str], None]) -> None:
    make_platform("acme")
    stdin(f"{MARKER}\r\n")

    row = run_json("credential", "add", "acme", "--secret-stdin", "--name", "second")

    credential = Credential.objects.get()
    assert decrypt(credential.secret_encrypted) == MARKER
    assert (row["id"], row["name"], row["platform"]) == (credential.pk, "second", "acme")


def test_no_command_takes_the_secret_itself() -> None:
    make_platform("acme")

    for verb in (("add", "acme"), ("set-secret", 1)):
        text = refused("credential", *verb, "--secret", MARKER)
        assert "--secret could match --secret-env, --secret-stdin" in text
        assert MARKER not in text
        assert "--secret-env" in refused("credential", *verb)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--weight 0", "--weight: "),
        ("--proxy p:1", "--proxy: A proxy is given as"),
        ("--name there", "Choose another --name, or replace its secret: manage.py credential set"),
    ],
)
def test_a_wrong_credential_is_refused(
    stdin: Callable[[str], None], arguments: str, sentence: str
) -> None:
    make_credential(make_platform("acme"), "there")
    stdin(MARKER)

    text = refused("credential", "add", "acme", "--secret-stdin", *arguments.split())

    assert sentence in text
    assert MARKER not in text
    assert Credential.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [("", "secret: The secret is empty"), (f"{MARKER}\n{MARKER}", "must be one line of ASCII")],
)
def test_a_secret_that_is_none_is_refused(
    stdin: Callable[[str], None], given: str, sentence: str
) -> None:
    make_platform("acme")
    stdin(given)

    text = refused("credential", "add", "acme", "--secret-stdin")

    assert sentence in text
    assert MARKER not in text


def test_a_secret_given_in_place_of_a_variable_is_not_repeated() -> None:
    make_platform("acme")

    text = refused("credential", "add", "acme", "--secret-env", MARKER)

    assert "names a variable that is not set" in text
    assert MARKER not in text


def test_a_key_for_a_platform_that_asks_for_none_is_said_to_be_unused(
    stdin: Callable[[str], None],
) -> None:
    make_platform("acme", auth_style="none")
    stdin(MARKER)

    assert "It is not used" in run("credential", "add", "acme", "--secret-stdin")


def test_a_secret_is_replaced(stdin: Callable[[str], None]) -> None:
    credential = make_credential(make_platform(), last_error="401")
    stdin(MARKER)

    assert "secret replaced" in run("credential", "set-secret", credential.pk, "--secret-stdin")

    credential.refresh_from_db()
    assert (decrypt(credential.secret_encrypted), credential.last_error) == (MARKER, "")


def test_encryption_is_rotated_and_an_unreadable_secret_is_explained() -> None:
    credential = make_credential(make_platform(), secret=MARKER)

    assert "1 secret " in run("credential", "rotate-encryption")
    before, credential.secret_encrypted = credential.secret_encrypted, "nonsense"
    credential.refresh_from_db()
    assert credential.secret_encrypted != before
    Credential.objects.update(secret_encrypted="nonsense")
    assert "TOKENS_ENCRYPTION_KEYS" in refused("credential", "rotate-encryption")


def test_no_list_shows_a_secret_or_its_stored_form() -> None:
    credential = make_credential(
        make_platform("acme"), secret=MARKER, proxy=f"http://u:{MARKER}@p:1"
    )
    verbs = [("list",), ("list", "--json"), ("list", "acme"), ("disable", credential.pk, "--json")]

    texts = [run("credential", *verb) for verb in verbs]

    assert not any(MARKER in text or credential.secret_encrypted in text for text in texts)
    assert all("acme" in text for text in texts)


def test_credentials_of_one_platform_are_listed() -> None:
    make_credential(make_platform("a"), "of-a")
    make_credential(make_platform("b"), "of-b")

    assert [row["name"] for row in run_json("credential", "list", "b")] == ["of-b"]

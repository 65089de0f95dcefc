"""Key files of service accounts: what is taken, what is refused; no sentence quotes one."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.core.exceptions import ValidationError

from platforms.adding import add_platform, clean_secret, set_secret
from platforms.catalogue import spec_of
from platforms.forms import CredentialForm
from platforms.models import AuthStyle, Credential, Platform
from platforms.secrets import decrypt
from platforms.service_account import NoServiceAccount, one_line, read
from tests.make import make_credential, make_platform
from tests.platforms.running import MARKER, refused, run
from tests.service_accounts import EMAIL, key_file, pem, private_key

STYLE = AuthStyle.GOOGLE_SERVICE_ACCOUNT
LOCKED = (
    private_key()
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    .decode()
)
NO_RSA = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)


def test_a_key_file_is_read() -> None:
    account = read(key_file())

    assert (account.email, account.key_id) == (EMAIL, "4711")
    assert account.token_uri == "https://oauth2.googleapis.com/token"
    assert account.key.private_numbers() == private_key().private_numbers()
    assert "key=" not in repr(account)


def test_a_key_without_a_number_is_read_as_well() -> None:
    assert read(key_file(private_key_id=None)).key_id is None


@pytest.mark.parametrize(
    "given",
    [key_file(), key_file().replace("\n", ""), key_file().replace("\\n", "\n"), key_file(x="é")],
    ids=["as downloaded", "by a browser", "by a shell", "beyond ASCII"],
)
def test_a_key_file_is_kept_on_one_line(given: str) -> None:
    kept = one_line(given)

    assert kept.isascii()
    assert kept.isprintable()
    assert json.loads(kept)["private_key"] == pem()
    assert one_line(kept) == kept


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (MARKER, "from { to }"),
        (f'["{MARKER}"]', "from { to }"),
        (f'{{"type": "{MARKER}', "from { to }"),
        ("[" * 8000, "from { to }"),
        ("{}", "it has no usable “type”"),
        (key_file(type=MARKER), "it has no usable “type”"),
        (key_file(type="authorized_user"), "“authorized_user”, not “service_account”"),
        (key_file(private_key=None, token_uri=""), "lacks “private_key”, “token_uri”"),
        (key_file(client_email=7), "lacks “client_email”"),
        (key_file(private_key=MARKER), "cannot be read"),
        (key_file(private_key=pem()[:900]), "cannot be read"),
        (key_file(private_key="\ud800"), "cannot be read"),
        (key_file(private_key=LOCKED), "without a password"),
        (key_file(private_key=NO_RSA), "must be an RSA key"),
    ],
)
def test_what_is_no_key_file_is_refused_without_a_quote(given: str, sentence: str) -> None:
    with pytest.raises(NoServiceAccount) as raised:
        one_line(given)

    text = str(raised.value)
    assert sentence in text
    assert MARKER not in text
    assert pem()[100:150] not in text
    # Else a report of an error could show it: that of JSON holds the whole document.
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_a_key_is_proved_when_it_is_stored_and_not_at_every_use() -> None:
    numbers = private_key().private_numbers()
    wrong = RSAPrivateNumbers(
        *(numbers.p, numbers.q, numbers.d + 2, numbers.dmp1, numbers.dmq1, numbers.iqmp),
        numbers.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    given = key_file(private_key=wrong.private_bytes(*form).decode())

    with pytest.raises(NoServiceAccount, match="cannot be read"):
        one_line(given)
    assert read(given, proved=True).email == EMAIL


@pytest.mark.parametrize(
    ("uri", "good"),
    [
        ("https://oauth2.googleapis.com/token", True),
        ("https://token.example:8443/x?y=1", True),
        ("http://127.0.0.1:8080/token", True),
        ("http://[::1]:8080/token", True),
        ("http://localhost:8080/token", True),
        ("http://oauth2.googleapis.com/token", False),
        ("http://10.0.0.5/token", False),
        ("http://127.0.0.1.example/token", False),
        ("http://localhost@example/token", False),
        ("https://user:password@example/token", False),
        ("ftp://example/token", False),
        ("file:///etc/passwd", False),
        ("https:///token", False),
        ("https://example:port/token", False),
        ("https://[::1/token", False),
        ("https://exämple/token", False),
        ("https://example/to\nken", False),
        ("oauth2.googleapis.com/token", False),
    ],
)
def test_tokens_are_asked_for_encrypted_or_on_this_machine(uri: str, good: bool) -> None:
    given = key_file(token_uri=uri)

    if good:
        assert read(given).token_uri == uri
    else:
        with pytest.raises(NoServiceAccount, match="begins with https://"):
            read(given)


def test_only_service_accounts_may_have_several_lines() -> None:
    assert clean_secret(f"\n{key_file()}", STYLE) == one_line(key_file())
    with pytest.raises(ValidationError, match="one line of ASCII"):
        clean_secret(key_file())
    with pytest.raises(ValidationError, match="is the most"):
        clean_secret(key_file(more="x" * 9000), STYLE)


def vertex(**over: Any) -> Platform:
    return make_platform("vertex", auth_style=STYLE, protocol="gemini", **over)


@pytest.mark.django_db
def test_a_command_takes_the_file(stdin: Callable[[str], None]) -> None:
    vertex()
    stdin(key_file())

    run("credential", "add", "vertex", "--secret-stdin")

    assert decrypt(Credential.objects.get().secret_encrypted) == one_line(key_file())


@pytest.mark.django_db
def test_a_command_refuses_what_is_none(stdin: Callable[[str], None]) -> None:
    credential = make_credential(vertex(), "there")

    for verb in (("add", "vertex"), ("set-secret", credential.pk)):
        stdin(key_file(private_key=MARKER))
        text = refused("credential", *verb, "--secret-stdin")
        assert "“private_key” in the service account's JSON cannot be read" in text
        assert MARKER not in text
    assert Credential.objects.count() == 1


@pytest.mark.django_db
def test_a_secret_is_replaced_by_a_file() -> None:
    credential = make_credential(vertex())

    set_secret(credential, key_file())

    assert decrypt(credential.secret_encrypted) == one_line(key_file())


@pytest.mark.django_db
def test_the_form_takes_the_file_as_a_browser_sends_it() -> None:
    given = {"platform": vertex().pk, "name": "main", "weight": 1}

    form = CredentialForm({**given, "secret": key_file().replace("\n", "")})

    assert form.is_valid(), form.errors
    assert decrypt(form.save().secret_encrypted) == one_line(key_file())


@pytest.mark.django_db
def test_the_form_refuses_what_is_none_at_its_field() -> None:
    platform = vertex()
    given = {"platform": platform.pk, "name": "main", "weight": 1, "secret": MARKER}
    changing = CredentialForm(given, instance=make_credential(platform, "there"))
    del changing.fields["platform"]  # the page shows it, but as text

    for form in (CredentialForm(given), changing):
        assert list(form.errors) == ["secret"]
        assert "not the JSON of a service account" in str(form.errors)
        assert MARKER not in str(form.errors)


@pytest.mark.django_db
def test_a_secret_for_no_platform_is_only_told_of_the_platform() -> None:
    form = CredentialForm({"name": "main", "weight": 1, "secret": "sk-1"})

    assert list(form.errors) == ["platform"]


@pytest.mark.django_db
def test_the_preset_makes_a_platform_whose_secret_is_never_a_header() -> None:
    platform, _new = add_platform(
        "vertex",
        preset="vertex",
        base_url="https://eu-aiplatform.example/v1/publishers/google",
        headers={"X-A": "1"},
    )
    spec, credential = spec_of(platform, make_credential(platform, secret=one_line(key_file())))

    assert (spec.protocol, spec.models_path) == ("gemini", "")
    assert spec.needs_credential
    assert credential.service_account
    assert credential.headers == (("X-A", "1"),)


@pytest.mark.django_db
def test_other_platforms_have_no_service_accounts() -> None:
    platform = make_platform()

    for key in (make_credential(platform), None):
        assert not spec_of(platform, key)[1].service_account

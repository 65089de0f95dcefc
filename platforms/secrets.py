"""Credentials' secrets at rest: encrypted with keys from the settings, newest key first."""

from collections.abc import Callable

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from platforms.models import Credential

Rotate = Callable[[str], str]
"""What is stored, as the newest key encrypts it. Raises SecretUnreadable."""
_others: list[Callable[[Rotate], int]] = []


def rotate_also(others: Callable[[Rotate], int]) -> None:
    """Let an app whose secrets are encrypted here too take part in `rotate_all`; it says how many.

    Called in its transaction.
    """
    _others.append(others)


class SecretUnreadable(Exception):
    """A stored secret cannot be decrypted with any of the keys in the settings."""

    def __init__(self, whose: str = "") -> None:
        it = _("The secret of “%s”") % whose if whose else _("A stored secret")
        super().__init__(
            _(
                "%(it)s cannot be decrypted: its key is not among TOKENS_ENCRYPTION_KEYS. "
                "Give that key back, or enter the secret again."
            )
            % {"it": it}
        )


def encrypt(text: str) -> str:
    """The secret as it is stored."""
    return _fernet().encrypt(text.encode("utf-8")).decode("ascii")


def decrypt(stored: str) -> str:
    """The secret as it is used. Raises SecretUnreadable."""
    try:
        return _fernet().decrypt(stored.encode("ascii")).decode("utf-8")
    except (InvalidToken, ValueError) as error:
        raise SecretUnreadable from error


def rotate_all() -> int:
    """Encrypt every credential's secret, and other apps', with the newest key; how many.

    All or none: raises SecretUnreadable, with the name of the credential that stands in the way.
    """
    fernet = _fernet()
    with transaction.atomic():
        credentials = list(Credential.objects.select_for_update())
        for credential in credentials:
            try:
                rotated = fernet.rotate(credential.secret_encrypted.encode("ascii"))
            except (InvalidToken, ValueError) as error:
                raise SecretUnreadable(str(credential)) from error
            credential.secret_encrypted = rotated.decode("ascii")
            credential.save(update_fields=["secret_encrypted"])
        return len(credentials) + sum(rotate(_rotated) for rotate in _others)


def _rotated(stored: str) -> str:
    try:
        return _fernet().rotate(stored.encode("ascii")).decode("ascii")
    except (InvalidToken, ValueError) as error:
        raise SecretUnreadable from error


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.TOKENS_ENCRYPTION_KEYS])

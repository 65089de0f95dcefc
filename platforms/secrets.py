"""Credentials' secrets at rest: encrypted with keys from the settings, newest key first."""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import transaction

from platforms.models import Credential


class SecretUnreadable(Exception):
    """A stored secret cannot be decrypted with any of the keys in the settings."""

    def __init__(self) -> None:
        super().__init__(
            "A stored secret cannot be decrypted: its key is not among TOKENS_ENCRYPTION_KEYS. "
            "Give that key back, or enter the secret again."
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
    """Encrypt every credential's secret with the newest key; how many. Raises SecretUnreadable."""
    fernet = _fernet()
    with transaction.atomic():
        credentials = list(Credential.objects.select_for_update())
        for credential in credentials:
            try:
                rotated = fernet.rotate(credential.secret_encrypted.encode("ascii"))
            except InvalidToken as error:
                raise SecretUnreadable from error
            credential.secret_encrypted = rotated.decode("ascii")
            credential.save(update_fields=["secret_encrypted"])
    return len(credentials)


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.TOKENS_ENCRYPTION_KEYS])

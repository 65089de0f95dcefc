"""`manage.py check`: each wrong or dangerous setting, with an id and what to do."""

from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning as CheckWarning, register


@register(Tags.security)
def encryption_keys(app_configs: Any, **_options: Any) -> list[CheckMessage]:
    """Every key must be one that Fernet takes."""
    problems: list[CheckMessage] = []
    for number, key in enumerate(settings.TOKENS_ENCRYPTION_KEYS, 1):
        try:
            Fernet(key)
        except ValueError:
            problems.append(
                Error(
                    f"Key {number} of TOKENS_ENCRYPTION_KEYS is not a Fernet key.",
                    hint="32 random bytes in URL-safe base64, such as: python -c 'from "
                    "cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'",
                    id="tokens.E001",
                )
            )
    return problems


@register()
def positive_settings(app_configs: Any, **_options: Any) -> list[CheckMessage]:
    """Limits and time-outs must be above zero."""
    names = (
        "TOKENS_MAX_CHAT_BODY",
        "TOKENS_MAX_ANSWER",
        "TOKENS_MAX_HEADERS",
        "TOKENS_PING_S",
        "TOKENS_DRAIN_S",
        "TOKENS_BODY_S",
        "TOKENS_ATTEMPTS",
        "TOKENS_BOOKING_S",
        "TOKENS_LIMIT_LEASE_S",
        "TOKENS_ALERT_ERROR_PERCENT",
        "TOKENS_ALERT_ERROR_WINDOW_S",
        "TOKENS_ALERT_ERROR_REQUESTS",
        "TOKENS_SIGN_IN_FAILURES",
        "TOKENS_SIGN_IN_LOCK_S",
        "TOKENS_SESSION_IDLE_S",
        "TOKENS_SESSION_S",
    )
    return [
        Error(
            f"{name} is {getattr(settings, name)}.",
            hint="It must be above zero; leave it out for the default.",
            id="tokens.E002",
        )
        for name in names
        if getattr(settings, name) <= 0
    ]


@register()
def words(app_configs: Any, **_options: Any) -> list[CheckMessage]:
    """What is open or closed must be one of the two."""
    return [
        Error(
            f"{name} is {getattr(settings, name)!r}.",
            hint="It takes open or closed; leave it out for the default.",
            id="tokens.E003",
        )
        for name in ("TOKENS_REDIS_DOWN_LIMITS", "TOKENS_REDIS_DOWN_BUDGETS")
        if getattr(settings, name) not in ("open", "closed")
    ]


@register()
def metrics(app_configs: Any, **_options: Any) -> list[CheckMessage]:
    """Where metrics are served must be a port, and their token no word that can be guessed."""
    problems: list[CheckMessage] = []
    if not 0 <= settings.TOKENS_METRICS_PORT <= 65_535:
        problems.append(
            Error(
                f"TOKENS_METRICS_PORT is {settings.TOKENS_METRICS_PORT}.",
                hint="It must be a port up to 65535; leave it out for none.",
                id="tokens.E004",
            )
        )
    if 0 < len(settings.TOKENS_METRICS_TOKEN) < 16:
        problems.append(
            CheckWarning(
                "TOKENS_METRICS_TOKEN is shorter than 16 characters, so it can be guessed.",
                hint="python -c 'import secrets; print(secrets.token_urlsafe())' makes a good one.",
                id="tokens.W003",
            )
        )
    return problems


@register(Tags.security, deploy=True)
def production(app_configs: Any, **_options: Any) -> list[CheckMessage]:
    """What is fine on one's own machine and not on the internet."""
    problems: list[CheckMessage] = []
    if not settings.TOKENS_HTTPS:
        problems.append(
            CheckWarning(
                "TOKENS_HTTPS is off: licences and passwords travel in clear.",
                hint="Put a TLS proxy in front and set TOKENS_HTTPS=true.",
                id="tokens.W001",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        problems.append(
            CheckWarning(
                "TOKENS_ALLOWED_HOSTS allows every host name.",
                hint="Name the hosts under which the console is reached.",
                id="tokens.W002",
            )
        )
    return problems

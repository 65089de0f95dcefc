"""What is said of an alert, in the language that is active: a title, and what follows from it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from gateway.alert_rows import Alert, AlertKind, Event, Severity
from gateway.usage.prices import format_micros

Parameters = dict[str, Any]


def title(alert: Alert) -> str:
    """One line: what is wrong."""
    say = _TITLES.get(alert.kind)  # a newer version may have known another
    return one_line(say(alert.parameters, alert.severity) if say else str(alert))


def told(alert: Alert, event: str) -> str:
    """The title with what has become of it."""
    forms = {
        Event.RESOLVED.value: _("Resolved: %s"),
        Event.REMINDER.value: _("Still so: %s"),
        Event.WORSE.value: _("Now worse: %s"),
    }
    return forms.get(event, "%s") % title(alert)


def detail(alert: Alert) -> str:
    """What it means, and what can be done."""
    say = _DETAILS.get(alert.kind)
    return one_line(say(alert.parameters, alert.severity)) if say else ""


def page(alert: Alert) -> str:
    """The console's page of what it is about, as a path."""
    name = {
        AlertKind.CREDENTIAL_DISABLED.value: "admin:platforms_credential_change",
        AlertKind.PLATFORM_DOWN.value: "admin:platforms_platform_change",
        AlertKind.ERROR_RATE.value: "admin:platforms_platform_change",
        AlertKind.BUDGET.value: "admin:licences_licence_change",
        AlertKind.LICENCE_EXPIRING.value: "admin:licences_licence_change",
    }
    try:
        return reverse(name[alert.kind], args=[alert.parameters["id"]])
    except (NoReverseMatch, KeyError):  # of an older or newer version
        return ""


def address(path: str) -> str:
    """A page's address for those who are outside; "" where the operator has not said it."""
    return f"{settings.TOKENS_PUBLIC_URL}{path}" if settings.TOKENS_PUBLIC_URL and path else ""


def one_line(text: str) -> str:
    """Names and reasons are others' words: no line breaks, and nothing that is not seen."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def moment(when: datetime) -> str:
    """A time for people, the same for all: 2026-11-26 14:05 UTC."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _credential(p: Parameters, _severity: str) -> str:
    return _("Credential “%(credential)s” of %(platform)s is out of service") % p


def _credential_more(p: Parameters, _severity: str) -> str:
    return (
        _(
            "The platform refused it: %(reason)s. It gets no calls. It is tried again now and "
            "then, and put into service when that goes well; “Enable now” does it at once."
        )
        % p
    )


def _down(p: Parameters, _severity: str) -> str:
    return _("No credential of %(platform)s can carry calls") % p


def _down_more(p: Parameters, _severity: str) -> str:
    return (
        _(
            "All of its credentials (%(count)d) are out of service or draining. Calls are answered "
            "with errors, unless a model has a fallback elsewhere."
        )
        % p
    )


def _errors(p: Parameters, _severity: str) -> str:
    return _("%(percent)d %% of the calls of %(platform)s fail") % p


def _errors_more(p: Parameters, _severity: str) -> str:
    return (
        _("%(errors)d of %(requests)d calls of the last %(minutes)d minutes failed upstream.") % p
    )


def _window(window: str) -> str:
    return {"total": _("in total"), "day": _("of the day"), "month": _("of the month")}[window]


def _budget(p: Parameters, severity: str) -> str:
    form = (
        _("Licence “%(licence)s” has spent its budget %(of)s")
        if severity == Severity.CRITICAL
        else _("Licence “%(licence)s” has spent %(percent)d %% of its budget %(of)s")
    )
    return form % {**p, "of": _window(p["window"])}


def _budget_more(p: Parameters, severity: str) -> str:
    text = _("%(spent)s of %(amount)s.") % {
        "spent": format_micros(p["spent_micros"], settings.TOKENS_CURRENCY),
        "amount": format_micros(p["amount_micros"], settings.TOKENS_CURRENCY),
    }
    if severity == Severity.CRITICAL:
        ends = {
            "total": _("Its calls are refused until the budget is raised."),
            "day": _("Its calls are refused until midnight UTC, or until the budget is raised."),
            "month": _("Its calls are refused until the month ends, or until it is raised."),
        }
        text = _("%(first)s %(second)s") % {"first": text, "second": ends[p["window"]]}
    return text


def _expiry(p: Parameters, severity: str) -> str:
    form = (
        _("Licence “%(licence)s” has expired")
        if severity == Severity.CRITICAL
        else _("Licence “%(licence)s” expires soon")
    )
    return form % p


def _expiry_more(p: Parameters, severity: str) -> str:
    when = moment(datetime.fromisoformat(p["expires_at"]))
    if severity == Severity.CRITICAL:
        return _("It ended on %s; its calls are refused.") % when
    return _("It ends on %s. A later moment on its page extends it.") % when


_Say = Callable[[Parameters, str], str]
_TITLES: dict[str, _Say] = {
    AlertKind.CREDENTIAL_DISABLED.value: _credential,
    AlertKind.PLATFORM_DOWN.value: _down,
    AlertKind.ERROR_RATE.value: _errors,
    AlertKind.BUDGET.value: _budget,
    AlertKind.LICENCE_EXPIRING.value: _expiry,
}
_DETAILS: dict[str, _Say] = {
    AlertKind.CREDENTIAL_DISABLED.value: _credential_more,
    AlertKind.PLATFORM_DOWN.value: _down_more,
    AlertKind.ERROR_RATE.value: _errors_more,
    AlertKind.BUDGET.value: _budget_more,
    AlertKind.LICENCE_EXPIRING.value: _expiry_more,
}

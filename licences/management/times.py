"""Moments and durations as commands take them: 30d, 2026-12-31, 2026-12-31T18:00."""

import re
from datetime import datetime, timedelta

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from licences.forms import end_of

_DURATION = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(option: str, text: str | None) -> datetime | None:
    """A duration from now, or a moment in the server's time zone. Raises CommandError."""
    if text is None:
        return None
    duration = _duration(text)
    try:
        found = timezone.now() + duration if duration is not None else _parsed(text)
    except OverflowError:  # such as 999999 weeks
        found = None
    if found is None:
        raise CommandError(
            _("%(option)s is “%(value)s”; it takes 30d, 12h, 2026-12-31 or 2026-12-31T18:00.")
            % {"option": option, "value": text}
        )
    return found


def end_at(option: str, text: str) -> datetime:
    """The end of a day, or a moment, in the server's time zone. Raises CommandError."""
    try:
        day = parse_date(text)
    except ValueError:  # such as 2026-02-31
        day = None
    found = _parsed(text) if day is None else end_of(day)
    if found is None:
        raise CommandError(
            _("%(option)s is “%(value)s”; it takes 2026-12-31 or 2026-12-31T18:00.")
            % {"option": option, "value": text}
        )
    return found


def needed_duration(option: str, text: str) -> timedelta:
    """Such as 24h. Raises CommandError."""
    duration = _duration(text)
    if duration is None:
        raise CommandError(
            _("%(option)s is “%(value)s”; it takes a number and s, m, h, d or w: 24h.")
            % {"option": option, "value": text}
        )
    return duration


def _duration(text: str) -> timedelta | None:
    match = _DURATION.fullmatch(text)
    return match and timedelta(**{_UNITS[match[2]]: int(match[1])})


def _parsed(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
        return found if found is None or timezone.is_aware(found) else timezone.make_aware(found)
    except (ValueError, OverflowError):  # such as 2026-02-31
        return None

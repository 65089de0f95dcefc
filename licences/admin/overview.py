"""The upper part of a licence's page: limits and budgets as bars, and what else it shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _, gettext_lazy

from licences import snippets, spends
from licences.holders import limits_of, model_limits_of
from licences.limits.spending import budgets_of
from licences.limits.terms import BUDGETS, Bucket, Usage, window_end
from licences.models import EXPIRING_SOON, Licence, State
from licences.panels import panels

NEARLY = 80  # per cent of a limit; from there on its bar warns
_TONES = {
    State.ACTIVE: "good",
    State.EXPIRING: "warn",
    State.NOT_YET_VALID: "warn",
    State.EXPIRED: "bad",
    State.REVOKED: "bad",
    State.SWITCHED_OFF: "",
}
_RATES = {
    "rpm": gettext_lazy("%(used)s of %(most)s requests in the last 60 seconds"),
    "tpm": gettext_lazy("%(used)s of %(most)s tokens in the last 60 seconds"),
    "concurrency": gettext_lazy("%(used)s of %(most)s requests under way"),
}
_BOUNDS = {
    "rpm": gettext_lazy("%(most)s requests per minute"),
    "tpm": gettext_lazy("%(most)s tokens per minute"),
    "concurrency": gettext_lazy("%(most)s parallel requests"),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """How full something is, in words and as a bar."""

    words: str
    percent: int | None = None
    """0 to 100. Default: None, it has no bound or what is used cannot be told."""
    note: str = ""

    @property
    def tone(self) -> str:
        """The ending of its class: nothing, `warn` or `bad`."""
        if self.percent is None or self.percent < NEARLY:
            return ""
        return "bad" if self.percent >= 100 else "warn"


def tone(licence: Licence, now: datetime) -> str:
    """The ending of its badge's class, by its state."""
    return _TONES[licence.state(now)]


def expires_soon(licence: Licence, now: datetime) -> bool:
    """Whether its end is near enough to do something about it."""
    return licence.expires_at is not None and now < licence.expires_at <= now + EXPIRING_SOON


def tightest(licence: Licence) -> Bar | None:
    """The budget of which most is spent; None: it has none. After `spends.note_spends`."""
    bars = [
        Bar(spends.in_words(own, amount, window), _percent(own, amount))
        for window, (amount, own) in budgets_of(licence, licence.spent).items()
        if amount is not None
    ]
    return max(bars, key=lambda bar: bar.percent or 0, default=None)


def context(request: HttpRequest, licence: Licence, *, may_change: bool) -> dict[str, Any]:
    """All that the page's upper part shows."""
    now = timezone.now()
    spends.note_spends([licence])
    usage = panels.usage
    return {
        "licence": licence,
        "state": licence.state(now).label,
        "tone": tone(licence, now),
        "expires_soon": expires_soon(licence, now),
        "is_over": licence.expires_at is not None and licence.expires_at <= now,
        "has_old_key": licence.has_old_key(now),
        "may_change": may_change and licence.revoked_at is None,
        "budgets": list(_budgets(licence)),
        "rates": list(_rates(licence)),
        "usage_panel": usage(request, licence) if usage else "",
        "snippets": None if licence.revoked_at else snippets.shown(licence, origin(request)),
    }


def origin(request: HttpRequest) -> str:
    """The gateway's address, as the operator reaches it."""
    return request.build_absolute_uri("/").rstrip("/")


def page(licence: Licence, verb: str = "change") -> str:
    """The address of one of its pages."""
    return reverse(f"admin:licences_licence_{verb}", args=[licence.pk])


def _budgets(licence: Licence) -> Iterator[Bar]:
    day = licence.spent.on
    found = budgets_of(licence, licence.spent)
    for window, words in zip(BUDGETS, spends.lines(licence), strict=True):
        amount, own = found[window]
        end = window_end(window, day)
        note = ""
        if amount is not None and end is not None:
            shown = date_format(timezone.localtime(end), "DATETIME_FORMAT")
            note = _("Begins anew on %(moment)s") % {"moment": shown}
        yield Bar(words, None if amount is None else _percent(own, amount), note)


def _rates(licence: Licence) -> Iterator[Bar]:
    own = limits_of(licence.pk, (licence.rpm, licence.tpm, licence.concurrency), {})
    models = [bucket for _pattern, bucket in model_limits_of(licence.pk, licence.model_limits)]
    buckets = [*([own] if own else []), *models]
    usages_of = panels.usages_of if buckets else None
    usages: Sequence[Usage | None] | None = usages_of(buckets) if usages_of else None
    for bucket, usage in zip(buckets, usages or [None] * len(buckets), strict=True):
        yield from _rates_of(bucket, usage)


def _rates_of(bucket: Bucket, usage: Usage | None) -> Iterator[Bar]:
    used = {}
    if usage is not None:
        used = {"rpm": usage.requests, "tpm": usage.tokens, "concurrency": usage.under_way}
    for name in ("rpm", "tpm", "concurrency"):
        most = getattr(bucket, name)
        if most is None:
            continue
        if usage is None:
            bar = Bar(_BOUNDS[name] % {"most": f"{most:,}"})
        else:
            numbers = {"most": f"{most:,}", "used": f"{used[name]:,}"}
            bar = Bar(_RATES[name] % numbers, _percent(used[name], most))
        yield bar if not bucket.name else Bar(f"{bucket.name}: {bar.words}", bar.percent)


def _percent(part: int, whole: int) -> int:
    """Rounded down, so that only what is spent is 100; a bound of nothing is."""
    return min(100, part * 100 // whole) if whole > 0 else 100

"""A clock that is moved by hand, and rounds of alerts at its moments."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from gateway.alert_rows import AlertMessage, AlertTarget
from gateway.alerts import messages, rounds, sending
from gateway.alerts.conditions import LOOKS, Condition, error_rate, suspects
from gateway.models import Outcome, UsageRecord
from licences.models import Licence, LicenceSpend
from platforms.models import Credential

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
REASON = "key: Incorrect API key provided"


@dataclass
class Scene:
    """The time, and what was told until now."""

    now: datetime = NOON
    told: list[str] = field(default_factory=list)

    def later(self, **by: float) -> list[str]:
        """Move the clock, look, and give back the titles of the messages that were written."""
        self.now += timedelta(**by)
        token = rounds.take_turn(self.now) or rounds.take_turn(self.now)  # the first makes the row
        assert token
        found = everything(self.now)
        before = set(AlertMessage.objects.values_list("pk", flat=True))
        assert rounds.write(found, self.now, token)
        messages.compose(self.now, token)
        new = AlertMessage.objects.exclude(pk__in=before).order_by("notices__id", "id")
        titles = [one.content["subject"].removeprefix("[Tokens] ") for one in new.distinct()]
        self.told += titles
        return list(dict.fromkeys(titles))


def everything(now: datetime) -> list[Condition]:
    """All looks in a row."""
    found = [one for look in LOOKS for one in look(now)]
    return found + [one for suspect in suspects(now) for one in error_rate(suspect, now)]


def make_target(name: str = "ops", kind: str = "webhook", **over: Any) -> AlertTarget:
    """A saved target; a webhook has a secret."""
    address = "https://hooks.example.org/x" if kind == "webhook" else "ops@example.org"
    sealed = sending.seal(sending.new_secret()) if kind == "webhook" else ""
    fields = {"address": address, "secret_encrypted": sealed, **over}
    return AlertTarget.objects.create(name=name, kind=kind, **fields)


def disable(*rows: Credential, reason: str = REASON) -> None:
    """As a gateway writes down that a platform has refused them; "": they are well again."""
    ids = [row.pk for row in rows]
    Credential.objects.filter(pk__in=ids).update(disabled_reason=reason)


def spend(licence: Licence, window: str, micros: int, now: datetime = NOON) -> None:
    """As booking sums it up."""
    day = now.date()
    starts = {"total": date(1970, 1, 1), "day": day, "month": day.replace(day=1)}
    LicenceSpend.objects.update_or_create(
        licence=licence,
        window=window,
        starts_on=starts[window],
        defaults={"cost_micros": micros},
    )


def calls(platform: str, outcome: Outcome, count: int, at: datetime) -> None:
    """Usage records of calls that ended so."""
    begin = UsageRecord.objects.count()
    UsageRecord.objects.bulk_create(
        UsageRecord(
            request_id=f"foaicmpl-{begin + n}",
            at=at,
            platform=platform,
            endpoint="chat.completions",
            outcome=outcome,
            status=200 if outcome == Outcome.COMPLETED else 502,
        )
        for n in range(count)
    )

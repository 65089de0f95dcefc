"""What the explorer is asked for, as its address says it: to be kept, shared and changed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.translation import gettext as _

from gateway.usage.groups import By, Key, Measure, Scope, moments
from licences.models import Licence

PERIODS: dict[str, int] = {"today": 1, "7": 7, "30": 30, "90": 90}
"""Days up to today, which is one of them."""
DATES = "dates"
USUAL = "30"
NONE = "-"
"""How an address says: those without a platform, model or licence."""
_NUMBERED = re.compile(r"(?:.*\()?(\d{1,18})\)?", re.DOTALL)
_FINER: tuple[By, ...] = ("licence", "platform", "model")


@dataclass(frozen=True, slots=True)
class Asked:
    """One view of the explorer."""

    scope: Scope
    period: str
    """A key of `PERIODS`, or `dates`."""
    by: By
    measure: Measure
    page: int = 1
    problems: tuple[str, ...] = ()
    """What could not be understood, for the operator."""

    def query(self, **changes: Any) -> str:
        """This view as the query of an address, with some of it changed; None leaves one out."""
        scope = self.scope
        said: dict[str, Any] = {
            "period": self.period,
            "by": self.by,
            "measure": self.measure,
            "platform": _said(scope.platform),
            "model": _said(scope.model),
            "licence": scope.licence_name if scope.licence_id is None else str(scope.licence_id),
        }
        if self.period == DATES:
            said.update({"from": scope.since.isoformat(), "to": scope.until.isoformat()})
        if self.page > 1:
            said["page"] = self.page
        said.update(changes)
        return urlencode({name: value for name, value in said.items() if value is not None})

    def narrowed(self, key: Key) -> "Asked":
        """The same within one group of its table, in the next grouping."""
        scope = self.scope
        match self.by:
            case "licence":
                scope = replace(scope, licence_id=key[0], licence_name=None)
            case "platform":
                scope = replace(scope, platform=key[0])
            case "model":
                scope = replace(scope, platform=key[0], model=key[1])
            case "day":
                scope = replace(scope, since=key[0], until=key[0])
            case "month":
                after = (key[0] + timedelta(days=31)).replace(day=1)
                first, last = max(scope.since, key[0]), min(scope.until, after - timedelta(days=1))
                scope = replace(scope, since=first, until=last)
        period = DATES if self.by in ("day", "month") else self.period
        found = replace(self, scope=scope, period=period, page=1)
        return replace(found, by=found._next())

    def _next(self) -> By:
        """The grouping that says more than this one."""
        if self.by == "month" and self.scope.since != self.scope.until:
            return "day"
        scope = self.scope
        is_fixed = {
            "licence": scope.licence_id is not None,
            "platform": scope.platform is not None,
            "model": scope.model is not None,
        }
        after = _FINER[_FINER.index(self.by) + 1 :] if self.by in _FINER else ()
        for by in (*after, *_FINER):
            if not is_fixed[by]:
                return by
        return "day"

    @property
    def is_narrowest(self) -> bool:
        """Whether no grouping says more: what is left are the requests."""
        scope = self.scope
        fixed = (scope.licence_id, scope.platform, scope.model)
        return None not in fixed and scope.since == scope.until

    @property
    def requests_query(self) -> str:
        """The query of the list of usage records that shows these requests."""
        scope = self.scope
        begin, end = moments(scope.since, scope.until)
        said = {
            "at__gte": begin.isoformat(sep=" "),
            "at__lt": end.isoformat(sep=" "),
            "platform": scope.platform,
            "model": scope.model,
            "licence_id": str(scope.licence_id) if scope.licence_id else None,
            "licence_id__isnull": "True" if scope.licence_id == 0 else None,
            "licence_name": scope.licence_name,
        }
        return urlencode({name: value for name, value in said.items() if value is not None})


def asked(query: Mapping[str, str]) -> Asked:
    """What an address asks for. What it does not say is usual; what it says wrong is told."""
    problems: list[str] = []
    period = query.get("period", "")
    if period not in PERIODS and (period == DATES or query.get("from") or query.get("to")):
        since, until = _dates(query, problems)
        period = DATES
    else:
        period = period if period in PERIODS else USUAL
        until = today()
        since = until - timedelta(days=PERIODS[period] - 1)
    scope = Scope(
        since,
        until,
        platform=_meant(query.get("platform")),
        model=_meant(query.get("model")),
        **_licence(query.get("licence", "").strip()),
    )
    by = query.get("by", "")
    measure = query.get("measure", "")
    page = query.get("page", "")
    return Asked(
        scope,
        period,
        by if by in get_args(By) else "licence",  # type: ignore[arg-type] # looked at here
        measure if measure in get_args(Measure) else "cost",  # type: ignore[arg-type] # and here
        int(page) if page.isdecimal() and 0 < len(page) < 7 else 1,
        tuple(problems),
    )


def today() -> date:
    """Of the roll-ups: in UTC."""
    return timezone.now().astimezone(UTC).date()


def _dates(query: Mapping[str, str], problems: list[str]) -> tuple[date, date]:
    until = _date(query.get("to", ""), today(), problems)
    since = _date(query.get("from", ""), until - timedelta(days=29), problems)
    if since > until:
        problems.append(_("The first day is after the last one; they were exchanged."))
        return until, since
    return since, until


def _date(said: str, usual: date, problems: list[str]) -> date:
    if not said:
        return usual
    try:
        found = datetime.strptime(said, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
        # What is added to it, a month at most, must stay within the calendar.
        if 1970 <= found.year <= 9000:
            return found
    except ValueError:
        pass
    problems.append(_("“%(said)s” is no day; write one as 2026-11-01.") % {"said": said[:40]})
    return usual


def _licence(said: str) -> dict[str, Any]:
    """A licence by its number, as `name (number)`, or by its name."""
    if not said:
        return {}
    if said == NONE:
        return {"licence_id": 0}
    if match := _NUMBERED.fullmatch(said):
        return {"licence_id": int(match[1])}
    known = list(Licence.objects.filter(name=said).values_list("pk", flat=True)[:2])
    if len(known) == 1:
        return {"licence_id": known[0]}
    return {"licence_name": said[:100].replace("\x00", "")}


def _meant(said: str | None) -> str | None:
    said = (said or "").strip()[:200].replace("\x00", "")
    return None if not said else "" if said == NONE else said


def _said(name: str | None) -> str | None:
    return NONE if name == "" else name

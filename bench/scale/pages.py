"""Every page of the console, as a browser asks for it.

The dashboard for each of its periods; the explorer by each grouping; lists with each filter, a
search, a late page; the page of one row of each.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gateway.models import MediaTask, UsageDay, UsageRecord
from gateway.usage import periods, report
from licences.models import Licence
from platforms.models import Credential, ModelMapping, Platform
from tokens_site.console import NAVIGATION

TIMES = 3
BOUND_MS = 300.0
PAGE_BOUND_MS = 500.0
"""Of the other pages in the navigation."""
_LISTS = {
    UsageRecord: ("licence-77", "foaicmpl-c4ca4238a0b923820dcc509a6f75849b", "nothing-like-it"),
    UsageDay: ("licence-77", "nothing-like-it"),
    Licence: ("licence-77", "nothing-like-it"),
    Credential: ("key 77", "nothing-like-it"),
    Platform: ("platform-77", "nothing-like-it"),
    ModelMapping: ("model-7", "nothing-like-it"),
    MediaTask: ("licence-77", "nothing-like-it"),
}
_DASHBOARD = {"dashboard": "/admin/", "its licences": "/admin/dashboard/licences/"}


@dataclass(frozen=True, slots=True)
class Measured:
    """One page or report."""

    name: str
    ms: float
    """The median of some."""
    cpu_ms: float
    """Of this process, the median: what would be left on a machine with nothing else to do."""
    database_ms: float
    """Of the queries."""
    slowest: str
    """The query that took longest."""
    bound_ms: float


def measure() -> Iterator[Measured]:
    """All pages, then all reports."""
    client = Client()
    client.force_login(User.objects.create(username="scale", is_staff=True, is_superuser=True))
    for days in periods.CHOICES:
        for what, address in _DASHBOARD.items():
            yield _timed(f"{what}: {days} days", _getter(client, f"{address}?days={days}"))
    for title, address in _navigation():
        yield _timed(f"page “{title}”", _getter(client, address), PAGE_BOUND_MS)
    for model, terms in _LISTS.items():
        options = model._meta
        address = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
        for what, query in _queries(client, model, address, terms):
            yield _timed(
                f"{options.verbose_name_plural}: {what}", _getter(client, f"{address}?{query}")
            )
        yield _timed(f"one of {options.verbose_name_plural}", _one(client, model), PAGE_BOUND_MS)
    explorer = reverse("console:explorer")
    for by in ("licence", "platform", "model", "day", "month"):
        address = f"{explorer}?{urlencode({'by': by, 'period': '90'})}"
        yield _timed(f"explorer by {by}, 90 days", _getter(client, address), PAGE_BOUND_MS)
    for by in report.GROUPS:
        yield _timed(f"usage report --by {by}", _reporter(by))


def _navigation() -> Iterator[tuple[str, str]]:
    """Pages of the navigation that are not measured anyway."""
    for group in NAVIGATION:
        for item in group["items"]:
            if str(item["link"]) not in _DASHBOARD.values():
                yield str(item["title"]), str(item["link"])


def _queries(
    client: Client, model: type[Model], address: str, terms: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    page = client.get(address)
    yield "first page", ""
    changes = page.context_data["cl"]  # type: ignore[index] # a page of the admin has one
    last = changes.paginator.num_pages
    if last > 1:
        yield f"page {last}", urlencode({PAGE_VAR: last})
    for term in terms:
        yield f"search “{term[:20]}”", urlencode({SEARCH_VAR: term})
    for spec in changes.filter_specs:
        # The first, a middle one and the last of many platforms say as much as all.
        choices = list(_choices(spec, changes))
        picked = (
            choices if len(choices) < 8 else [choices[0], choices[len(choices) // 2], choices[-1]]
        )
        for shown, query in picked:
            yield f"filter {spec.title}: {shown}", query
    if changes.date_hierarchy:
        field = changes.date_hierarchy
        day = model._default_manager.order_by(f"-{field}").values_list(field, flat=True)[0]
        yield "one month", urlencode({f"{field}__year": day.year, f"{field}__month": day.month})


def _choices(spec: Any, changes: Any) -> Iterator[tuple[str, str]]:
    """What a filter offers: links, or the options of a form's select; forms of texts have none."""
    for choice in spec.choices(changes):
        if "form" in choice:
            for value, shown in getattr(spec, "lookup_choices", ()):
                yield str(shown), urlencode({spec.lookup_kwarg: value})
        elif not choice["selected"]:
            yield str(choice["display"]), str(choice["query_string"]).removeprefix("?")


def _getter(client: Client, address: str) -> Callable[[], None]:
    def get() -> None:
        answer = client.get(address)
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answered {answer.status_code}.")

    return get


def _one(client: Client, model: type[Model]) -> Callable[[], None]:
    """The page of one row: the first, which of licences is the busiest."""
    options = model._meta
    row = model._default_manager.order_by("pk")[0]
    name = f"admin:{options.app_label}_{options.model_name}_change"
    return _getter(client, reverse(name, args=[row.pk]))


def _reporter(by: report.By) -> Callable[[], None]:
    def run() -> None:
        report.usage(by, report.day_of("30d"))

    return run


def _timed(name: str, run: Callable[[], None], bound_ms: float = BOUND_MS) -> Measured:
    run()  # warm
    took, worked = [], []
    for _ in range(TIMES):
        began, cpu = time.perf_counter(), time.process_time()
        run()
        took.append((time.perf_counter() - began) * 1000)
        worked.append((time.process_time() - cpu) * 1000)
    with CaptureQueriesContext(connection) as queries:
        run()
    found = sorted(queries.captured_queries, key=lambda query: -float(query["time"]))
    database = sum(float(query["time"]) for query in found) * 1000
    slowest = found[0]["sql"] if found else ""
    ms, cpu_ms = statistics.median(took), statistics.median(worked)
    return Measured(name, ms, cpu_ms, database, slowest, bound_ms)


def slow(measured: list[Measured]) -> list[Measured]:
    """Those over their bound."""
    return [one for one in measured if one.ms > one.bound_ms]

"""A database as a large installation has it after three months; made by SQL, in minutes."""

import contextlib
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from gateway.models import (
    MediaTask,
    UsageDay,
    UsageHour,
    UsageModelDay,
    UsageRecord,
    UsageTiming,
    UsageWeek,
)
from gateway.usage.timings import RATIO
from licences.models import Licence, LicenceSpend
from platforms.models import Credential, ModelMapping, Platform
from platforms.secrets import encrypt

LICENCES, PLATFORMS, CREDENTIALS, MAPPINGS, TASKS = 10_000, 200, 2_000, 5_000, 100_000
DAYS = 90

# A few licences do most: half of all calls come from one in sixty.
_LICENCE = f"1 + floor(power(random(), 6) * {LICENCES})::int"
_PLATFORM = f"'platform-' || (licence * 7) % {PLATFORMS}"
_MODEL = "'model-' || (licence + (n % 2)) % 25"


def fill(records: int) -> None:
    """Everything; the database is empty but for its tables."""
    _configuration()
    licences(LICENCES)
    with _without_indexes(UsageRecord):
        _records(records)
    _hours()
    _rest()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _configuration() -> None:
    Platform.objects.bulk_create(
        Platform(slug=f"platform-{n}", name=f"Platform {n}", base_url=f"http://127.0.0.1:9/{n}/v1")
        for n in range(PLATFORMS)
    )
    platforms = list(Platform.objects.order_by("id"))
    Credential.objects.bulk_create(
        Credential(
            platform=platforms[n % PLATFORMS],
            name=f"key {n}",
            secret_encrypted=encrypt(f"secret-{n:08}"),
            last_error="429 from the platform" if n % 10 == 0 else "",
        )
        for n in range(CREDENTIALS)
    )
    ModelMapping.objects.bulk_create(
        ModelMapping(
            platform=platforms[n % PLATFORMS],
            public_name=f"model-{n // PLATFORMS}",
            price_prompt_micros=1_000_000,
            price_completion_micros=4_000_000,
        )
        for n in range(MAPPINGS)
    )


def licences(count: int) -> None:
    """So many licences; nobody knows their keys."""
    _insert(
        Licence,
        f"generate_series(1, {count}) AS n",
        name="'licence-' || n",
        owner="'owner ' || n % 500",
        key_start="'tk-' || substr(md5(n::text), 1, 5)",
        key_end="substr(md5(n::text), 6, 4)",
        key_hash="md5(n::text) || md5((-n)::text)",
        expires_at="CASE WHEN n % 3 = 0 THEN now() + n * interval '10 minutes' END",
        last_used_at="CASE WHEN n % 4 > 0 THEN now() - n * interval '5 minutes' END",
        created_at="now() - n * interval '12 minutes'",
    )


@contextlib.contextmanager
def _without_indexes(model: type[Model]) -> Iterator[None]:
    """They are made afterwards, at once: a third of the time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname NOT IN "
            "(SELECT conname FROM pg_constraint)",
            [model._meta.db_table],
        )
        indexes = cursor.fetchall()
        for name, _definition in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        yield
        for _name, definition in indexes:
            cursor.execute(definition)


def _records(count: int) -> None:
    source = (
        f"(SELECT n, {_LICENCE} AS licence, random() AS luck, "  # noqa: S608 # our own numbers
        f"now() - interval '{DAYS} days' + n * interval '{DAYS * 86_400 / count} seconds' AS at "
        f"FROM generate_series(1, {count}) AS n OFFSET 0) AS calls"
    )
    _insert(
        UsageRecord,
        source,
        request_id="'foaicmpl-' || md5(n::text)",
        at="at",
        licence_id="licence",
        licence_name="'licence-' || licence",
        platform=_PLATFORM,
        credential_id=f"1 + (licence * 7) % {PLATFORMS}",
        credential_name="'key ' || (licence * 7) % 200",
        endpoint="'chat.completions'",
        model=_MODEL,
        upstream_model=_MODEL,
        stream="n % 3 > 0",
        outcome="CASE WHEN luck < 0.97 THEN 'completed' WHEN luck < 0.98 THEN 'cancelled' "
        "WHEN luck < 0.99 THEN 'upstream_error' WHEN luck < 0.9999 THEN 'refused' "
        "ELSE 'truncated' END",
        status="CASE WHEN luck < 0.98 THEN 200 ELSE 502 END",
        measured="luck < 0.99",
        prompt_tokens="100 + n % 4000",
        completion_tokens="50 + n % 900",
        cost_micros="300 + n % 8000",
        first_byte_ms="200 + n % 900",
        latency_ms="900 + n % 9000",
    )


def _hours() -> None:
    """Sums and timings by the hour, of the records."""
    table = UsageRecord._meta.db_table
    hour = "date_trunc('hour', at, 'UTC')"
    sums = ("prompt_tokens", "completion_tokens", "cost_micros")
    failed = "outcome IN ('upstream_error', 'truncated')"
    for by, name in (("all", "''"), ("platform", "platform"), ("model", "model")):
        _insert(
            UsageHour,
            f"(SELECT {hour} AS hour, {name} AS name, count(*) AS requests, "  # noqa: S608
            f"count(*) FILTER (WHERE status >= 400 OR {failed}) AS errors, "
            f"count(*) FILTER (WHERE {failed}) AS failed, "
            + ", ".join(f"sum({column}) AS {column}" for column in sums)
            + f" FROM {table} GROUP BY 1, 2 ORDER BY 1) AS sums",
            by=f"'{by}'",
            **{name: name for name in ("hour", "name", "requests", "errors", "failed", *sums)},
        )
    for kind, column in (("latency", "latency_ms"), ("first_byte", "first_byte_ms")):
        bucket = f"floor(ln({column}) / ln({RATIO}))::int + 1"
        _insert(
            UsageTiming,
            f"(SELECT {hour} AS hour, {bucket} AS bucket, count(*) AS number FROM {table} "  # noqa: S608
            f"WHERE outcome = 'completed' AND ('{kind}' = 'latency' OR stream) "
            "GROUP BY 1, 2 ORDER BY 1) AS counts",
            hour="hour",
            kind=f"'{kind}'",
            bucket="bucket",
            count="number",
        )


def _rest() -> None:
    """Sums by day of the records, what licences have spent, and media tasks."""
    sums = ("prompt_tokens", "completion_tokens", "cost_micros", "latency_ms")
    _insert(
        UsageDay,
        "(SELECT (at AT TIME ZONE 'UTC')::date AS day, licence_id, licence_name, platform, model, "
        "count(*) AS requests, " + ", ".join(f"sum({name}) AS {name}" for name in sums) + " "
        f"FROM {UsageRecord._meta.db_table} GROUP BY 1, 2, 3, 4, 5) AS sums",
        **{
            name: name
            for name in ("day", "licence_id", "licence_name", "platform", "model", "requests")
        },
        **{name: name for name in sums},
    )
    for model, moment, key in (
        (
            UsageWeek,
            "date_trunc('week', day::timestamp)::date",
            ("licence_id", "platform", "model"),
        ),
        (UsageModelDay, "day", ("platform", "model")),
    ):
        name = "week" if model is UsageWeek else "day"
        coarse = ("requests", *sums)
        _insert(
            model,
            f"(SELECT {moment} AS {name}, {', '.join(key)}, "  # noqa: S608 # our own names
            + ", ".join(f"sum({column}) AS {column}" for column in coarse)
            + f" FROM {UsageDay._meta.db_table} GROUP BY 1, {', '.join(key)}) AS sums",
            **{column: column for column in (name, *key, *coarse)},
        )
    _insert(
        LicenceSpend,
        f"(SELECT licence_id, sum(cost_micros) AS cost FROM {UsageDay._meta.db_table} "  # noqa: S608
        "GROUP BY 1) AS sums",
        licence_id="licence_id",
        window="'total'",
        starts_on="date '2000-01-01'",
        cost_micros="cost",
    )
    _insert(
        MediaTask,
        f"generate_series(1, {TASKS}) AS n",
        id="'video_' || md5(n::text)",
        kind="CASE WHEN n % 2 = 0 THEN 'image' ELSE 'video' END",
        endpoint="'videos'",
        request_id="'foaicmpl-' || md5(n::text)",
        licence_id=f"n % {LICENCES}",
        licence_name=f"'licence-' || n % {LICENCES}",
        platform=f"'platform-' || n % {PLATFORMS}",
        model="'model-' || n % 25",
        upstream_model="'model-' || n % 25",
        state="CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'completed' END",
        **dict.fromkeys(("created_at", "due_at", "deadline_at"), "now() - n * interval '1 minute'"),
    )


def _insert(model: type[Model], source: str, /, **columns: str) -> None:
    """Rows of SQL expressions over `source`; what is not named gets the field's default."""
    given = dict(columns)
    values: list[Any] = []
    for field in model._meta.concrete_fields:
        if not field.column or field.column in given or field.primary_key or field.null:
            continue
        given[field.column] = "%s"
        default = timezone.now() if getattr(field, "auto_now", False) else field.get_default()
        values.append(field.get_db_prep_save(default, connection))
    names = ", ".join(f'"{name}"' for name in given)
    # The expressions with a per cent sign of their own come before those with values.
    shown = ", ".join(
        expression if expression == "%s" else expression.replace("%", "%%")
        for expression in given.values()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{model._meta.db_table}" ({names}) '  # noqa: S608 # our own expressions
            f"SELECT {shown} FROM {source.replace('%', '%%')}",
            values,
        )

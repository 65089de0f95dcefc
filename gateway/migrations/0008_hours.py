"""Sums and timings by the hour, filled from the records of the last month.

What processes of an older version book while this runs is missing in the hours; it is in the days.
"""

import math
from collections import defaultdict
from datetime import UTC, timedelta

from django.db import migrations, models
from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncHour
from django.utils import timezone

_DAYS = 31
_SUMS = (
    *("prompt_tokens", "cached_tokens", "completion_tokens"),
    *("images", "seconds", "cost_micros"),
)
# All of these as gateway.usage.hours and .timings had them when this was written.
_FAILED = Q(outcome__in=("upstream_error", "truncated"))
_TIMED = Q(outcome="completed") & ~(
    Q(endpoint__startswith="images.") | Q(endpoint__startswith="videos")
)


def fill(apps, schema_editor):
    records = apps.get_model("gateway", "UsageRecord").objects.using(schema_editor.connection.alias)
    since = timezone.now() - timedelta(days=_DAYS)
    first = records.filter(at__gte=since).order_by("at").values_list("at", flat=True).first()
    if first is None:
        return
    last = records.order_by("-at").values_list("at", flat=True)[0]
    begin = first.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while begin <= last:  # a day at a time: so much and no more is in memory
        end = begin + timedelta(days=1)
        _fill(apps, records.filter(at__gte=begin, at__lt=end).order_by())
        begin = end


def _fill(apps, records):
    UsageHour, UsageTiming = (
        apps.get_model("gateway", name) for name in ("UsageHour", "UsageTiming")
    )
    records = records.annotate(hour=TruncHour("at", tzinfo=UTC))
    sums = defaultdict(lambda: defaultdict(int))
    pairs = records.values("hour", "platform", "model").annotate(
        requests=Count("pk"),
        errors=Count("pk", filter=Q(status__gte=400) | _FAILED),
        failed=Count("pk", filter=_FAILED),
        **{f"sum_{name}": Sum(name) for name in _SUMS},
    )
    for pair in pairs.iterator():
        axes = (("all", ""), ("platform", pair["platform"]), ("model", pair["model"]))
        for by, name in axes:
            of_one = sums[by, pair["hour"], name]
            for column in ("requests", "errors", "failed"):
                of_one[column] += pair[column]
            for column in _SUMS:
                of_one[column] += pair[f"sum_{column}"]
    UsageHour.objects.bulk_create(
        (
            UsageHour(by=by, hour=hour, name=name, **of_one)
            for (by, hour, name), of_one in sums.items()
        ),
        batch_size=500,
    )
    counts = defaultdict(int)
    kinds = (
        ("latency", "latency_ms", records.filter(_TIMED)),
        (
            "first_byte",
            "first_byte_ms",
            records.filter(_TIMED, stream=True).exclude(first_byte_ms=None),
        ),
    )
    for kind, column, timed in kinds:
        found = timed.values_list("hour", column).annotate(number=Count("pk"))
        for hour, ms, number in found.iterator():
            counts[hour, kind, _bucket(ms)] += number
    UsageTiming.objects.bulk_create(
        (
            UsageTiming(hour=hour, kind=kind, bucket=bucket, count=count)
            for (hour, kind, bucket), count in counts.items()
        ),
        batch_size=500,
    )


def _bucket(ms):
    return int(math.log(ms) / math.log(1.12)) + 1 if ms >= 1 else 0


class Migration(migrations.Migration):
    dependencies = [
        ("gateway", "0007_console_permissions"),
    ]

    operations = [
        migrations.CreateModel(
            name="UsageHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField(verbose_name="hour")),
                (
                    "by",
                    models.CharField(
                        choices=[
                            ("all", "everything"),
                            ("platform", "platform"),
                            ("model", "model"),
                        ],
                        max_length=8,
                        verbose_name="summed by",
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=200, verbose_name="name")),
                ("requests", models.PositiveBigIntegerField(default=0, verbose_name="requests")),
                ("errors", models.PositiveBigIntegerField(default=0, verbose_name="errors")),
                (
                    "failed",
                    models.PositiveBigIntegerField(
                        default=0,
                        help_text="Of the errors, those of platforms and the gateway; the rest are callers'.",
                        verbose_name="failed",
                    ),
                ),
                (
                    "prompt_tokens",
                    models.PositiveBigIntegerField(default=0, verbose_name="prompt tokens"),
                ),
                (
                    "cached_tokens",
                    models.PositiveBigIntegerField(default=0, verbose_name="cached tokens"),
                ),
                (
                    "completion_tokens",
                    models.PositiveBigIntegerField(default=0, verbose_name="completion tokens"),
                ),
                ("images", models.PositiveBigIntegerField(default=0, verbose_name="images")),
                ("seconds", models.FloatField(default=0, verbose_name="seconds")),
                ("cost_micros", models.BigIntegerField(default=0, verbose_name="cost")),
            ],
            options={
                "verbose_name": "usage of an hour",
                "verbose_name_plural": "usage by hour",
                "default_permissions": (),
                "indexes": [models.Index(fields=["by", "name", "hour"], name="usage_hour_of_one")],
                "constraints": [
                    models.UniqueConstraint(fields=("by", "hour", "name"), name="usage_hour_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageTiming",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField(verbose_name="hour")),
                (
                    "kind",
                    models.CharField(
                        choices=[("latency", "latency"), ("first_byte", "time to first token")],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("bucket", models.PositiveSmallIntegerField(verbose_name="bucket")),
                ("count", models.PositiveBigIntegerField(default=0, verbose_name="answers")),
            ],
            options={
                "verbose_name": "timing of an hour",
                "verbose_name_plural": "timings by hour",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("hour", "kind", "bucket"), name="usage_timing_once"
                    )
                ],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]

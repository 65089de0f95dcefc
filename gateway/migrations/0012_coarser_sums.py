"""Sums of usage by week for licences and by day for models: reports over months stay quick."""

import django.db.models
from django.db import migrations, models

_SUMS = (
    *("requests", "errors", "prompt_tokens", "completion_tokens", "cached_tokens"),
    *("images", "seconds", "cost_micros", "latency_ms"),
)
_MONDAY = {
    "postgresql": "date_trunc('week', day::timestamp)::date",
    "sqlite": "date(day, 'weekday 0', '-6 days')",
}


def fill(apps, schema_editor):
    """From the sums by day that are there."""
    monday = _MONDAY[schema_editor.connection.vendor]
    columns, sums = ", ".join(_SUMS), ", ".join(f"SUM({name})" for name in _SUMS)
    schema_editor.execute(
        f"INSERT INTO gateway_usageweek (week, licence_id, platform, model, {columns}) "  # noqa: S608 # names of our own
        f"SELECT {monday}, licence_id, platform, model, {sums} FROM gateway_usageday "
        f"GROUP BY {monday}, licence_id, platform, model"
    )
    schema_editor.execute(
        f"INSERT INTO gateway_usagemodelday (day, platform, model, {columns}) "  # noqa: S608 # names of our own
        f"SELECT day, platform, model, {sums} FROM gateway_usageday GROUP BY day, platform, model"
    )


def _fields():
    count = django.db.models.PositiveBigIntegerField
    return [
        (
            "id",
            models.BigAutoField(
                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
            ),
        ),
        ("platform", models.CharField(blank=True, max_length=50, verbose_name="platform")),
        ("model", models.CharField(blank=True, max_length=200, verbose_name="model")),
        ("requests", count(default=0, verbose_name="requests")),
        ("errors", count(default=0, verbose_name="errors")),
        ("prompt_tokens", count(default=0, verbose_name="prompt tokens")),
        ("completion_tokens", count(default=0, verbose_name="completion tokens")),
        ("cached_tokens", count(default=0, verbose_name="cached tokens")),
        ("images", count(default=0, verbose_name="images")),
        ("seconds", models.FloatField(default=0, verbose_name="seconds")),
        ("cost_micros", models.BigIntegerField(default=0, verbose_name="cost")),
        ("latency_ms", count(default=0, verbose_name="latency, summed")),
    ]


class Migration(migrations.Migration):
    dependencies = [("gateway", "0011_security_events")]

    operations = [
        migrations.AddIndex(
            model_name="usageday",
            index=models.Index(fields=["licence_id", "day"], name="usage_day_licence_day"),
        ),
        migrations.CreateModel(
            name="UsageModelDay",
            fields=[*_fields(), ("day", models.DateField(verbose_name="day"))],
            options={
                "verbose_name": "usage of a model on a day",
                "verbose_name_plural": "usage of models by day",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "platform", "model"), name="usage_model_day_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageWeek",
            fields=[
                *_fields(),
                ("week", models.DateField(verbose_name="week")),
                ("licence_id", models.BigIntegerField(default=0, verbose_name="licence number")),
            ],
            options={
                "verbose_name": "usage of a week",
                "verbose_name_plural": "usage by week",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("week", "licence_id", "platform", "model"), name="usage_week_once"
                    )
                ],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]

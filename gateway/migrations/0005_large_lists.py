"""Indexes for lists of millions of rows: for filters, and for how a name begins.

The latter on PostgreSQL alone: SQLite's LIKE knows no case and uses no index.
"""

from django.db import migrations, models

_BEGINS = {
    "usage_licence_begins": ("gateway_usagerecord", "licence_name"),
    "usage_model_begins": ("gateway_usagerecord", "model"),
    "usage_credential_begins": ("gateway_usagerecord", "credential_name"),
    "usage_day_licence_begins": ("gateway_usageday", "licence_name"),
    "usage_day_model_begins": ("gateway_usageday", "model"),
    "task_id_upper": ("gateway_mediatask", "id"),
    "task_request_upper": ("gateway_mediatask", "request_id"),
    "task_licence_begins": ("gateway_mediatask", "licence_name"),
    "task_model_begins": ("gateway_mediatask", "model"),
}


def make(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for name, (table, column) in _BEGINS.items():
        # As the `istartswith` of the lists' search asks; whatever the database's collation.
        schema_editor.execute(
            f'CREATE INDEX "{name}" ON "{table}" (UPPER("{column}"::text) text_pattern_ops)'
        )


def remove(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for name in _BEGINS:
        schema_editor.execute(f'DROP INDEX IF EXISTS "{name}"')


class Migration(migrations.Migration):
    dependencies = [("gateway", "0004_tries")]

    operations = [
        migrations.AddIndex(
            model_name="usageday",
            index=models.Index(fields=["platform", "day"], name="usage_day_platform"),
        ),
        migrations.AddIndex(
            model_name="usagerecord",
            index=models.Index(fields=["outcome", "at"], name="usage_outcome_at"),
        ),
        migrations.AddIndex(
            model_name="usagerecord",
            index=models.Index(
                condition=models.Q(("measured", False)), fields=["at"], name="usage_estimated_at"
            ),
        ),
        migrations.RunPython(make, remove, elidable=False),
    ]

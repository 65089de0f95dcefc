"""What belongs together in sums by day, for PostgreSQL's planner.

It took licences and their names for independent, expected ten times the groups there are, and
sorted on disk what fits in memory.
"""

from django.db import migrations

_TOGETHER = {
    "usage_day_licence": '"licence_id", "licence_name"',
    "usage_day_model": '"platform", "model"',
}


def make(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for name, columns in _TOGETHER.items():
        schema_editor.execute(
            f'CREATE STATISTICS "{name}" (ndistinct) ON {columns} FROM "gateway_usageday"'
        )


def remove(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for name in _TOGETHER:
        schema_editor.execute(f'DROP STATISTICS IF EXISTS "{name}"')


class Migration(migrations.Migration):
    dependencies = [("gateway", "0005_large_lists")]

    operations = [migrations.RunPython(make, remove)]

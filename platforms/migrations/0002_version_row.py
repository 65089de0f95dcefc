"""The one row whose number tells processes to rebuild."""

from django.db import migrations


def add(apps, schema_editor):
    apps.get_model("platforms", "CatalogueVersion").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("platforms", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]

"""The one row whose number tells processes to reload."""

from django.db import migrations


def add(apps, schema_editor):
    apps.get_model("licences", "LicenceVersion").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("licences", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]

"""Two permissions of the console's own: to watch requests, and to use the playground."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("gateway", "0006_report_statistics")]

    operations = [
        migrations.AlterModelOptions(
            name="usagerecord",
            options={
                "ordering": ["-at"],
                "permissions": [
                    ("watch_live", "Can watch requests as they happen"),
                    ("use_playground", "Can use the playground"),
                ],
                "verbose_name": "usage record",
                "verbose_name_plural": "usage records",
            },
        )
    ]

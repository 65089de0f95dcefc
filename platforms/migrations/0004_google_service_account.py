"""Platforms whose credentials are service accounts of Google's."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("platforms", "0003_media_protocols")]
    operations = [
        migrations.AlterField(
            model_name="platform",
            name="auth_style",
            field=models.CharField(
                choices=[
                    ("bearer", "Authorization: Bearer …"),
                    ("api-key", "api-key: …"),
                    ("x-api-key", "x-api-key: …"),
                    ("x-goog-api-key", "x-goog-api-key: …"),
                    ("google-service-account", "Google service account (JSON), as OAuth2 token"),
                    ("none", "none: this platform asks for no key"),
                ],
                default="bearer",
                help_text="The header in which this platform expects a credential's secret.",
                max_length=30,
                verbose_name="how the key is sent",
            ),
        ),
    ]

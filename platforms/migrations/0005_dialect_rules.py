"""Parameter rules are honoured, so they are validated and shown."""

from django.db import migrations, models

from platforms.validators import validate_rules


class Migration(migrations.Migration):
    dependencies = [("platforms", "0004_google_service_account")]
    operations = [
        migrations.AlterField(
            model_name="platform",
            name="rules",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text='Where this platform departs from what its preset says, as a JSON object: {"n_max": 1, "+drop_params": ["user"]}. A name with + adds to a list, one without replaces the value; docs/dialects.md lists them. Acts within a second.',
                validators=[validate_rules],
                verbose_name="parameter rules",
            ),
        ),
        migrations.AlterField(
            model_name="modelmapping",
            name="overrides",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text='Where this model departs from its platform, in the same way: {"reasoning_in": "thinking"}. Acts within a second.',
                validators=[validate_rules],
                verbose_name="rule overrides",
            ),
        ),
    ]

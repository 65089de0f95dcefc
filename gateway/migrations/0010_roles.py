"""The roles of the console as groups: owner, operator, viewer."""

from typing import Any

from django.db import migrations

from gateway.console import roles


def make(apps: Any, editor: Any) -> None:
    roles.create_and_grant(apps, editor.connection.alias)


def remove(apps: Any, editor: Any) -> None:
    groups = apps.get_model("auth", "Group").objects.using(editor.connection.alias)
    groups.filter(name__in=roles.ROLES).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("gateway", "0009_alerts"),
        ("licences", "0003_limits"),
        ("platforms", "0008_cooldowns"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]

    operations = [migrations.RunPython(make, remove)]

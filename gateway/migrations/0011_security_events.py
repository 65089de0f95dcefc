"""Who did what in the console; what the history of rows knows of the last 400 days is taken in."""

from datetime import timedelta
from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.utils import timezone

_KINDS = {1: "added", 2: "changed", 3: "deleted"}


def take_in(apps: Any, editor: Any) -> None:
    using = editor.connection.alias
    events = apps.get_model("gateway", "AuditEvent").objects.using(using)
    entries = apps.get_model("admin", "LogEntry").objects.using(using)
    recent = entries.filter(action_time__gte=timezone.now() - timedelta(days=400))
    found = recent.select_related("user", "content_type").order_by("action_time")
    events.bulk_create(
        (
            events.model(
                at=entry.action_time,
                kind=_KINDS[entry.action_flag],
                user_id=entry.user_id,
                username=entry.user.username,
                subject=f"{entry.content_type.model if entry.content_type else '?'}: {entry.object_repr}"[
                    :250
                ],
                entry_id=entry.pk,
            )
            for entry in found.iterator()
        ),
        batch_size=500,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("gateway", "0010_roles"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("sessions", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="when"),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("sign_in", "Signed in"),
                            ("sign_out", "Signed out"),
                            ("refused", "Sign-in refused"),
                            ("locked", "Locked out"),
                            ("factor_on", "Second factor on"),
                            ("factor_off", "Second factor off"),
                            ("codes", "New recovery codes"),
                            ("code_used", "Recovery code used"),
                            ("password", "Password changed"),
                            ("roles", "Roles changed"),
                            ("added", "Added"),
                            ("changed", "Changed"),
                            ("deleted", "Deleted"),
                        ],
                        max_length=12,
                        verbose_name="what",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        help_text="As given; of a refused sign-in perhaps nobody's.",
                        max_length=150,
                        verbose_name="who",
                    ),
                ),
                ("address", models.GenericIPAddressField(null=True, verbose_name="from")),
                ("subject", models.CharField(blank=True, max_length=250, verbose_name="of what")),
                ("detail", models.TextField(blank=True, verbose_name="details")),
                (
                    "entry",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="admin.logentry",
                        verbose_name="history",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="account",
                    ),
                ),
            ],
            options={
                "verbose_name": "audit event",
                "verbose_name_plural": "audit",
                "ordering": ["-at", "-pk"],
                "indexes": [models.Index(fields=["at"], name="audit_at")],
            },
        ),
        migrations.RunPython(take_in, migrations.RunPython.noop),
    ]

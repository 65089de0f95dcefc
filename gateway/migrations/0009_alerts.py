"""Alerts: what is wrong, who is told of it, and which messages went out."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gateway", "0008_hours"),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertMessage",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("is_test", models.BooleanField(default=False)),
                ("content", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "waiting"), ("sent", "sent"), ("failed", "given up")],
                        default="waiting",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                ("created_at", models.DateTimeField(verbose_name="written")),
                ("due_at", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True, verbose_name="sent")),
                ("error", models.CharField(blank=True, max_length=300, verbose_name="error")),
            ],
            options={
                "verbose_name": "alert message",
                "verbose_name_plural": "alert messages",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AlertRound",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("due_at", models.DateTimeField()),
                ("holder", models.CharField(blank=True, max_length=32)),
            ],
            options={
                "verbose_name": "alert round",
                "verbose_name_plural": "alert rounds",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AlertTarget",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="To tell this target from others.",
                        max_length=100,
                        unique=True,
                        verbose_name="name",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("email", "e-mail"), ("webhook", "webhook")],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                (
                    "address",
                    models.CharField(
                        help_text="E-mail: one address or several with commas between. Webhook: the URL that alerts are posted to; it must be public, or named in TOKENS_ALERT_ALLOW.",
                        max_length=2000,
                        verbose_name="address",
                    ),
                ),
                ("secret_encrypted", models.TextField(blank=True, editable=False)),
                (
                    "kinds",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="What to tell of. None chosen: all.",
                        verbose_name="alerts",
                    ),
                ),
                (
                    "min_severity",
                    models.CharField(
                        choices=[("warning", "warning"), ("critical", "critical")],
                        default="warning",
                        help_text="“critical”: only what stops calls.",
                        max_length=10,
                        verbose_name="at least",
                    ),
                ),
                (
                    "platforms",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="Only alerts about these platforms. None chosen: all. Alerts about licences are not narrowed by it.",
                        verbose_name="platforms",
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("zh-hans", "简体中文")],
                        default="en",
                        help_text="In which messages are written.",
                        max_length=10,
                        verbose_name="language",
                    ),
                ),
                (
                    "per_hour",
                    models.PositiveSmallIntegerField(
                        default=12,
                        help_text="At most so many; what comes beyond is summed up in one, later.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1000),
                        ],
                        verbose_name="messages per hour",
                    ),
                ),
                (
                    "enabled",
                    models.BooleanField(
                        default=True,
                        help_text="Switch off to send nothing for a while.",
                        verbose_name="enabled",
                    ),
                ),
                (
                    "last_delivery_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="last delivery"),
                ),
                (
                    "last_error",
                    models.CharField(
                        blank=True, editable=False, max_length=300, verbose_name="last error"
                    ),
                ),
                (
                    "last_error_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="last error at"),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="added"
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="changed")),
            ],
            options={
                "verbose_name": "alert target",
                "verbose_name_plural": "alert targets",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("credential_disabled", "a credential is out of service"),
                            ("platform_down", "all credentials of a platform are down"),
                            ("error_rate", "many calls of a platform fail"),
                            ("budget", "a budget is spent to 80 % or 100 %"),
                            ("licence_expiring", "a licence expires within 7 days"),
                        ],
                        max_length=30,
                        verbose_name="kind",
                    ),
                ),
                (
                    "subject",
                    models.CharField(
                        help_text="What it is about: credential:7, licence:3:day.",
                        max_length=120,
                        verbose_name="subject",
                    ),
                ),
                ("platform", models.CharField(blank=True, max_length=50, verbose_name="platform")),
                (
                    "severity",
                    models.CharField(
                        choices=[("warning", "warning"), ("critical", "critical")],
                        max_length=10,
                        verbose_name="severity",
                    ),
                ),
                ("parameters", models.JSONField(default=dict, verbose_name="parameters")),
                ("opened_at", models.DateTimeField(verbose_name="opened")),
                ("last_seen_at", models.DateTimeField(verbose_name="last seen")),
                ("closed_at", models.DateTimeField(null=True, verbose_name="closed")),
                ("settled_at", models.DateTimeField(null=True, verbose_name="settled")),
                (
                    "count",
                    models.PositiveIntegerField(
                        default=1,
                        help_text="How often it opened before it was settled.",
                        verbose_name="times opened",
                    ),
                ),
                ("told_at", models.DateTimeField(null=True, verbose_name="last told")),
                ("told_severity", models.CharField(blank=True, editable=False, max_length=10)),
                ("muted_until", models.DateTimeField(null=True, verbose_name="muted until")),
            ],
            options={
                "verbose_name": "alert",
                "verbose_name_plural": "alerts",
                "ordering": ["-opened_at", "-id"],
                "indexes": [
                    models.Index(fields=["opened_at"], name="alert_opened"),
                    models.Index(fields=["settled_at"], name="alert_settled"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("settled_at", None)),
                        fields=("kind", "subject"),
                        name="alert_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AlertNotice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "event",
                    models.CharField(
                        choices=[
                            ("opened", "opened"),
                            ("worse", "became worse"),
                            ("reminder", "reminder"),
                            ("resolved", "resolved"),
                        ],
                        max_length=10,
                        verbose_name="event",
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="time")),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="gateway.alert",
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="gateway.alertmessage",
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="gateway.alerttarget",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert notice",
                "verbose_name_plural": "alert notices",
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="alertmessage",
            name="target",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="messages",
                to="gateway.alerttarget",
            ),
        ),
        migrations.AddIndex(
            model_name="alertmessage",
            index=models.Index(fields=["target", "created_at"], name="alert_message_target"),
        ),
        migrations.AddIndex(
            model_name="alertmessage",
            index=models.Index(fields=["state", "due_at"], name="alert_message_due"),
        ),
    ]

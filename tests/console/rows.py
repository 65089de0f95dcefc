"""A row of each model that the console shows."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from gateway.alert_rows import Alert, AlertKind, Severity
from gateway.audit import AuditEvent, Kind
from gateway.models import Outcome, UsageDay, UsageRecord
from licences.issuing import issue
from platforms.adding import add_credential, add_platform
from platforms.models import ModelMapping
from tests.gateway.alerts.scene import make_target
from tests.gateway.media.test_tasks import make as make_task


def _platform() -> Any:
    return add_platform("acme", base_url="http://127.0.0.1:9/v1")[0]


def _record() -> UsageRecord:
    return UsageRecord.objects.create(
        request_id="foaicmpl-1",
        at=timezone.now(),
        endpoint="chat",
        outcome=Outcome.COMPLETED,
        status=200,
    )


def _task() -> Any:
    task = make_task("video_1")
    return task


def _alert() -> Alert:
    now = timezone.now()
    return Alert.objects.create(
        kind=AlertKind.PLATFORM_DOWN,
        subject="platform:acme",
        platform="acme",
        severity=Severity.CRITICAL,
        parameters={"platform": "acme", "count": 3},
        opened_at=now,
        last_seen_at=now,
    )


MAKE: dict[str, Callable[[], Any]] = {
    "licences_licence": lambda: issue(name="ada")[0],
    "platforms_platform": _platform,
    "platforms_credential": lambda: add_credential(_platform(), "main", "sk-0123456789"),
    "platforms_modelmapping": lambda: ModelMapping.objects.create(
        platform=_platform(), public_name="m-1"
    ),
    "gateway_usagerecord": _record,
    "gateway_usageday": lambda: UsageDay.objects.create(day=date(2026, 11, 23)),
    "gateway_mediatask": _task,
    "gateway_alert": _alert,
    "gateway_alerttarget": make_target,
    "gateway_auditevent": lambda: AuditEvent.objects.create(kind=Kind.SIGN_IN, username="eve"),
    "auth_user": lambda: User.objects.create(username="bob", is_staff=True),
    "auth_group": lambda: Group.objects.create(name="helpers"),
}

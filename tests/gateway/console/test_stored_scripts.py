"""Whatever a caller or a platform has written is text in the console, on every page."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import CharField, JSONField, Model, TextField
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from gateway.console.urls import urlpatterns as console_pages
from gateway.models import MediaFile, MediaTask, UsageDay, UsageRecord
from licences.issuing import issue
from platforms.models import Credential
from tests.make import make_credential, make_mapping, make_platform

pytestmark = pytest.mark.django_db
SCRIPT = "\"'><img src=x onerror=alert(1)></script><script>alert(2)</script>"
# As a browser would have to see it for it to act; in JSON inside a page, `<` is escaped too.
LIVE = ("<img src=x", "<script>alert(", "</script><script>")
# What has a form of its own that a database or the code behind it needs.
KEPT = {
    *("id", "request_id", "kind", "state", "outcome", "endpoint", "status", "variant", "name"),
    *("content_type", "sha256", "results", "facts", "used", "prices", "price", "fingerprint"),
    *("response_format", "tries", "asked", "idempotency_key"),
}


def poisoned(model: type[Model], **over: Any) -> Any:
    """A row whose every free text is a script, cut to what its column holds."""
    fields: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if field.name in KEPT or field.is_relation or field.choices:
            continue
        if isinstance(field, CharField | TextField):
            fields[field.name] = SCRIPT[: field.max_length or 1000]
        elif isinstance(field, JSONField):
            fields[field.name] = {SCRIPT: SCRIPT}
    return model._default_manager.create(**{**fields, **over})


@pytest.fixture
def rows() -> None:
    """One row of everything, all of it evil."""
    now = timezone.now()
    platform = make_platform("acme", name=SCRIPT, note=SCRIPT)
    key = make_credential(platform, name=SCRIPT)
    Credential.objects.filter(pk=key.pk).update(
        last_error=SCRIPT, disabled_reason=SCRIPT, disabled_at=now, last_error_at=now
    )
    make_mapping(platform, SCRIPT, upstream_name=SCRIPT)
    licence, _key = issue(name=SCRIPT[:100], owner=SCRIPT[:100], note=SCRIPT)
    tried = [dict.fromkeys(("platform", "model", "credential", "failure"), SCRIPT) | {"ms": 5}]
    for number, outcome in enumerate(("completed", "upstream_error", "truncated", "refused")):
        poisoned(
            UsageRecord,
            request_id=f"foaicmpl-{number:032x}",
            at=now - timedelta(minutes=number),
            licence_id=licence.pk,
            credential_id=key.pk,
            endpoint="chat",
            outcome=outcome,
            status=502,
            tries=tried,
        )
    poisoned(UsageDay, day=now.date(), licence_id=licence.pk, requests=5, cost_micros=7)
    task = poisoned(
        MediaTask,
        id="video_1",
        kind="video",
        endpoint="videos",
        request_id="foaicmpl-9",
        licence_id=licence.pk,
        asked={"prompt": SCRIPT, "size": SCRIPT, "options": {SCRIPT: SCRIPT}},
        state="failed",
        created_at=now,
        due_at=now,
        deadline_at=now,
    )
    MediaFile.objects.create(
        id="f1", task=task, variant="video", name="x.mp4", content_type=SCRIPT, created_at=now
    )


def pages() -> list[str]:
    """Every page that can be read: lists, forms, histories, and the console's own."""
    found = []
    for model, model_admin in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(reverse(f"{name}_changelist"))
        for row in model_admin.model._default_manager.all()[:2]:
            found += [
                reverse(f"{name}_{page}", args=[row.pk]) for page in ("change", "history", "delete")
            ]
    for pattern in console_pages:
        try:
            found.append(reverse(f"console:{pattern.name}"))
        except NoReverseMatch:
            continue  # of one row; reached from its list
    return [*found, "/admin/", "/admin/?days=7", "/admin/?days=30"]


@pytest.mark.usefixtures("rows")
def test_scripts_that_others_have_written_are_shown_as_text(admin_client: Client) -> None:
    seen = 0
    for page in pages():
        answer = admin_client.get(page)
        if answer.streaming or "html" not in answer.get("Content-Type", ""):
            continue
        text = answer.content.decode()
        seen += json.dumps(text).count("img src=x")
        for script in LIVE:
            assert script not in text, page

    assert seen > 20, "the rows are not on the pages at all"

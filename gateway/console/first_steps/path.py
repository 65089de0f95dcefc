"""How far an operator has come, from the state of the system alone: nothing is ticked by hand."""

import json
import shlex
from dataclasses import dataclass

from django.db.models import F

from gateway.models import UsageDay
from licences.models import Licence
from platforms.models import AuthStyle, Credential, Kind, ModelMapping, Platform
from platforms.records import LastTest
from platforms.syncing import guess_kind

SANDBOX = "sandbox"


@dataclass(frozen=True, slots=True)
class Progress:
    """What is done, and which platform the path goes on with."""

    platform: Platform | None
    """The one that has come farthest; None: there is none but the sandbox."""
    sandbox: Platform | None
    has_key: bool
    """That platform has an enabled credential, or needs none."""
    tested: bool
    test_failed: bool
    """It was tried, and never well."""
    licensed: bool
    called: bool

    @property
    def done(self) -> tuple[bool, ...]:
        """Step by step."""
        return (self.platform is not None, self.has_key, self.tested, self.licensed, self.called)


def progress() -> Progress:
    """Where the path stands now: a few small queries."""
    platforms = list(Platform.objects.exclude(preset=SANDBOX).order_by("-enabled", "pk"))
    sandboxes = list(Platform.objects.filter(preset=SANDBOX).order_by("pk"))
    keyed = set(Credential.objects.filter(enabled=True).values_list("platform_id", flat=True))
    tests = dict(LastTest.objects.order_by("ok").values_list("platform_id", "ok"))
    called = _called([it.slug for it in sandboxes])

    def ready(platform: Platform) -> bool:
        return platform.auth_style == AuthStyle.NONE or platform.pk in keyed

    def rank(platform: Platform) -> tuple[bool, ...]:
        has_key = ready(platform)
        tested = tests.get(platform.pk, False)
        return (platform.enabled, has_key and tested, has_key, platform.slug == called)

    best = max(platforms, key=rank, default=None)
    # A call that was answered shows what a test shows, and more.
    tested = any(tests.get(it.pk) for it in platforms) or bool(called)
    return Progress(
        platform=best,
        sandbox=sandboxes[0] if sandboxes else None,
        has_key=best is not None and ready(best),
        tested=best is not None and tested,
        test_failed=best is not None and not tested and best.pk in tests,
        licensed=Licence.objects.filter(revoked_at=None).exists(),
        called=bool(called),
    )


def _called(sandboxes: list[str]) -> str:
    """A platform, not the sandbox, that has answered a call; "": there is none yet."""
    days = UsageDay.objects.exclude(platform__in=[*sandboxes, SANDBOX, ""])
    slugs = days.filter(requests__gt=F("errors")).order_by().values_list("platform", flat=True)
    return slugs.first() or ""


def example_model(platform: Platform) -> str:
    """A chat model to try the platform with: mapped, or one that it listed; "": none is known."""
    mapped = ModelMapping.objects.filter(platform=platform, kind=Kind.CHAT, enabled=True)
    if name := mapped.order_by("pk").values_list("public_name", flat=True).first():
        return name
    if not platform.pass_unmapped:
        return ""
    tests = LastTest.objects.filter(platform=platform, ok=True).values_list("listed", flat=True)
    names = [name for listed in tests for name in listed]
    return next((name for name in names if guess_kind(name) == Kind.CHAT), "")


def curl(base_url: str, model: str) -> str:
    """The first call, to be pasted into a terminal; the key is put in by hand."""
    chat = {"model": model or "MODEL", "messages": [{"role": "user", "content": "Hello"}]}
    body = shlex.quote(json.dumps(chat, ensure_ascii=False))
    return (
        f"curl {shlex.quote(base_url + '/chat/completions')} \\\n"
        '  -H "Authorization: Bearer YOUR_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d {body}"
    )

"""Is this credential any good? Asked by the admin and the commands, answered by the gateway.

Platforms may not know the gateway, so the gateway registers its probe here when it starts.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils import timezone

from platforms import sharing
from platforms.models import Credential, Platform
from platforms.records import LastTest


@dataclass(frozen=True, slots=True)
class ModelResult:
    """What a chat of one token with one mapped model has shown."""

    model: str
    """Its public name."""
    ok: bool
    status: int | None
    """The platform's HTTP status; None where there was no answer."""
    latency_ms: int
    detail: str
    """For the operator; never holds the secret."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a try with one credential has shown."""

    ok: bool
    status: int | None
    """The platform's HTTP status; None where there was no answer."""
    latency_ms: int
    detail: str
    """For the operator; never holds the secret."""
    models: tuple[str, ...] = ()
    """The names that the platform lists."""
    tried: tuple[ModelResult, ...] = ()
    """The mapped chat models that were tried; what is wrong with one is not the credential's."""


_EXAMPLES = 50  # names of models that are kept of a list


Probe = Callable[[Platform, Credential | None], ProbeResult]
_probes: list[Probe] = []


def use(probe: Probe, lister: Probe | None = None) -> None:
    """Let this one answer from now on, and `lister` where only the list of models is asked for."""
    _probes[:] = [probe, lister or probe]


def probe(platform: Platform, credential: Credential | None) -> ProbeResult:
    """Try the platform with this credential (None: it asks for none). Blocks.

    Raises RuntimeError where nobody has registered a probe.
    """
    if not _probes:
        raise RuntimeError("No probe is registered: an app that has one calls probing.use() first.")
    return _probes[0](platform, credential)


def list_models(platform: Platform, credential: Credential | None) -> ProbeResult:
    """Ask for the list of models alone, and write nothing down. Blocks. Raises RuntimeError."""
    if not _probes:
        raise RuntimeError("No probe is registered: an app that has one calls probing.use() first.")
    return _probes[-1](platform, credential)


def probe_and_note(platform: Platform, credential: Credential | None) -> ProbeResult:
    """Try it, and keep what it has shown where the console's pages tell of it. Blocks."""
    result = probe(platform, credential)
    _keep(platform, credential, result)
    if credential is not None:
        noted = {
            "last_error": "" if result.ok else result.detail[:300],
            "last_error_at": None if result.ok else timezone.now(),
        }
        # update(): a note is no change of the configuration, so no version is bumped.
        Credential.objects.filter(pk=credential.pk).update(**noted)
        if result.ok and credential.disabled_reason:
            sharing.revive(credential.pk)
    return result


def _keep(platform: Platform, credential: Credential | None, result: ProbeResult) -> None:
    tried = [
        {"model": it.model, "ok": it.ok, "status": it.status, "ms": it.latency_ms}
        | {"detail": _text(it.detail)}
        for it in result.tried
    ]
    shown = {
        "at": timezone.now(),
        "ok": result.ok,
        "detail": _text(result.detail),
        "latency_ms": result.latency_ms,
        "tried": tried,
        "listed": [_text(name) for name in result.models[:_EXAMPLES]],
    }
    LastTest.objects.update_or_create(platform=platform, credential=credential, defaults=shown)


def _text(detail: str) -> str:
    return detail.replace("\x00", "")[:300]  # which PostgreSQL does not store

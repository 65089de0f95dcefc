"""A real message to one target, now, for whoever has pressed the button. Blocks."""

import asyncio

from django.utils import timezone

from gateway.alert_rows import AlertTarget
from gateway.alerts import messages
from gateway.alerts.sending import NotDelivered, fetcher, send


def try_target(target: AlertTarget) -> tuple[str, bool]:
    """Send a test, whether or not the target is switched on: what was answered, and if it went.

    Tried once; it counts for nothing, and stands among the target's messages.
    """
    message = messages.trial(target, timezone.now())
    message.attempts = 1
    message.due_at = message.created_at + messages.CLAIM  # nobody else is to send it too
    message.save(force_insert=True)
    try:
        said, error = asyncio.run(send(message, fetcher(), timezone.now())), ""
    except NotDelivered as failure:
        said = error = str(failure)
    messages.note(message, error, timezone.now(), last=True)
    return said, not error

"""From what is to be told to messages: few of them, each written once and claimed once. Blocks.

A target gets a message for each alert while these are few, one for all of them when they are many,
and no more per hour than it wants: what comes beyond waits and is summed up.
"""

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _, ngettext

from gateway.alert_rows import (
    Alert,
    AlertMessage,
    AlertNotice,
    AlertRound,
    AlertTarget,
    Event,
    MessageState,
    Severity,
)
from gateway.alerts import texts

SINGLES = 3
"""So many alerts at once get messages of their own; more are summed up."""
LISTED = 20
"""So many alerts are named in a summary; the rest are counted."""
HOUR = timedelta(hours=1)
CLAIM = timedelta(minutes=2)
"""Longer than sending takes; what a process that died had claimed is tried again after it."""
PAUSES = tuple(timedelta(seconds=s) for s in (30, 120, 600, 1800, 3600, 7200, 14_400))
"""Between attempts; after the last the message is given up."""
_BAD = (Severity.WARNING.value, Severity.CRITICAL.value)


def compose(now: datetime, token: str) -> int:
    """Write the messages that may go out now; how many. Only in the turn of this token."""
    written = 0
    with transaction.atomic():
        turn = AlertRound.objects.select_for_update().filter(pk=1, holder=token)
        if turn.first() is None:
            return 0
        waiting = AlertNotice.objects.filter(message=None)
        waiting.filter(target__enabled=False).delete()
        ids = waiting.order_by().values_list("target", flat=True).distinct()
        for target in AlertTarget.objects.filter(pk__in=list(ids)):
            written += _compose(target, now)
    return written


def claim(now: datetime, most: int) -> list[AlertMessage]:
    """Messages whose time has come, each for one process only."""
    due = AlertMessage.objects.filter(state=MessageState.WAITING, due_at__lte=now)
    claimed = []
    for message in due.select_related("target").order_by("due_at", "created_at")[:most]:
        mine = AlertMessage.objects.filter(
            pk=message.pk, state=MessageState.WAITING, due_at=message.due_at
        )
        if mine.update(due_at=now + CLAIM, attempts=F("attempts") + 1):
            message.due_at = now + CLAIM
            message.attempts += 1
            claimed.append(message)
    return claimed


def note(message: AlertMessage, error: str, now: datetime, *, last: bool = False) -> None:
    """Keep what became of an attempt; `error` "": it was delivered. `last`: there is no other."""
    mine = AlertMessage.objects.filter(
        pk=message.pk, state=MessageState.WAITING, due_at=message.due_at
    )
    target = AlertTarget.objects.filter(pk=message.target_id)
    if not error:
        mine.update(state=MessageState.SENT, sent_at=now, error="")
        target.update(last_delivery_at=now, last_error="", last_error_at=None)
        return
    error = texts.one_line(error)[:300]
    if last or message.attempts > len(PAUSES) or not message.target.enabled:
        mine.update(state=MessageState.FAILED, error=error)
    else:
        mine.update(due_at=now + PAUSES[message.attempts - 1], error=error)
    target.update(last_error=error, last_error_at=now)


def trial(target: AlertTarget, now: datetime) -> AlertMessage:
    """A message that says that it is a test; not yet in the database."""
    with translation.override(target.language):
        says = _("This is a test of the alerts of Tokens: “%s” is reached.") % target.name
        title = texts.one_line(_("Test of alerts"))
        link = texts.address(reverse("admin:gateway_alerttarget_change", args=[target.pk]))
        text = _letter(target, [says, *([link] if link else [])])
        whole = _("%(title)s: %(detail)s") % {"title": title, "detail": says}
        body = _body("test", whole, link, [], 0, now)
    return _message(target, title, text, body, now, is_test=True)


def _compose(target: AlertTarget, now: datetime) -> int:
    lately = AlertMessage.objects.filter(target=target, is_test=False, created_at__gt=now - HOUR)
    room = target.per_hour - lately.count()
    if room <= 0:
        return 0
    notices = AlertNotice.objects.filter(target=target, message=None).select_related("alert")
    last: dict[int, AlertNotice] = {}
    ids: dict[int, list[int]] = {}
    for one in notices.order_by("pk"):
        last[one.alert_id] = one  # what was to be told before is not true any more
        ids.setdefault(one.alert_id, []).append(one.pk)
    told = list(last.values())
    # The last room of the hour is for all that is left.
    alone = len(told) <= min(SINGLES, max(room - 1, 1))
    groups = [[one] for one in told] if alone else [told]
    for group in groups:
        with translation.override(target.language):
            message = single(target, group[0], now) if len(group) == 1 else _sum(target, group, now)
        message.save(force_insert=True)
        numbers = [id for one in group for id in ids[one.alert_id]]
        for start in range(0, len(numbers), 500):
            AlertNotice.objects.filter(pk__in=numbers[start : start + 500]).update(message=message)
    return len(groups)


def single(target: AlertTarget, notice: AlertNotice, now: datetime) -> AlertMessage:
    """What a target is told of one alert; not yet in the database."""
    alert = notice.alert
    title = texts.told(alert, notice.event)
    link = texts.address(texts.page(alert))
    sentence = _("%s.") % title
    lines = [sentence, *_story(alert, notice.event), *([link] if link else [])]
    text = _letter(target, lines)
    says = sentence
    if notice.event != Event.RESOLVED:
        says = _("%(first)s %(second)s") % {"first": sentence, "second": texts.detail(alert)}
    body = _body(f"alert.{notice.event}", says, link, [notice], 1, now)
    return _message(target, f"{_mark(alert, notice.event)}{title}", text, body, now)


def _sum(target: AlertTarget, notices: list[AlertNotice], now: datetime) -> AlertMessage:
    # The worst first; resolved ones last.
    notices = sorted(
        notices,
        key=lambda one: (
            one.event == Event.RESOLVED,
            -_BAD.index(one.alert.severity) if one.alert.severity in _BAD else 0,
            one.pk,
        ),
    )
    count = len(notices)
    title = ngettext("%(count)d alert", "%(count)d alerts", count) % {"count": count}
    lines = [f"- {texts.told(one.alert, one.event)}" for one in notices[:LISTED]]
    if count > LISTED:
        lines.append(_("… and %d more.") % (count - LISTED))
    link = texts.address(reverse("admin:gateway_alert_changelist"))
    head = _("%s:") % title
    text = _letter(target, [head, "\n".join(lines), *([link] if link else [])])
    says = "\n".join([head, *lines])
    body = _body("alerts.summary", says, link, notices[:LISTED], count, now)
    return _message(target, title, text, body, now)


def _story(alert: Alert, event: str) -> list[str]:
    since = texts.moment(alert.opened_at)
    if event == Event.RESOLVED and alert.closed_at is not None:
        over = texts.moment(alert.closed_at)
        return [_("Since %(since)s. It was over at %(over)s.") % {"since": since, "over": over}]
    return [texts.detail(alert), _("Since %s.") % since]


def _mark(alert: Alert, event: str) -> str:
    critical = alert.severity == Severity.CRITICAL and event != Event.RESOLVED
    return _("Critical: ") if critical else ""


def _letter(target: AlertTarget, paragraphs: list[str]) -> str:
    settings = texts.address(reverse("admin:gateway_alerttarget_change", args=[target.pk]))
    why = _("You are told because of the alert target “%s” of Tokens.") % texts.one_line(
        target.name
    )
    foot = f"{why}\n{settings}" if settings else why
    return "\n\n".join([*paragraphs, f"-- \n{foot}"]) + "\n"


def _body(
    event: str, says: str, link: str, notices: list[AlertNotice], total: int, now: datetime
) -> str:
    """A webhook's body: docs/alerts.md."""
    body = {
        "event": event,
        "text": _harmless(says) + (f"\n{link}" if link else ""),
        "timestamp": _iso(now),
        "data": {"alerts": [_public(one) for one in notices], "total": total},
    }
    return json.dumps(body, ensure_ascii=False)


def _public(notice: AlertNotice) -> dict[str, Any]:
    alert = notice.alert
    return {
        "id": alert.pk,
        "event": notice.event,
        "kind": alert.kind,
        "severity": alert.severity,
        "subject": alert.subject,
        "platform": alert.platform,
        "title": texts.title(alert),
        "detail": texts.detail(alert),
        "url": texts.address(texts.page(alert)),
        "opened_at": _iso(alert.opened_at),
        "closed_at": None if alert.closed_at is None else _iso(alert.closed_at),
        "count": alert.count,
        "parameters": alert.parameters,
    }


def _harmless(says: str) -> str:
    """For chats: names and reasons are others' words, and must not call everyone or make links.

    Slack reads &, < and > as its own signs; Mattermost and others take @all for everyone.
    """
    for sign, instead in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "@\u200b")):
        says = says.replace(sign, instead)
    return says


def _message(
    target: AlertTarget, title: str, text: str, body: str, now: datetime, *, is_test: bool = False
) -> AlertMessage:
    content = {"subject": f"[Tokens] {title}"[:200], "text": text, "body": body}
    return AlertMessage(
        id=secrets.token_hex(16),
        target=target,
        content=content,
        created_at=now,
        due_at=now,
        is_test=is_test,
    )


def _iso(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

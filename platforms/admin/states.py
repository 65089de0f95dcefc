"""How a credential's state looks in the console: a word with a dot, why, and until when."""

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from platforms.admin.rows import badge
from platforms.state import Shown, State

_LEVELS: dict[State, str] = {
    State.ACTIVE: "good",
    State.RESTING: "warn",
    State.DRAINING: "warn",
    State.FAILING: "bad",
    State.OUT: "bad",
}


def state_badge(found: Shown) -> SafeString:
    """The state alone."""
    return badge(_LEVELS.get(found.state, ""), found.state.label)


def state_text(found: Shown) -> SafeString:
    """The state, why, and until when."""
    why = [found.reason, until(found)]
    text = " ".join(word for word in why if word)
    if not text:
        return state_badge(found)
    return format_html('<div>{}<div class="tk-why">{}</div></div>', state_badge(found), text)


def until(found: Shown) -> str:
    """When it ends or is looked at next, in words; "" where that is not known."""
    if found.until is None:
        return ""
    moment = date_format(timezone.localtime(found.until), "SHORT_DATETIME_FORMAT")
    return gettext("until %s") % moment


def success_text(found: Shown) -> str:
    """The share of the last hour's calls that went well, and of how many."""
    if found.success_percent is None:
        return "-"
    return f"{found.success_percent} % ({found.ok + found.failed})"

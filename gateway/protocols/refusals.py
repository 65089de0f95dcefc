"""What a refusal is about where neither its status nor its code says so: one table of words.

A credential that is refused is taken out of use, so a 403 must be about the credential, and not
about one model, a country or what the client has sent. Words that make a failure harsher count at
the beginning of a message alone: further on it may quote the client. Sources: the platforms' pages
of errors (Nov 2026); what is quoted below is from memory. Pure.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from gateway.shapes import FailureKind, Json


class Row(NamedTuple):
    """One kind of refusal, known by its words."""

    was: tuple[FailureKind, ...]
    """What status and code say it is."""
    words: re.Pattern[str]
    means: FailureKind


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_READ = 500  # characters of a message: what it is about, it says at once, and reading costs time
_ON = r"(?:[^.]|\.(?=\S)){0,160}?"  # further on in the same sentence; names hold full stops
_MODEL = r"(?:\bmodels?\b|\bclaude-\d|\bclaude-[a-z]+-\d)"
_NO = (
    r"(?:\b(?:not?|denied|without|lacks?|blocked|cannot|unauthorized|must be verified)\b"
    r"|\b(?:do|does|is|are|ca)n.t\b)"
)
ROWS = (
    Row(
        ("key",),
        _words(
            r"\bscopes?\b",
            r"\b(?:valid|invalid|incorrect|expired|revoked|leaked|malformed) (?:api )?key\b",
            r"\bkey (?:is |was |has )?(?:been )?(?:not valid|invalid|expired|revoked|reported)\b",
        ),
        "key",
    ),
    Row(  # OpenRouter: "… and your input was flagged"; xAI: "Content violates …"
        ("key",),
        _words(
            r"\binput was flagged\b",
            r"\A(?:content|(?:the|your) (?:content|input|prompt|request))\b.{0,60}\bviolat",
        ),
        "content_filter",
    ),
    Row(("key",), _words(r"\bcontext (?:length|window)\b"), "context_length"),  # Together
    Row(  # xAI: "Your newly created team doesn't have any credits yet"; one-api: 额度不足
        ("key",),
        _words(
            rf"{_NO}{_ON}\bcredits\b",
            rf"\bcredits?\b{_ON}\b(?:exhausted|insufficient|used up|run out)\b",
            r"\binsufficient (?:\w+ )?(?:balance|credits?|funds|quota)\b",
            rf"\bbalance\b{_ON}\b(?:insufficient|too low|not enough)\b",
            r"\bkey limit exceeded\b",  # OpenRouter
            r"余额不足|额度不足|欠费",
        ),
        "quota",
    ),
    Row(  # OpenAI: "… must be verified to use the model", Anthropic, Bedrock, Vertex AI, one-api
        ("key",),
        _words(
            rf"{_NO}{_ON}{_MODEL}",
            rf"{_MODEL}{_ON}{_NO}",
            rf"{_MODEL}{_ON}\b(?:requires|disabled)\b",  # SiliconFlow
            r"无权.{0,12}模型",
            r"模型.{0,20}(?:未开通|无权|未授权)",
        ),
        "not_found",
    ),
    Row(  # Tencent, with a 402
        ("quota",),
        _words(rf"{_MODEL}{_ON}\bnot (?:been )?(?:enabled|activated)\b", r"模型.{0,20}未开通"),
        "not_found",
    ),
    Row(  # of where the gateway stands: no other credential helps, another platform may
        ("key", "bad_request"),
        _words(
            r"\Auser location is not supported",
            r"\Acountry, region",
            r"\Arequest not allowed\Z",
            r"\Aaccess denied\. please check your network",  # Groq
        ),
        "not_found",
    ),
    Row(
        ("bad_request", "rate"),
        _words(
            r"\Ayour credit balance is too low",  # Anthropic, with a 400
            r"\Ayou have reached your specified (?:\w+ )?api usage limits",  # Anthropic, too
            r"\Abilling hard limit",
            r"\A(?:you(?:.ve| have)? )exceeded your current quota",  # OpenAI and who copies it
            r"\Ayour account is not active",
        ),
        "quota",
    ),
    Row(("bad_request",), _words(r"\Athis organization has been disabled"), "key"),  # Anthropic
)
"""The first row that fits decides; none, and the kind stays."""


def about(kind: FailureKind, message: str, error: Mapping[str, Json]) -> FailureKind:
    """The kind of failure that a refusal is, `kind` being what its status and code say.

    `error`: its error object, of which Google's says whether a minute's or a day's quota is used.
    """
    if kind == "rate" and error.get("status") == "RESOURCE_EXHAUSTED":
        return "quota" if _is_of_a_day(error.get("details")) else kind
    words = message[:_READ]
    fitting = (row.means for row in ROWS if kind in row.was and row.words.search(words))
    return next(fitting, kind)


def _is_of_a_day(details: Json) -> bool:
    """Whether one of Google's QuotaFailures is of `…PerDay…`: no wait of a minute helps."""
    violations = [
        violation
        for one in (details if isinstance(details, list) else ())
        if isinstance(one, dict) and isinstance(one.get("violations"), list)
        for violation in one["violations"]
        if isinstance(violation, dict)
    ]
    return any("PerDay" in str(violation.get("quotaId")) for violation in violations)

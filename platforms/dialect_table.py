"""The console's table of a dialect: each rule, its value, who has set it, and what it means."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t, gettext_lazy as _
from typing_extensions import override

from platforms.dialects import HINTS, Rules, as_rules, dialect_of, problems, rules_of
from platforms.models import ModelMapping, Platform

if TYPE_CHECKING:  # the class takes a parameter in its stubs only
    _Admin = admin.ModelAdmin[Any]
else:
    from unfold.admin import ModelAdmin as _Admin  # cannot be subscripted at run time

MEANINGS: Mapping[str, str | Promise] = {
    "max_tokens_field": _(
        "The name that the platform knows for the limit of an answer; empty: as the client says it."
    ),
    "drop_params": _("Fields that are left out, because they change nothing there."),
    "temperature_range": _(
        "Lowest and highest temperature that is sent; others are moved to the nearer end."
    ),
    "top_p_range": _("The same for top_p."),
    "fixed_sampling_models": _(
        "Patterns of upstream names whose sampling cannot be steered; it is not sent."
    ),
    "system_role": _("What system messages are called; empty: as the client says it."),
    "stream_usage": _("How a stream is made to end with its usage."),
    "reasoning_in": _("The field in which reasoning_effort goes."),
    "efforts": _("The efforts that the platform knows; others become the nearest. Empty: all."),
    "reasoning_out": _("think: reasoning stands in the content, as <think>…</think>."),
    "replay_reasoning": _("When the platform wants reasoning_content back in later turns."),
    "json_schema": _("How response_format with a JSON schema is said."),
    "tool_choices": _("What tool_choice may be; others are refused."),
    "tool_choice_required": _("The platform's own word for “required”."),
    "image_input": _("data: the gateway fetches pictures, because the platform does not."),
    "n_max": _("The most answers in one call; more are refused. 0: no bound."),
    "error_codes": _("The platform's own codes of errors, and what each means."),
    "responses": _("Whether it has a Responses API, to which such calls are relayed."),
    "api_version": _("The version of the platform's API that is asked for; empty: the usual one."),
}


def dialect_table(preset: str, rules: Rules, overrides: Rules | None = None) -> SafeString:
    """Every rule as it is in force for a platform or, with `overrides`, for a model of it."""
    layers = [
        (_t("preset"), rules_of(preset)),
        (_t("platform"), rules),
        (_t("model"), overrides or {}),
    ]
    # As the catalogue does: what is wrong is left out whole.
    layers = [(name, {} if problems(said) else said) for name, said in layers]
    dialect = as_rules(dialect_of(preset, layers[1][1], layers[2][1]))
    rows = ((name, _shown(dialect[name]), _whence(name, layers), MEANINGS[name]) for name in HINTS)
    return format_html(
        '<div class="tk-table-frame"><table class="dialect tk-table"><thead><tr>'
        '<th scope="col">{}</th><th scope="col">{}</th><th scope="col">{}</th>'
        '<th scope="col">{}</th></tr></thead><tbody>{}</tbody></table></div>',
        *(_t("Rule"), _t("Value"), _t("Set by"), _t("Meaning")),
        format_html_join(
            "",
            "<tr><th><code>{}</code></th><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            rows,
        ),
    )


def _shown(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _whence(name: str, layers: list[tuple[str, Rules]]) -> str:
    """Who has set it; several where the later ones have added to it."""
    whence: list[str] = []
    for layer, said in layers:
        if name in said:
            whence = [layer]
        elif f"+{name}" in said:
            whence.append(layer)
    return " + ".join(whence) or _t("default")


class DialectAdmin(_Admin):
    """Rows with parameter rules: the field, and below it what comes of it."""

    def rules_fieldset(self, obj: Platform | ModelMapping | None, field: str) -> Any:
        """The field, and the table as it was saved last; a row that is new has none yet."""
        shown = ("dialect_shown",) if obj else ()
        return (_("Parameter rules"), {"classes": ("collapse",), "fields": (field, *shown)})

    @override
    def get_readonly_fields(self, request: Any, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), "dialect_shown")

    @admin.display(description=_("in force"))
    def dialect_shown(self, row: Platform | ModelMapping) -> SafeString:
        """What the gateway goes by, and why."""
        if isinstance(row, Platform):
            return dialect_table(row.preset, row.rules)
        return dialect_table(row.platform.preset, row.platform.rules, row.overrides)

"""`manage.py licence …`: issue, list, show, revoke, switch, rotate and extend licences."""

import json
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from typing_extensions import override

from licences import issuing
from licences.forms import platform_choices
from licences.limits.terms import BUDGETS
from licences.management.times import end_at, moment, needed_duration
from licences.models import Licence
from licences.money import to_micros
from licences.shown import RATES, public, publics
from licences.validators import validate_model_limits

# How the command calls what the model calls otherwise.
_OPTIONS = {
    "name": "--name",
    "owner": "--owner",
    "platforms": "--platform",
    "model_patterns": "--model",
    "networks": "--network",
    "not_before": "--not-before",
    "expires_at": "--expires",
    "rpm": "--rpm",
    "tpm": "--tpm",
    "concurrency": "--concurrency",
    "model_limits": "--model-limits",
}


class Command(BaseCommand):
    """Thin: parse, call a function that the admin calls too, print."""

    help = "Issue and manage licences: the keys with which people and programs call the gateway."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        as_json = CommandParser(add_help=False)
        as_json.add_argument("--json", action="store_true", help="Print JSON, for programs.")
        one = CommandParser(add_help=False)
        one.add_argument("id", type=int, metavar="ID", help="As `licence list` shows it.")
        _add_issue(verbs.add_parser("issue", parents=[as_json], help="Make one; shows its key."))
        listing = verbs.add_parser("list", parents=[as_json], help="Show those not revoked.")
        listing.add_argument("--all", action="store_true", help="Show revoked ones too.")
        verbs.add_parser("show", parents=[one, as_json], help="Show all about one.")
        verbs.add_parser("revoke", parents=[one], help="Take it out of use, for good.")
        verbs.add_parser("enable", parents=[one], help="Switch it on again.")
        verbs.add_parser("disable", parents=[one], help="Switch it off for a while.")
        rotate = verbs.add_parser("rotate", parents=[one, as_json], help="Give it a new key.")
        rotate.add_argument(
            "--overlap", default="0s", help="How long the old key still works: 24h. Default: 0s."
        )

        _add_extend(verbs.add_parser("extend", parents=[one, as_json], help="Let it work longer."))

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb; what is wrong becomes a sentence and exit code 1."""
        try:
            getattr(self, f"_{options['verb']}")(options)
        except ValidationError as error:
            raise CommandError(_sentences(error)) from error

    def _issue(self, options: dict[str, Any]) -> None:
        if unknown := platform_choices.unknown(options["platform"]):
            known = ", ".join(slug for slug, _name in platform_choices()) or _("none yet")
            raise CommandError(
                _("There is no platform “%(slug)s”; known are: %(known)s.")
                % {"slug": unknown[0], "known": known}
            )
        licence, key = issuing.issue(
            name=options["name"],
            owner=options["owner"],
            platforms=list(dict.fromkeys(options["platform"])),
            model_patterns=list(dict.fromkeys(options["model"])),
            networks=list(dict.fromkeys(options["network"])),
            not_before=moment("--not-before", options["not_before"]),
            expires_at=moment("--expires", options["expires"]),
            **{name: options[name] for name in RATES},
            model_limits=_model_limits(options["model_limits"]),
            **_budgets(options["budget"], options["budget_window"]),
        )
        shown = (
            *("id", "name", "key", "key_start", "platforms", "models", "networks", "expires_at"),
            *(*RATES, "model_limits", "budgets"),
        )
        fields = {**public(licence), "key": key}
        self._print_key(options, {name: fields[name] for name in shown})

    def _list(self, options: dict[str, Any]) -> None:
        found = Licence.objects.all() if options["all"] else Licence.objects.filter(revoked_at=None)
        if options["json"]:
            self._print_json(publics(found))
        elif not found:
            self.stdout.write(_("No licences. Make one: manage.py licence issue --name NAME"))
        else:
            columns = ("id", "name", "owner", "key", "state", "platforms", "expires_at", "spent")
            rows = [
                {**row, "key": f"{row['key_start']}…{row['key_end']}"} for row in publics(found)
            ]
            self.stdout.write(_table([columns, *([row[c] for c in columns] for row in rows)]))

    def _show(self, options: dict[str, Any]) -> None:
        fields = public(_licence(options["id"]))
        if options["json"]:
            self._print_json(fields)
        else:
            self.stdout.write(_table(list(fields.items())))

    def _revoke(self, options: dict[str, Any]) -> None:
        licence = _licence(options["id"])
        changed = issuing.revoke(licence)
        self._say(licence, _("revoked") if changed else _("was revoked already"))

    def _enable(self, options: dict[str, Any]) -> None:
        licence = _licence(options["id"])
        changed = issuing.enable(licence)
        self._say(licence, _("switched on") if changed else _("was switched on already"))

    def _disable(self, options: dict[str, Any]) -> None:
        licence = _licence(options["id"])
        changed = issuing.disable(licence)
        self._say(licence, _("switched off") if changed else _("was switched off already"))

    def _rotate(self, options: dict[str, Any]) -> None:
        overlap = needed_duration("--overlap", options["overlap"])
        licence = _licence(options["id"])
        key = issuing.rotate(licence, overlap)
        shown = ("id", "name", "key", "key_start", "previous_key_until")
        fields = {**public(licence), "key": key}
        self._print_key(options, {name: fields[name] for name in shown})

    def _extend(self, options: dict[str, Any]) -> None:
        by = None if options["by"] is None else needed_duration("--by", options["by"])
        until = None if options["until"] is None else end_at("--until", options["until"])
        licence = _licence(options["id"])
        end = issuing.extend(licence, by=by, until=until)
        if options["json"]:
            self._print_json(public(licence))
        else:
            self._say(licence, _("extended until %(end)s") % {"end": end.isoformat("T", "minutes")})

    def _print_key(self, options: dict[str, Any], fields: dict[str, Any]) -> None:
        if options["json"]:
            self._print_json(fields)
            return
        self.stdout.write(_table([(name, value) for name, value in fields.items() if value]))
        self.stdout.write(_("Copy the key now: it is not stored and cannot be shown again."))

    def _print_json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, indent=2, ensure_ascii=False))

    def _say(self, licence: Licence, what: str) -> None:
        self.stdout.write(f"{licence.pk} {licence}: {what}")


def _add_issue(parser: CommandParser) -> None:
    when = "30d, 12h, or a moment: 2026-12-31 (its first minute), 2026-12-31T18:00"
    many: dict[str, Any] = {"action": "append", "default": []}
    parser.add_argument("--name", required=True, help="What it is for; shown in usage reports.")
    parser.add_argument("--owner", default="", help="Who holds the key.")
    parser.add_argument("--platform", metavar="SLUG", help="May be called; repeatable.", **many)
    parser.add_argument("--model", metavar="PATTERN", help="May be used; repeatable.", **many)
    parser.add_argument("--network", metavar="CIDR", help="May call; repeatable.", **many)
    parser.add_argument("--expires", metavar="WHEN", help=f"Refused from then on: {when}.")
    parser.add_argument("--not-before", metavar="WHEN", help=f"Refused before: {when}.")
    parser.add_argument("--rpm", type=int, metavar="N", help="Requests in any 60 seconds.")
    parser.add_argument("--tpm", type=int, metavar="N", help="Tokens in any 60 seconds.")
    parser.add_argument("--concurrency", type=int, metavar="N", help="Requests at the same time.")
    parser.add_argument(
        "--model-limits", metavar="JSON", help='Of some models: \'{"gpt-5*": {"rpm": 10}}\'.'
    )
    parser.add_argument(
        "--budget", metavar="AMOUNT", help="Money that may be spent: 10.00; repeatable.", **many
    )
    window = "Of the budget before it. Default: total."
    parser.add_argument("--budget-window", choices=BUDGETS, help=window, **many)


def _add_extend(parser: CommandParser) -> None:
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--by", metavar="TIME", help="30d, 12h: from its present end, or from now if that is over."
    )
    how.add_argument(
        "--until", metavar="DATE", help="2026-12-31 (to its last minute), or 2026-12-31T18:00."
    )


def _licence(id_: int) -> Licence:
    licence = Licence.objects.filter(pk=id_).first()
    if licence is None:
        raise CommandError(
            _("There is no licence %(id)s; `manage.py licence list --all` shows them.")
            % {"id": id_}
        )
    return licence


def _model_limits(text: str | None) -> Any:
    """An object of limits. Raises CommandError, ValidationError."""
    try:
        limits = {} if text is None else json.loads(text)
    except ValueError as error:
        raise CommandError(
            _("--model-limits is no JSON: %(error)s. It takes %(example)s.")
            % {"error": error, "example": '{"gpt-5*": {"rpm": 10}}'}
        ) from error
    try:
        # Not left to the column: its validators are not asked about what counts as empty.
        validate_model_limits(limits)
    except ValidationError as error:
        raise ValidationError({"model_limits": error}) from error
    return limits


def _budgets(amounts: Sequence[str], windows: Sequence[str]) -> dict[str, int]:
    """Columns of the budgets, window by window. Raises CommandError."""
    if len(amounts) == 1 and not windows:
        windows = ["total"]
    if len(amounts) != len(windows) or len(set(windows)) != len(windows):
        raise CommandError(
            _("Each --budget needs a --budget-window of its own: --budget 10 --budget-window day.")
        )
    try:
        pairs = zip(windows, amounts, strict=True)
        return {f"budget_{window}_micros": to_micros(amount) for window, amount in pairs}
    except ValueError as error:
        raise CommandError(f"--budget: {error}") from error


def _sentences(error: ValidationError) -> str:
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return "\n".join(
        f"{_OPTIONS.get(field, field)}: {message}"
        for field, messages in error.message_dict.items()
        for message in messages
    )


def _table(rows: Sequence[Sequence[Any]]) -> str:
    """Rows as aligned columns."""
    texts = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in texts)
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, dict):  # of limits or budgets, each an object itself
        return "; ".join(
            f"{name} ({', '.join(f'{k} {v}' for k, v in inner.items())})"
            for name, inner in value.items()
        )
    return ", ".join(value) if isinstance(value, list) else str(value if value is not None else "")

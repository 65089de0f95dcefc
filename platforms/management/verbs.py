"""What the commands of this app share: verbs, tables for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _, ngettext
from typing_extensions import override

from platforms.adding import switch
from platforms.models import AuthStyle, Credential, ModelMapping, Platform
from platforms.probing import ModelResult, ProbeResult
from platforms.secrets import SecretUnreadable

Row = dict[str, Any]


class VerbCommand(BaseCommand):
    """`manage.py noun verb`: runs the method that is named for the verb."""

    option_of: ClassVar[Mapping[str, str]] = {}
    """How the command calls what the model calls otherwise: column to option."""

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb; what is wrong becomes a sentence and exit code 1."""
        try:
            getattr(self, "do_" + options["verb"].replace("-", "_"))(options)
        except ValidationError as error:
            raise CommandError(self._sentences(error)) from error
        except SecretUnreadable as error:
            raise CommandError(str(error)) from error

    def show(self, rows: Sequence[Row], columns: Sequence[str], options: Row, empty: str) -> None:
        """A table of these columns, or all of it as JSON."""
        if options["json"]:
            self.stdout.write(json.dumps(list(rows), indent=2, ensure_ascii=False))
        elif not rows:
            self.stdout.write(empty)
        else:
            cells = [list(columns), *([_cell(row[c]) for c in columns] for row in rows)]
            widths = [max(len(row[n]) for row in cells) for n in range(len(columns))]
            for row in cells:
                line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
                self.stdout.write(line.rstrip())

    def show_one(self, row: Row, options: Row, sentence: str) -> None:
        """A sentence, or the row as JSON."""
        if options["json"]:
            self.stdout.write(json.dumps(row, indent=2, ensure_ascii=False))
        else:
            self.stdout.write(sentence)

    def show_probes(self, probes: Sequence[tuple[str, ProbeResult]], options: Row) -> None:
        """What tests have shown. Raises CommandError when one failed, for the exit code."""
        rows = []
        for name, result in probes:
            tried: tuple[ProbeResult | ModelResult, ...] = (result, *result.tried)
            for one in tried:
                row: Row = {
                    "credential": name,
                    "model": one.model if isinstance(one, ModelResult) else "",
                    "ok": one.ok,
                    "status": one.status,
                    "ms": one.latency_ms,
                    "detail": one.detail,
                }
                rows.append(row)
        columns = ("credential", "model", "ok", "status", "ms", "detail")
        self.show(rows, columns, options, "")
        failed = sum(not row["ok"] for row in rows)
        if failed:
            raise CommandError(
                ngettext("%(count)d test failed.", "%(count)d tests failed.", failed)
                % {"count": failed}
            )

    def show_switched(
        self, row: Platform | Credential | ModelMapping, on: bool, options: Row
    ) -> None:
        """Switch it on or off, and say so."""
        changed = switch(row, on)
        if on:
            said = _("switched on") if changed else _("was switched on already")
        else:
            said = _("switched off") if changed else _("was switched off already")
        self.show_one(self.public(row), options, f"{row}: {said}.")

    def public(self, row: Any) -> Row:
        """All that may be printed of a row of this command's noun: never a secret."""
        raise NotImplementedError

    def _sentences(self, error: ValidationError) -> str:
        """What is wrong, a line each, with the option that it is about."""
        if not hasattr(error, "error_dict"):
            return " ".join(error.messages)
        return "\n".join(
            message if name == "__all__" else f"{self.option_of.get(name, name)}: {message}"
            for name, messages in error.message_dict.items()
            for message in messages
        )


def json_option() -> CommandParser:
    """A parent of verbs that print a row or rows."""
    parser = CommandParser(add_help=False)
    parser.add_argument("--json", action="store_true", help="Print JSON, for programs.")
    return parser


def slug_argument() -> CommandParser:
    """A parent of verbs about one platform."""
    parser = CommandParser(add_help=False)
    parser.add_argument("slug", metavar="SLUG", help="The platform's short name.")
    return parser


def platform_of(slug: str) -> Platform:
    """The platform of this short name. Raises CommandError."""
    platform = Platform.objects.filter(slug=slug).first()
    if platform is None:
        known = ", ".join(Platform.objects.values_list("slug", flat=True)) or _("none yet")
        raise CommandError(
            _("There is no platform “%(slug)s”; known are: %(known)s.")
            % {"slug": slug, "known": known}
        )
    return platform


def usable_credentials(platform: Platform) -> list[Credential] | list[None]:
    """The enabled ones; [None] for a platform that asks for none. Raises CommandError."""
    if platform.auth_style == AuthStyle.NONE:
        return [None]
    credentials = list(platform.credentials.filter(enabled=True))
    if not credentials:
        raise CommandError(
            _(
                "%(platform)s has no enabled credential. Add one: "
                "manage.py credential add %(platform)s --secret-env VAR"
            )
            % {"platform": platform}
        )
    return credentials


def iso(moment: datetime | None) -> str | None:
    """A moment as programs read it."""
    return None if moment is None else moment.isoformat(timespec="seconds")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    # On one line, whatever a platform has answered.
    return " ".join(str(value).split())

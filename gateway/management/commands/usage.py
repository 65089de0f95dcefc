"""`manage.py usage …`: report what was used, and book what a stopped server left."""

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from typing_extensions import override

from gateway.usage import report, retention, sheets
from gateway.usage.booking import Booking
from gateway.usage.prices import format_micros

_COLUMNS = (
    *("key", "requests", "errors", "prompt_tokens", "completion_tokens", "cached_tokens"),
    *("images", "seconds", "cost"),
)


class Command(BaseCommand):
    """Thin: parse, call what the admin's pages call too, print."""

    help = "Report usage and cost; book what is left in the journal."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        text = "Sum usage up. The newest second of a running server may not be booked yet."
        show = verbs.add_parser("report", help=text, description=text)
        show.add_argument(
            "--by", choices=report.GROUPS, default="licence", help="Default: licence."
        )
        show.add_argument(
            "--since",
            default="30d",
            metavar="PERIOD",
            help="7d, 24h, 2w, or a date; whole days, in UTC. Default: 30d.",
        )
        form = show.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="Print JSON, for programs.")
        form.add_argument("--csv", action="store_true", help="Print CSV, for spreadsheets.")
        verbs.add_parser("book", help="Book the journals that stopped servers left.")
        text = "Remove the usage records of old requests, batch by batch. The sums by day stay."
        prune = verbs.add_parser("prune", help=text, description=text)
        prune.add_argument(
            "--older-than",
            required=True,
            metavar="PERIOD",
            help="90d, 12w, or a date: records from before that day (UTC) are removed.",
        )
        prune.add_argument("--dry-run", action="store_true", help="Only count them.")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb."""
        getattr(self, f"_{options['verb']}")(options)

    def _report(self, options: dict[str, Any]) -> None:
        try:
            since = report.first_day(options["since"])
        except ValueError as error:
            raise CommandError(f"--since: {error}") from error
        rows = report.usage(options["by"], since)
        if options["json"]:
            self.stdout.write(json.dumps([row.public() for row in rows], indent=2))
        elif options["csv"]:
            writer = csv.writer(self.stdout, lineterminator="\n")
            writer.writerow(_COLUMNS)
            writer.writerows(
                [sheets.cell(row.key), *(row.public()[name] for name in _COLUMNS[1:])]
                for row in rows
            )
        elif rows:
            self._table(options["by"], rows)
        else:
            self.stdout.write(_("Nothing was used since %s.") % since)

    def _book(self, options: dict[str, Any]) -> None:
        count = Booking(Path(settings.TOKENS_DATA_DIR) / "journal", None).book()
        self.stdout.write(_("%s usage records booked.") % count)

    def _prune(self, options: dict[str, Any]) -> None:
        period = options["older_than"]
        try:
            than = retention.before(period)
            if than > timezone.now() - timedelta(days=1):
                raise ValueError(_("“%s” would remove all of today; give at least 1d.") % period)
        except ValueError as error:
            raise CommandError(f"--older-than: {error}") from error
        count, removed = retention.older(than), 0
        day = than.date().isoformat()
        if options["dry_run"]:
            self.stdout.write(
                _("%(count)s usage records are from before %(day)s.")
                % {"count": f"{count:,}", "day": day}
            )
            return
        while (batch := retention.remove_batch(than)) is not None and batch:
            removed += batch
            self.stdout.write(f"{removed:,} of {max(count, removed):,}")
        if batch is None:
            raise CommandError(_("Another process is removing old usage records just now."))
        self.stdout.write(
            _("%(count)s usage records from before %(day)s removed.")
            % {"count": f"{removed:,}", "day": day}
        )

    def _table(self, by: str, rows: list[report.Row]) -> None:
        head = [by, *_COLUMNS[1:]]
        cells = [head, *(_cells(row) for row in [*rows, report.total(rows)])]
        widths = [max(len(row[n]) for row in cells) for n in range(len(head))]
        for row in cells:
            first, *numbers = (
                cell.rjust(width) if n else cell.ljust(width)
                for n, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            self.stdout.write("  ".join([first, *numbers]).rstrip())


def _visible(key: str) -> str:
    """A key without what steers a terminal or breaks the table."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in key)


def _cells(row: report.Row) -> list[str]:
    numbers = (row.requests, row.errors, row.prompt_tokens, row.completion_tokens)
    return [
        _visible(row.key),
        *(f"{number:,}" for number in (*numbers, row.cached_tokens, row.images)),
        f"{row.seconds:g}",
        format_micros(row.cost_micros, settings.TOKENS_CURRENCY),
    ]

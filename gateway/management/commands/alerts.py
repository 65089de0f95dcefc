"""`manage.py alerts …`: what is wrong now, and whether a target is reached."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from gateway.alert_rows import Alert, AlertTarget
from gateway.alerts import testing, texts


class Command(BaseCommand):
    """Thin: parse, call what the console's pages call too, print."""

    help = "List open alerts; send a test to an alert target."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        text = "List the alerts that are open."
        show = verbs.add_parser("list", help=text, description=text)
        text = "Send a real message to a target; exit code 0 only if it was delivered."
        test = verbs.add_parser("test", help=text, description=text)
        test.add_argument("target", metavar="NAME", help="The target's name in the console.")
        for verb in (show, test):
            verb.add_argument("--json", action="store_true", help="Print JSON, for programs.")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb."""
        getattr(self, f"_{options['verb']}")(options)

    def _list(self, options: dict[str, Any]) -> None:
        rows: list[dict[str, Any]] = [
            {
                "id": alert.pk,
                "kind": alert.kind,
                "severity": alert.severity,
                "subject": alert.subject,
                "title": texts.title(alert),
                "opened_at": alert.opened_at.isoformat(),
            }
            for alert in Alert.objects.open().order_by("severity", "opened_at", "pk")
        ]
        if options["json"]:
            self.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False))
            return
        for row in rows:
            self.stdout.write(f"{row['severity']:8}  {row['opened_at'][:19]}  {row['title']}")
        if not rows:
            self.stdout.write("No alert is open.")

    def _test(self, options: dict[str, Any]) -> None:
        target = AlertTarget.objects.filter(name=options["target"]).first()
        if target is None:
            known = ", ".join(AlertTarget.objects.values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no alert target {options['target']!r}; known: {known}.")
        said, ok = testing.try_target(target)
        if options["json"]:
            self.stdout.write(json.dumps({"target": target.name, "ok": ok, "said": said}))
        elif ok:
            self.stdout.write(f"Delivered: {said}")
        if not ok:
            raise CommandError(f"Not delivered: {said}")

"""`manage.py person`: let somebody in again who cannot open the console himself."""

from typing import Any

from axes.utils import reset
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from gateway.console import second_factor


class Command(BaseCommand):
    """Verbs over one person; running one twice is harmless."""

    help = "Let a person in again: end a lock-out, or take a lost second factor away."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        told = {
            "unlock": "forget wrong passwords and codes, so that he can try again at once",
            "reset-factor": "take the second factor and recovery codes away; ends his sessions",
        }
        for verb, text in told.items():
            verbs.add_parser(verb, help=text).add_argument("username")

    @override
    def handle(self, *args: Any, verb: str, username: str, **options: Any) -> None:
        person = get_user_model().objects.filter(username=username).first()
        if person is None:
            raise CommandError(f"There is nobody called {username!r} in the console.")
        if verb == "unlock":
            reset(username=username)
            self.stdout.write(f"{username} can try again.")
        else:
            second_factor.switch_off(None, person)
            self.stdout.write(f"{username} signs in with the password alone.")

"""`manage.py setup`: from an empty data folder to something that answers. Repeat it freely."""

import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction
from typing_extensions import override

from licences.issuing import issue
from platforms.adding import add_platform
from platforms.models import Platform

_WELCOME = """
Tokens is set up. The next lines are shown this once; keep them.

  Console    {url}/admin/
  User       admin
  Password   {password}
  Licence    {key}

When the server runs, try:

curl {url}/sandbox/v1/chat/completions \\
  --header 'Authorization: Bearer {key}' \\
  --header 'Content-Type: application/json' \\
  --data '{{"model": "sandbox-chat", "messages": [{{"role": "user", "content": "Hello"}}]}}'
"""


class Command(BaseCommand):
    """Sets a new installation up."""

    help = (
        "Make the database, a first administrator, a first licence and the sandbox platform. "
        "On an installation that has an administrator it changes nothing."
    )

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--url",
            default="http://127.0.0.1:8000",
            help="Where the server will be reached; for the lines that are printed.",
        )

    @override
    def handle(self, *args: Any, url: str, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        # All or nothing: a set-up that is killed midway begins anew, and nothing was printed.
        with transaction.atomic():
            if get_user_model().objects.filter(is_superuser=True).exists():
                return
            password = secrets.token_urlsafe(12)
            get_user_model().objects.create_superuser("admin", "", password)
            if not Platform.objects.filter(slug="sandbox").exists():
                add_platform("sandbox", preset="sandbox")
            _licence, key = issue(name="First licence", owner="admin")
        self.stdout.write(_WELCOME.format(url=url, password=password, key=key))
        if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
            self.stdout.write(f"\nEverything is kept in {settings.TOKENS_DATA_DIR}.\n")

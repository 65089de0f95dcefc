"""`manage.py serve`: migrate, check, and run the gateway until it is told to stop."""

import socket
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from typing_extensions import override

from gateway.server import Server, config


class Command(BaseCommand):
    """Runs the server."""

    help = "Migrate the database, check the settings, and serve the gateway and the admin."

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--host",
            default="127.0.0.1",
            help="Address to listen on; 0.0.0.0 for all. Default: 127.0.0.1, this machine only.",
        )
        parser.add_argument("--port", type=int, default=8000, help="Default: 8000.")

    @override
    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        _require_free(host, port)
        try:
            call_command("migrate", interactive=False, verbosity=0)
        except OperationalError as error:
            raise CommandError(
                f"The database cannot be used: {error}. Check DATABASE_URL, and that it runs."
            ) from error
        self.stdout.write(
            f"Tokens {settings.TOKENS_VERSION} serves http://{host}:{port}/<platform>/v1/ "
            f"(console: http://{host}:{port}/admin/). Ctrl+C or SIGTERM stops it; running "
            f"requests get {settings.TOKENS_DRAIN_S} s to end."
        )
        self.stdout.flush()
        server = Server(config(host, port))
        server.run()
        if not server.started:
            raise CommandError("The server did not start; the lines above say why.")


def _require_free(host: str, port: int) -> None:
    """Say so in plain words when somebody else listens there. Raises CommandError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {host}:{port}: {error.strerror}. Stop what listens there, or "
                "choose another with --port."
            ) from error

"""`manage.py serve`: migrate, check, and run the gateway until it is told to stop."""

import gc
import os
import socket
import sys
from argparse import SUPPRESS, ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from typing_extensions import override

from gateway.migrating import check, migrate
from gateway.server import Server, config
from gateway.workers import READY, Parent, end_with_parent


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
        parser.add_argument(
            "--workers",
            type=int,
            default=1,
            metavar="N",
            help="Processes that answer, one per core. More than one need REDIS_URL. Default: 1.",
        )
        # What a parent tells its workers.
        for option in ("--fd", "--ready-fd", "--alive-fd"):
            parser.add_argument(option, type=int, help=SUPPRESS)

    @override
    def handle(self, *args: Any, host: str, port: int, workers: int, **options: Any) -> None:
        if options["fd"] is not None:
            return self._work(options["fd"], options["ready_fd"], options["alive_fd"])
        _check(workers)
        listener = _listening(host, port)
        with listener:
            migrate()
            self._announce(host, port, workers)
            if workers == 1:
                return self._serve(listener)
            gc.enable()  # this process only waits for the others
            connections.close_all()
            command = [sys.argv[0], "serve"]
            parent = Parent(command, listener, workers, settings.TOKENS_ENVIRONMENT)
            if not parent.run(settings.TOKENS_DRAIN_S):
                raise CommandError("The workers do not start; the lines above say why.")

    def _serve(self, listener: socket.socket) -> None:
        server = Server(config())
        server.run([listener])
        if not server.started:
            raise CommandError("The server did not start; the lines above say why.")

    def _work(self, fd: int, ready: int, alive: int) -> None:
        """Answer on the parent's socket, until it says stop or is gone."""
        end_with_parent(alive)
        check()
        connections.close_all()
        server = Server(config(), on_start=lambda: os.write(ready, READY))
        server.run([socket.socket(fileno=fd)])
        if not server.started:
            raise CommandError("The worker did not start; the lines above say why.")

    def _announce(self, host: str, port: int, workers: int) -> None:
        by = f" with {workers} workers" if workers > 1 else ""
        self.stdout.write(
            f"Tokens {settings.TOKENS_VERSION} serves http://{host}:{port}/<platform>/v1/{by} "
            f"(console: http://{host}:{port}/admin/). Ctrl+C or SIGTERM stops it; running "
            f"requests get {settings.TOKENS_DRAIN_S} s to end."
        )
        self.stdout.flush()


def _check(workers: int) -> None:
    """Raises CommandError where so many workers cannot be run."""
    if workers < 1:
        raise CommandError(f"--workers is {workers}; it must be 1 or more.")
    if workers > 1 and not settings.REDIS_URL:
        raise CommandError(
            f"--workers {workers} needs a Redis: limits and budgets are counted by all workers "
            "together. Set REDIS_URL=redis://host:6379/0, or start one worker."
        )


def _listening(host: str, port: int) -> socket.socket:
    """The socket on which to answer; raises CommandError when somebody else listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CommandError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Stop what listens there, or "
            "choose another with --port."
        ) from error
    return listener

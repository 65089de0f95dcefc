"""A data folder with all that the gateway needs for a call; run as a program, it prints the key.

One process for what takes `manage.py` four: to start Django is the longest part of it.
"""

import argparse
import io
import os
import sys

import django
from django.core.management import call_command


def main(base_url: str) -> None:
    """Database, platform, credential and licence, where the environment says."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokens_site.settings")
    django.setup()
    call_command("migrate", verbosity=0)
    said = io.StringIO()
    platform = ("bench", "--preset", "custom", "--base-url", base_url)
    call_command("platform", "add", *platform, stdout=said)
    os.environ["BENCH_SECRET"] = "bench-secret"  # noqa: S105 # of a mock
    call_command("credential", "add", "bench", "--secret-env", "BENCH_SECRET", stdout=said)
    call_command("licence", "issue", "--name", "bench", "--json", stdout=sys.stdout)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-url", required=True)
    main(parser.parse_args().base_url)

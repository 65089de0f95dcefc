#!/usr/bin/env python
"""The command line of Tokens: `python manage.py help` lists what it can do."""

import gc
import os
import sys

import django
from django.core.management import execute_from_command_line

from tokens_site.sparing import sparing

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokens_site.settings")
    if sys.argv[1:2] == ["serve"]:
        # Nothing that a start makes is garbage, and looking for some takes a tenth of it. Switched
        # on when the server answers (tokens_site.asgi).
        gc.disable()
        if not any(word.startswith(("--settings", "--pythonpath")) for word in sys.argv):
            with sparing():
                django.setup()
    execute_from_command_line(sys.argv)

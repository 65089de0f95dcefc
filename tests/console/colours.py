"""Writes `console/colours.css` anew from the settings: python -m tests.console.colours."""

import os
from pathlib import Path

FILE = Path(__file__).parents[2] / "gateway/static/console/colours.css"

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokens_site.settings")
    import django

    django.setup()
    from gateway.console.colours import sheet

    FILE.write_text(sheet(), "utf-8")

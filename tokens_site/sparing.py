"""Libraries that others load because they are there, and that a server has no use for."""

import contextlib
import sys
from collections.abc import Iterator

from django.conf import settings

# Who loads them, so that nobody need wonder: REST framework's tests and schemas, httpx's command.
_NEEDLESS = ("requests", "yaml", "click", "rich", "pygments")
_DRIVER = "psycopg"  # Unfold's, for fields that only PostgreSQL has


@contextlib.contextmanager
def sparing() -> Iterator[None]:
    """While this lasts they are not to be had; afterwards whoever needs one may load it.

    That is 19 MB of a server (111 without it, Nov 2026), and some of its start.
    """
    names = list(_NEEDLESS)
    if not settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
        names.append(_DRIVER)
    names = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type] # None: not to be imported
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]

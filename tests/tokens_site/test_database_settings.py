"""How the database is connected to: a server that vanishes is noticed soon."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SHOW = """
import json
from tokens_site import settings
print(json.dumps(settings.DATABASES["default"].get("OPTIONS", {})))
"""


def options(url: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "DATABASE_URL": url, "TOKENS_DATA_DIR": str(folder)},
        capture_output=True,
        timeout=60,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("query", "connect_s"), [("", 5), ("?connect_timeout=9", 9)])
def test_postgresql_is_given_up_within_half_a_minute(
    tmp_path: Path, query: str, connect_s: int
) -> None:
    found = options(f"postgres://u:p@db.example:5432/tokens{query}", tmp_path)

    assert found["connect_timeout"] == connect_s
    silent_s = found["keepalives_idle"] + found["keepalives_interval"] * found["keepalives_count"]
    assert silent_s <= 30
    assert found["tcp_user_timeout"] <= 30_000


def test_sqlite_is_told_nothing_of_networks(tmp_path: Path) -> None:
    assert "connect_timeout" not in options(f"sqlite:///{tmp_path}/x.sqlite3", tmp_path)

"""docs/alerts.md: what it says of signatures is tried, what it says of kinds is the code."""

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.alert_rows import AlertKind
from gateway.alerts import messages
from gateway.alerts.sending import new_secret, signature

TEXT = (Path(__file__).parents[3] / "docs/alerts.md").read_text("utf-8")
BODY = '{"text": "é"}\n'.encode()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    return found[1]


def headers(secret: str, seconds_ago: int = 0) -> dict[str, str]:
    timestamp = int(datetime.now(UTC).timestamp()) - seconds_ago
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, "msg_1", timestamp, BODY),
    }


def test_the_python_of_the_document_verifies_signatures() -> None:
    known: dict[str, Any] = {}
    exec(block("python"), known)  # our own document
    secret = new_secret()

    assert known["is_genuine"](secret, headers(secret), BODY)
    assert not known["is_genuine"](secret, headers(secret), BODY + b" ")
    assert not known["is_genuine"](new_secret(), headers(secret), BODY)
    assert not known["is_genuine"](secret, headers(secret, seconds_ago=600), BODY)


def test_the_shell_of_the_document_verifies_signatures(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    (tmp_path / "body.json").write_bytes(BODY)
    secret = new_secret()
    sent = headers(secret)
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "SECRET": secret,
        "WEBHOOK_ID": sent["webhook-id"],
        "WEBHOOK_TIMESTAMP": sent["webhook-timestamp"],
    }

    done = subprocess.run(
        ["/bin/sh", "-c", block("sh")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        timeout=20,
        check=True,
    )

    assert f"v1,{done.stdout.decode().strip()}" == sent["webhook-signature"]


def test_the_table_of_alerts_is_the_code() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)) == set(AlertKind.values)


def test_the_pauses_of_the_document_are_the_real_ones() -> None:
    units = {"s": 1, "min": 60, "h": 3600}
    found = re.search(r"tried again after (.*?), always", TEXT, re.DOTALL)
    assert found is not None
    shown = re.findall(r"(\d+) (s|min|h)\b", found[1])

    assert [int(n) * units[unit] for n, unit in shown] == [
        pause.total_seconds() for pause in messages.PAUSES
    ]

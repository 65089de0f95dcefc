"""The mail server of alerts, from one address."""

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
names = ("BACKEND", "HOST", "PORT", "HOST_USER", "HOST_PASSWORD", "USE_TLS", "USE_SSL", "TIMEOUT")
print(json.dumps({name: getattr(settings, f"EMAIL_{name}") for name in names}))
"""


def mail(url: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "EMAIL_URL": url, "TOKENS_DATA_DIR": str(folder)},
        capture_output=True,
        timeout=60,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", {"BACKEND": "django.core.mail.backends.dummy.EmailBackend"}),
        (
            "smtp+tls://ops%40example.org:p%3Ass@mail.example.org:587",
            {
                "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
                "HOST": "mail.example.org",
                "PORT": 587,
                "HOST_USER": "ops@example.org",
                "HOST_PASSWORD": "p:ss",
                "USE_TLS": True,
                "USE_SSL": False,
            },
        ),
        ("smtp+ssl://mail.example.org:465", {"PORT": 465, "USE_TLS": False, "USE_SSL": True}),
        ("smtp://mail.example.org", {"PORT": 25, "HOST_USER": "", "USE_TLS": False}),
    ],
)
def test_the_address_of_a_mail_server_is_read(tmp_path: Path, url: str, says: Any) -> None:
    found = mail(url, tmp_path)

    assert {name: found[name] for name in says} == says
    assert found["TIMEOUT"] == 10

"""From an empty folder: set up once, whatever happens in between."""

import io
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import override_settings

from licences.models import Licence
from platforms.models import Platform
from tests.live.server import ROOT, served
from tokens_site import checks, data_folder
from tokens_site.management.commands import setup


def run() -> str:
    out = io.StringIO()
    call_command("setup", stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_the_first_run_makes_all_that_is_needed_and_shows_it() -> None:
    text = run()

    [password] = re.findall(r"Password\s+(\S+)", text)
    [key] = set(re.findall(r"tk-\w+", text))
    assert User.objects.get().check_password(password)
    assert Licence.objects.get().key_end == key[-4:]
    assert Platform.objects.get().slug == "sandbox"
    assert "curl http://127.0.0.1:8000/sandbox/v1/chat/completions" in text


@pytest.mark.django_db
def test_the_second_run_changes_and_shows_nothing() -> None:
    run()
    before = list(Licence.objects.values()), list(User.objects.values())

    assert run() == ""
    assert (list(Licence.objects.values()), list(User.objects.values())) == before


@pytest.mark.django_db
def test_a_run_that_fails_midway_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_fields: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(setup, "issue", fail)
        with pytest.raises(RuntimeError):
            run()
    assert not User.objects.exists()

    assert "Password" in run()


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    made = data_folder.secret(tmp_path / "new", "x", data_folder.new_token)

    assert data_folder.secret(tmp_path / "new", "x", data_folder.new_token) == made
    assert stat.S_IMODE((tmp_path / "new/secrets/x").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new/secrets").stat().st_mode) == 0o700
    assert list((tmp_path / "new/secrets").iterdir()) == [tmp_path / "new/secrets/x"]


def test_processes_that_start_together_agree_on_a_secret(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tokens_site import data_folder as d\n"
        f"print(d.secret(Path({str(tmp_path)!r}), 'x', d.new_token))"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    seen = {child.communicate(timeout=30)[0] for child in children}

    assert len(seen) == 1


@pytest.mark.parametrize(
    ("settings", "check", "ids"),
    [
        ({"TOKENS_ENCRYPTION_KEYS": ["short"]}, checks.encryption_keys, ["tokens.E001"]),
        ({"TOKENS_PING_S": 0}, checks.positive_settings, ["tokens.E002"]),
        (
            {"TOKENS_HTTPS": False, "ALLOWED_HOSTS": ["*"]},
            checks.production,
            ["tokens.W001", "tokens.W002"],
        ),
        ({"TOKENS_HTTPS": True, "ALLOWED_HOSTS": ["x"]}, checks.production, []),
        ({}, checks.encryption_keys, []),
        ({}, checks.positive_settings, []),
    ],
)
def test_wrong_settings_are_named_with_a_hint(
    settings: dict[str, object], check: object, ids: object
) -> None:
    with override_settings(**settings):
        found = check(None)  # type: ignore[operator]

    assert [message.id for message in found] == ids
    assert all(message.hint for message in found)


@pytest.mark.live
def test_a_port_that_is_taken_is_said_in_plain_words(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.prepare()
        server.start()
        second = subprocess.run(
            [sys.executable, "manage.py", "serve", "--port", str(server.port)],
            cwd=ROOT,
            env=server.environment,
            capture_output=True,
            timeout=30,
            check=False,
        )

    assert second.returncode == 1
    assert b"Address already in use" in second.stderr
    assert b"Traceback" not in second.stderr

"""`manage.py alerts`: for terminals and scripts."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.gateway.alerts.scene import Scene, disable, make_target
from tests.make import make_credential, make_platform
from tests.upstreams import answer, running_upstream

pytestmark = pytest.mark.django_db


def alerts(*arguments: str) -> str:
    out = StringIO()
    call_command("alerts", *arguments, stdout=out)
    return out.getvalue()


def test_open_alerts_are_listed() -> None:
    assert alerts("list") == "No alert is open.\n"
    disable(make_credential(make_platform("acme")))
    Scene().later()

    first, second = alerts("list").splitlines()
    assert first.startswith("critical  2026-11-26T12:00:00  No credential of acme")
    assert "“main”" in second
    kinds = [row["kind"] for row in json.loads(alerts("list", "--json"))]
    assert kinds == ["platform_down", "credential_disabled"]


def test_a_test_says_what_was_answered(settings: Any) -> None:
    with running_upstream(answer(b"ok")) as receiver:
        settings.TOKENS_ALERT_ALLOW = [f"127.0.0.1:{receiver.port}"]
        make_target("chat", address=receiver.base_url)

        assert alerts("test", "chat") == "Delivered: 200 ok\n"
        assert json.loads(alerts("test", "chat", "--json"))["ok"] is True
        receiver.default = answer(b"", 500)
        with pytest.raises(CommandError, match="500"):
            alerts("test", "chat")


def test_an_unknown_target_is_told_which_are_known() -> None:
    make_target("chat")

    with pytest.raises(CommandError, match="known: chat"):
        alerts("test", "mail")

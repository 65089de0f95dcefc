"""Running the commands, and what a probe may answer."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from platforms.probing import ProbeResult

MARKER = "MARKER-SECRET-4711"
GOOD = ProbeResult(True, 200, 12, "2 models listed", ("m-1", "m-2", "e-1", "m-1"))
BAD = ProbeResult(False, 401, 7, "key: no\nsuch key")


def run(*arguments: object) -> str:
    """What a command prints."""
    out = io.StringIO()
    call_command(*map(str, arguments), stdout=out)
    return out.getvalue()


def run_json(*arguments: object) -> Any:
    """What a command prints for programs."""
    return json.loads(run(*arguments, "--json"))


def refused(*arguments: object) -> str:
    """What a command says that refuses."""
    with pytest.raises(CommandError) as error:
        run(*arguments)
    return str(error.value)

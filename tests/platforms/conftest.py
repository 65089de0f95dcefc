"""What the tests of platforms may ask for."""

import io
import sys
from collections.abc import Callable, Iterator

import pytest

from gateway.probe import list_models, probe
from platforms import probing
from platforms.probing import ProbeResult
from tests.platforms.running import GOOD


@pytest.fixture
def answer() -> Iterator[Callable[..., None]]:
    """Lets the credential of a name be answered so: `answer(bad=BAD)`; others are good."""
    answers: dict[str, ProbeResult] = {}
    probing.use(lambda _platform, key: answers.get(key.name if key else "", GOOD))
    yield answers.update
    probing.use(probe, list_models)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets the next command read this from standard input."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))

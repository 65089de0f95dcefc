"""A site whose tasks are looked at often, over an upstream that makes films."""

from typing import Any

import pytest

from gateway.media import worker
from tests.gateway.conftest import Site
from tests.gateway.media.platform import FilmMaker


@pytest.fixture(autouse=True)
def quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Polls follow each other closely."""
    settings.TOKENS_POLL_S = 0.05
    monkeypatch.setattr(worker, "TICK_S", 0.02)


@pytest.fixture
def films(site: Site) -> FilmMaker:
    """The site's upstream makes films."""
    maker = FilmMaker()
    site.upstream.default = maker.play
    return maker

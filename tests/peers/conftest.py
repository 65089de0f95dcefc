"""A live server for the official SDKs, shared by the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.live.server import Server, served


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server with the sandbox; `live.key` is a licence for all of it."""
    with served(tmp_path_factory.mktemp("live")) as server:
        server.prepare()
        server.start()
        yield server

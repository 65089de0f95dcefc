"""What every test may ask for."""

import functools
from collections.abc import Iterator
from typing import Any

import pytest
from _pytest.nodeid import coerce_node_id
from django.db import connection
from httpx import create_ssl_context
from httpx._transports import default
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

from tests.databases import Emptying, Opened, delete_instead_of_truncate

_OPENED = pytest.StashKey[Opened]()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """pytest-django's, and what `tests.databases` has for it."""
    with pytest.MonkeyPatch.context() as patch:
        Emptying().use(patch)
        if connection.vendor != "postgresql":
            yield
            return
        opened = request.config.stash[_OPENED] = Opened()
        delete_instead_of_truncate(patch)
        yield
    opened.close_others()


@pytest.fixture(scope="session", autouse=True)
def _authorities_are_read_once() -> Iterator[None]:
    """By all HTTP clients of the tests together, which else take 20 to 100 ms each for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(default, "create_ssl_context", functools.cache(create_ssl_context))
        yield


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_looked_up_once() -> Iterator[None]:
    """By all of Django's test clients together: each builds all middleware, which lists them."""
    django_s = WhiteNoiseMiddleware.add_files_from_finders
    files: dict[str, Any] = {}

    def add_files(middleware: WhiteNoiseMiddleware) -> None:
        if not files:
            django_s(middleware)
            files.update(middleware.files)
        middleware.files.update(files)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add_files)
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-only",
        action="store_true",
        help="Only tests that use the database: for a second run, on another one.",
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not depend on the database, where that is asked for."""
    for item in items:
        # xdist 3.8 writes a test's group where pytest 9.2 does not look for it any more.
        if grouped := getattr(item, "_nodeid", None):
            item._id = coerce_node_id(grouped)
    if not config.getoption("--database-only"):
        return
    chosen = [item for item in items if _uses_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


def _uses_database(item: pytest.Item) -> bool:
    names: list[str] = getattr(item, "fixturenames", [])
    return bool({"db", "transactional_db"} & {*names}) or bool(item.get_closest_marker("django_db"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """After a test and its fixtures: close the connections that its threads have left."""
    yield
    if opened := item.config.stash.get(_OPENED, None):
        opened.close_others()

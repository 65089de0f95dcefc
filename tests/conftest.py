"""What every test may ask for."""

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.databases import Opened, delete_instead_of_truncate

_OPENED = pytest.StashKey[Opened]()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """pytest-django's, and on PostgreSQL what `tests.databases` has for it."""
    if connection.vendor != "postgresql":
        yield
        return
    opened = request.config.stash[_OPENED] = Opened()
    with pytest.MonkeyPatch.context() as patch:
        delete_instead_of_truncate(patch)
        yield
    opened.close_others()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-only",
        action="store_true",
        help="Only tests that use the database: for a second run, on another one.",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not depend on the database, where that is asked for."""
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

"""Lists of millions of rows: counted as far as anybody pages."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db import connection
from django.db.models import QuerySet
from typing_extensions import override

if TYPE_CHECKING:  # the class takes a parameter in its stubs only
    Pages = Paginator[Any]
else:
    Pages = Paginator

MOST = 2_000
"""Rows that can be paged through. Counting all of millions takes seconds, and so does the last
page of them, for which the database walks over all that stand before it."""


class LargePaginator(Pages):
    """The first `MOST` rows in pages; more are said to be there, and found by filters."""

    object_list: QuerySet[Any]

    @cached_property
    @override
    def count(self) -> int:
        """All rows up to `MOST`; beyond that the database's estimate, or `MOST`."""
        return (self._estimate or MOST) if self._beyond else self._counted

    @cached_property
    @override
    def num_pages(self) -> int:
        """Pages that can be looked at."""
        return -(-min(self.count, MOST) // self.per_page) or 1

    @property
    def is_cut(self) -> bool:
        """There are rows behind the last page."""
        return self._beyond

    @property
    def is_estimate(self) -> bool:
        """The count is the database's, of its last look at the table."""
        return self.count > MOST

    @property
    def is_more(self) -> bool:
        """The count is a lower bound."""
        return self._beyond and not self.is_estimate

    @cached_property
    def _counted(self) -> int:
        found: int = self.object_list.order_by()[: MOST + 1].count()
        return found

    @property
    def _beyond(self) -> bool:
        return self._counted > MOST

    @cached_property
    def _estimate(self) -> int:
        """Rows of the whole table as PostgreSQL knows without counting; 0: it cannot be told."""
        query = self.object_list.query
        if connection.vendor != "postgresql" or query.where or query.distinct:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass",
                [f'"{query.get_meta().db_table}"'],
            )
            found = int(cursor.fetchone()[0])
        return found if found > MOST else 0

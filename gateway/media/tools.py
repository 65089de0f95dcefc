"""What the steps of media tasks work with, in one hand."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from gateway import attempts
from gateway.fetch import Fetcher
from gateway.media.results import Results
from gateway.media.storage import Store
from gateway.metrics.counts import Metrics
from gateway.shapes import Failure
from gateway.upstream import Upstream
from licences.limits.limiter import Limiter
from platforms.catalogue import Catalogue
from platforms.pool import Pool
from platforms.routes import CredentialSpec

Database = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Tools:
    """Handed to every part of the worker."""

    catalogue: Catalogue
    upstream: Upstream
    fetcher: Fetcher
    store: Store
    results: Results
    database: Database
    """Runs a function in the database's thread."""
    pool: Pool
    limiter: Limiter
    metrics: Metrics
    note_failure: Callable[[str, CredentialSpec, Failure], None]
    """Told the platform's short name, the credential, and what went wrong."""
    ended: Callable[[str], None]
    """Told a task's id when it has ended."""

    def noted(self, failure: Failure, platform: str, credential: CredentialSpec) -> Failure:
        """The failure without the credential's secret, shown with the credential in the admin."""
        attempts.scrub(failure, credential)
        self.note_failure(platform, credential, failure)
        return failure

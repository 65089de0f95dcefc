"""The calls of a media task: those of its plan, side by side, and the polls."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from pathlib import Path

from gateway import attempts
from gateway.bodies import Blob
from gateway.jobs import JobKind, Plan, Progress, Result
from gateway.media.results import Results
from gateway.media.storage import Draft, Store
from gateway.protocols import PROTOCOLS
from gateway.shapes import Failure, UpstreamRequest
from gateway.upstream import Upstream
from gateway.wires import UpstreamResponse
from platforms.routes import CredentialSpec, PlatformSpec

logger = logging.getLogger(__name__)

POLL_TIMEOUT_S = 60.0
_MAX_ERROR = 2**20
_GOOD = (200, 201, 202)
_SURE = frozenset((*range(400, 408), *range(409, 500), 503, 529))
"""Statuses with which a platform says that it has not begun: 408 and 5xx leave that open."""
_NO_FILES: Mapping[str, Path] = {}
Answer = tuple[Progress, dict[int, Draft]]
"""What an upstream says, and the drafts of the files that its answer itself holds, by place."""


class Calls:
    """Makes the upstream calls of media tasks."""

    def __init__(self, upstream: Upstream, store: Store, results: Results) -> None:
        self._upstream = upstream
        self._store = store
        self._results = results

    async def order(
        self,
        plan: Plan,
        platform: PlatformSpec,
        credential: CredentialSpec,
        stack: contextlib.ExitStack,
    ) -> Answer:
        """Make the plan's calls; what they answer, together. Raises Failure when all fail."""
        body = plan.request.body
        pieces = () if isinstance(body, bytes) else body
        names = {piece.source.file for piece in pieces if isinstance(piece, Blob)}
        failures: list[Failure] = []
        answers: list[Answer] = []

        async def once() -> None:
            try:
                response = await self._send(platform, credential, plan.request, files)
                try:
                    answers.append(await self._results.read(response, plan.read, stack))
                finally:
                    await response.aclose()
            except Failure as failure:
                failures.append(failure)

        async with self._store.local(names) as files:
            try:
                async with asyncio.timeout(platform.timeouts.total_s):
                    async with asyncio.TaskGroup() as group:
                        for _number in range(plan.times):
                            group.create_task(once())
            except TimeoutError:
                failures.append(Failure("timeout", "The platform did not answer in time."))
        if not answers:
            # One that leaves open whether the platform began counts more than those that do not.
            raise min(failures, key=surely_refused)
        for failure in failures:
            logger.warning("One of %d pictures was not made: %s", plan.times, failure.message)
        return together(answers)

    async def poll(
        self,
        kind: JobKind,
        upstream_id: str,
        platform: PlatformSpec,
        credential: CredentialSpec,
        stack: contextlib.ExitStack,
    ) -> Answer:
        """Ask how a job stands. Raises Failure."""
        protocol = PROTOCOLS[platform.protocol]
        request = protocol.poll(kind, upstream_id, platform)

        def read(body: bytes) -> Progress:
            return protocol.progress(kind, upstream_id, body)

        try:
            async with asyncio.timeout(POLL_TIMEOUT_S):
                response = await self._send(platform, credential, request, _NO_FILES)
                try:
                    return await self._results.read(response, read, stack)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise Failure("timeout", "The platform did not answer in time.") from None

    async def _send(
        self,
        platform: PlatformSpec,
        credential: CredentialSpec,
        request: UpstreamRequest,
        files: Mapping[str, Path],
    ) -> UpstreamResponse:
        return await attempts.send(
            self._upstream,
            platform,
            credential,
            request,
            max_error=_MAX_ERROR,
            good=_GOOD,
            files=files,
        )


def surely_refused(failure: Failure) -> bool:
    """Whether the platform surely has not begun, so that another try cannot be a second one."""
    return failure.unsent or failure.status in _SURE


def together(answers: list[Answer]) -> Answer:
    """The answers of calls that were made side by side, as one."""
    if len(answers) == 1:
        return answers[0]
    drafts: dict[int, Draft] = {}
    found: list[Result] = []
    usage = None
    for progress, made in answers:
        drafts.update({len(found) + place: draft for place, draft in made.items()})
        found += progress.results
        if progress.usage is not None:
            usage = progress.usage if usage is None else usage.plus(progress.usage)
    first = answers[0][0]
    facts = {name: value for name, value in first.facts.items() if name != "usage"}
    return Progress("completed", results=tuple(found), usage=usage, facts=facts), drafts
